"""What is said under the images of an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool import look, preview


@pytest.mark.parametrize(
    ("labels", "caption"),
    [
        (np.tile([1, 0, 1, 0], (30, 1)), "#0 · #2"),
        (np.full((30, 2), 7.25), "7.25, 7.25"),
        (np.zeros(30, np.int64), "#0"),
    ],
    ids=["multihot", "values", "classes"],
)
def test_an_outputs_labels_are_said_as_what_they_are(
    tmp_path: Path, job: Any, monkeypatch: pytest.MonkeyPatch, labels: np.ndarray, caption: str
) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"], file["labels"] = np.zeros((30, 6, 9, 3), np.uint8), labels
    one = job(tmp_path / "in.h5")
    augtool.run(one)
    said = []
    real = preview.draw_grid

    def spy(cells: Any, *rest: Any, **given: Any) -> Any:
        said.extend(cell.caption for cell in cells)
        return real(cells, *rest, **given)

    monkeypatch.setattr(preview, "draw_grid", spy)
    look.preview_of(one.output, look.View(rows=1, cols=3))
    assert said == [caption] * 3
