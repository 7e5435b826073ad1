"""Inspecting and previewing outputs of every format: they say and show the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]
FORMS = {
    "m.tar": (),
    "m.npz": (),
    "m.parquet": (),
    "shards": ("--format", "h5", "--shards", 3),
    "tars": ("--format", "tar", "--shards", 3),
    "arrays": ("--format", "npy"),
    "table": ("--format", "parquet"),
    "images": ("--format", "folder"),
    "nchw.h5": ("--out-layout", "NCHW"),
    "sparse.h5": ("--labels-as", "sparse"),
}
SOURCE = "sample:?n=60&size=8&classes=3"


@pytest.mark.parametrize("name", FORMS)
def test_every_format_is_inspected_and_previewed_as_hdf5(cli: Cli, name: str) -> None:
    told = {}
    for output, options in (("m.h5", ()), (name, FORMS[name])):
        assert cli("cutmix", "--in", SOURCE, "--out", output, *options)[0] == 0
        _, said, _ = cli("inspect", output)
        _, row, _ = cli("inspect", output, "--row", 5, "--in", SOURCE)
        _, recipe, _ = cli("inspect", output, "--recipe")
        assert cli("preview", output, "--out", "grid.png", "--outline")[0] == 0
        grid = Path("grid.png").read_bytes()
        said = said.replace("NCHW", "NHWC")
        told[output] = said[said.index("recipe") :], row, recipe, grid
    assert told[name] == told["m.h5"]
