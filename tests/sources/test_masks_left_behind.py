"""Inputs with masks that are not read: it is said, and can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import augtool
from augtool.job import Job
from augtool.recipe.recipe import Reading
from augtool.sources._contract import NO_MASKS

Make = Callable[..., Job]


@pytest.mark.parametrize("form", ["tar", "parquet"])
def test_masks_of_our_own_outputs_are_not_lost_in_silence(
    job: Make, tmp_path: Path, form: str
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = np.zeros((8, 6, 6, 3), np.uint8)
        file["labels"] = np.arange(8) % 2
        file["masks"] = np.ones((8, 6, 6), np.uint8)
    first = job(tmp_path / "a.h5", f"mixed.{form}")
    assert augtool.run(first).warnings == ()
    for keys, said in ((None, 1), (NO_MASKS, 0)):
        again = job(first.output, f"again-{said}.h5", reading=Reading(mask_key=keys))
        warnings = augtool.run(again).warnings
        assert [one for one in warnings if "masks" in one] == [
            f"{first.output}: has masks, which are not read from such files; "
            "give HDF5 or npy to keep them, or --masks none"
        ] * said


def test_nothing_is_said_without_masks(
    job: Make, tmp_path: Path, owners: Callable[..., Path]
) -> None:
    first = job(owners(8), "mixed.tar")
    augtool.run(first)
    assert augtool.run(job(first.output, "again.h5")).warnings == ()
