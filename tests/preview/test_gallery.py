"""The gallery: originals first, then a column for each method or λ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augtool.errors import SourceError, UsageError
from augtool.preview import grid
from augtool.preview.gallery import columns_of, columns_of_lam, gallery_of, shown_methods
from augtool.preview.grid import Cell


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Cell], dict[str, object]]]:
    """What the gallery asks to be drawn."""
    asked: list[tuple[list[Cell], dict[str, object]]] = []
    real = grid.draw_grid

    def spy(cells: list[Cell], cols: int, **given: object) -> Image.Image:
        asked.append((cells, {"cols": cols, **given}))
        return real(cells, cols, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(grid, "draw_grid", spy)
    return asked


def test_originals_stand_first_and_each_method_has_a_column(drawn: list) -> None:
    gallery_of(["sample:?n=40&size=12x20&classes=5"], columns_of(["cutmix"]), rows=3)
    ((cells, given),) = drawn
    assert given["headings"] == ["original", "cutmix"]
    assert given["cols"] == 2
    assert len(cells) == 6
    assert all(" · " not in cell.caption for cell in cells[::2])
    assert cells[0].pixels.shape == (12, 20, 3)


def test_each_lambda_has_a_column_and_keeps_more_of_the_base(drawn: list) -> None:
    source = ["sample:?n=40&size=12x20&classes=5"]
    gallery_of(source, columns_of_lam("cutmix", [0.1, 0.9]), rows=4)
    ((cells, given),) = drawn
    assert given["headings"] == ["original", "cutmix λ = 0.1", "cutmix λ = 0.9"]
    rows = [cells[start : start + 3] for start in range(0, len(cells), 3)]
    changed = [[int((cell.pixels != row[0].pixels).sum()) for cell in row[1:]] for row in rows]
    assert sum(small for _, small in changed) < sum(large for large, _ in changed)


def test_single_images_of_several_sizes_are_their_own_classes(drawn: list, tmp_path: Path) -> None:
    for name, size in (("cat", (30, 50)), ("dog", (64, 20))):
        Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(tmp_path / f"{name}.jpg")
    files = [str(tmp_path / "cat.jpg"), str(tmp_path / "dog.jpg")]
    gallery_of(files, columns_of(["cutmix"]))
    ((cells, _),) = drawn
    assert [cell.caption for cell in cells[::2]] == ["cat", "dog"]
    assert {cell.pixels.shape for cell in cells} == {(224, 224, 3)}


def test_two_images_are_shown_by_every_method_that_can_mix_two(drawn: list, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        Image.fromarray(np.full((30, 50, 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    names = shown_methods(2)
    assert "cutmix" in names
    assert not {"mosaic", "smooth"} & set(names)
    assert "mosaic" in shown_methods(4)
    gallery_of([str(tmp_path / "cat.png"), str(tmp_path / "dog.png")], columns_of(names))
    ((_, given),) = drawn
    assert given["headings"] == ["original", *names]


def test_the_same_gallery_is_drawn_each_time() -> None:
    source = ["sample:?n=40&size=12x20&classes=5"]
    one, other = (gallery_of(source, columns_of(["cutmix"]), seed=4) for _ in range(2))
    assert one.tobytes() == other.tobytes()
    assert one.tobytes() != gallery_of(source, columns_of(["cutmix"]), seed=5).tobytes()


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    columns = columns_of(["cutmix"])
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(UsageError, match="no partner"):
        gallery_of([str(tmp_path / "broken.jpg")], columns)
    with pytest.raises(SourceError, match=r"broken\.jpg: cannot be read"):
        gallery_of([str(tmp_path / "broken.jpg")] * 2, columns)
    with pytest.raises(UsageError, match="check --in"):
        gallery_of([str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")], columns)
