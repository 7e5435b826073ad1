"""A dry run: its numbers are those of the run, and it makes nothing."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from augtool.pipeline import dry_run, worker
from augtool.planning.plan import make_plan
from augtool.planning.row_info import Known
from augtool.recipe.recipe import Recipe, step
from augtool.recipe.sampling import Sampling

Cli = Callable[..., tuple[int, str, str]]
SAMPLE = "sample:?n=200&size=12&classes=4"


def said(cli: Cli, *arguments: object) -> dict:
    code, out, _ = cli("cutmix", "--out", "m.h5", *arguments, "--dry-run", "--json")
    assert code == 0
    return json.loads(out)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--copies", "3"],
        ["--num", "333"],
        ["--limit", "20", "--keep-originals"],
        ["--label-smoothing", "0.5"],
        ["--size", "9x14"],
        ["--balance", "classes", "--only-classes", "0,1", "--keep-originals", "--num", "150"],
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_the_numbers_are_those_of_the_run(cli: Cli, options: list[str]) -> None:
    expected = said(cli, "--in", SAMPLE, *options)
    assert cli("cutmix", "--in", SAMPLE, "--out", "m.h5", *options)[0] == 0
    with h5py.File("m.h5") as file:
        assert expected["rows"] == len(file["images"])
        assert tuple(expected["shape"]) == file["images"].shape[1:]
        assert expected["nbytes"] == sum(data_set.nbytes for data_set in file.values())
        mass = file["labels"][()].sum(0)
    overhead = Path("m.h5").stat().st_size - expected["nbytes"]
    assert 0 < overhead < 20_000
    np.testing.assert_allclose(list(expected["label_mass"].values()), mass, rtol=0.2)
    np.testing.assert_allclose(sum(expected["label_mass"].values()), expected["rows"], rtol=1e-6)


def test_nothing_is_made(cli: Cli, folder: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, out, err = cli(
        "cutmix", "--in", folder, "--out", "m.h5", "--preview", "grid.png", "--dry-run"
    )
    assert (code, err) == (0, "")
    assert "rows     24 of shape 9×14×3" in out
    assert "work     1 task in this process" in out
    assert re.search(r"^bytes    [\d.]+ kB, [\d.]+ × the source$", out, re.MULTILINE)
    assert re.search(r"^ +8\.0  cat$", out, re.MULTILINE)
    assert sorted(tmp_path.rglob("*")) == before


def test_workers_and_tasks_are_those_that_would_run(cli: Cli) -> None:
    source = "sample:?n=300&size=200"  # 512 rows of 120,000 bytes make a block
    assert said(cli, "--in", source, "--workers", 2)["workers"] == 2
    assert said(cli, "--in", source, "--copies", 9)["tasks"] == 2  # eight copies share a task
    assert said(cli, "--in", source, "--compression", "gzip")["tasks"] == 1
    assert said(cli, "--in", SAMPLE)["workers"] == 0


@pytest.mark.parametrize("originals", [False, True])
@pytest.mark.parametrize("chunk_rows", [None, 1, 16, 100])
@pytest.mark.parametrize("drawn", [False, True])
def test_tasks_are_counted_as_they_are_cut(
    originals: bool, chunk_rows: int | None, drawn: bool
) -> None:
    sampling = Sampling(row_weights="w") if drawn else Sampling()
    known = Known(sampling, weights=np.arange(1, 301) if drawn else None)
    for total, blocks in itertools.product(
        [1, 70, 300, 2400, 2401, 2700, 2711, 5000], [0.25, 1, 2, 9]
    ):
        recipe = Recipe((step("cutmix"),), num=total, keep_originals=originals, block_rows=64)
        plan = make_plan(recipe, 300, (9, 14, 3), 1, known=known)
        if chunk_rows is None and blocks < 1:
            continue  # what is written in place is never cut into parts of blocks
        for shards in ([(0, total)], [(0, 7), (7, total)] if total > 7 else [(0, total)]):
            made = sum(1 for _ in worker.cut(plan, chunk_rows, blocks, shards))
            assert dry_run._tasks(plan, chunk_rows, blocks, shards) == made


def test_an_endless_run_is_estimated_at_once(cli: Cli) -> None:
    code, out, err = cli("cutmix", "--in", SAMPLE, "--out", "m.h5", "--copies", 10**15, "--dry-run")
    assert code == 0
    assert "rows     200,000,000,000,000,000 of" in out
    assert "this run would stop" in err


def test_a_bad_compression_is_found(refused: Callable[..., str]) -> None:
    said = refused("cutmix", "--in", SAMPLE, "--out", "m.h5", "--compression", "lzf", "--dry-run")
    assert "gzip:LEVEL" in said


def test_too_little_space_is_a_warning(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    code, _, err = cli("cutmix", "--in", SAMPLE, "--out", "m.h5", "--dry-run")
    assert code == 0
    assert re.search(r"^warning: the output needs [\d,]+ bytes and 1,000 are free", err)


def test_broken_images_are_met_as_the_run_would_meet_them(
    cli: Cli, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "cat" / "0.png").write_text("no image")
    arguments = ("cutmix", "--in", folder, "--out", "m.h5", "--dry-run")
    assert refused(*arguments, code=1).startswith("cat/0.png: ")
    code, out, err = cli(*arguments, "--on-error", "skip")
    assert code == 0
    assert "rows     24 of" in out
    assert "the probe met 1 broken" in err
