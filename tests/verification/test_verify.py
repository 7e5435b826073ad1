"""`augtool verify`: what is as it was written passes in every format, and nothing else does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool import sinks
from augtool.errors import UsageError
from augtool.job import Job
from augtool.pipeline.merge import merge
from augtool.recipe.recipe import Recipe, step
from augtool.recipe.sampling import Sampling
from augtool.system.inventory import MANIFEST
from augtool.verification.rerender import Input, compare, rows_to_compare
from augtool.verification.verify import Findings, verify

ROWS = 150
FORMS: dict[str, dict[str, Any]] = {
    "mixed.h5": {},
    "gz-shards": {"format": "hdf5", "shards": 3, "compression": "gzip"},
    "sparse.h5": {"labels_as": "sparse", "out_layout": "NCHW"},
    "tar-shards": {"format": "tar", "shards": 3, "encode": "png"},
    "arrays": {"format": "npy"},
    "mixed.npz": {},
    "table": {"format": "parquet", "shards": 3, "encode": "png"},
    "images": {"format": "folder", "encode": "png"},
}
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of each form, of one source; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    random = np.random.default_rng(2)
    with h5py.File(folder / "in.h5", "w") as file:
        file["images"] = random.integers(0, 256, (ROWS, 9, 14, 3), dtype=np.uint8)
        file["labels"] = np.arange(ROWS) % 7
        file["names"] = [f"é{row}" for row in range(ROWS)]
    recipe = Recipe(
        (step("flip"), step("cutmix"), step("mixup")),
        copies=2,
        block_rows=32,
        sampling=Sampling(carry=("names",)),
    )
    for name, options in FORMS.items():
        augtool.run(Job(str(folder / "in.h5"), str(folder / name), recipe, workers=0, **options))
    return folder


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of an output, to be changed."""

    def copy(name: str) -> Path:
        source, copy = made / name, tmp_path / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
        return copy

    return copy


def test_every_format_that_leaves_something_is_checked_here() -> None:
    formats = {sinks.format_of(name, given.get("format")) for name, given in FORMS.items()}
    assert formats == set(sinks.names()) - {"null"}


def against(made: Path, path: Path, sample: int | None = None, **given: Any) -> Findings:
    """The output compared with its source."""
    source = Input((str(made / "in.h5"),), **given)
    return verify(str(path), workers=0, further=partial(compare, given=source, sample=sample))


@pytest.mark.parametrize("name", FORMS)
def test_what_is_as_it_was_written_passes(made: Path, name: str) -> None:
    found = verify(str(made / name), workers=0)
    assert found.problems == found.notes == ()
    assert found.rows == 2 * ROWS


def test_one_digest_stands_for_the_content_in_every_format(made: Path) -> None:
    digests = {verify(str(made / name), workers=0, with_digest=True).digest for name in FORMS}
    assert len(digests) == 1
    assert None not in digests


def test_another_row_is_another_digest(made: Path, copied: Callable[[str], Path]) -> None:
    path = copied("mixed.h5")
    with h5py.File(path, "r+") as file:
        file["labels"][299] = file["labels"][0]
    before = verify(str(made / "mixed.h5"), workers=0, with_digest=True).digest
    assert verify(str(path), workers=0, with_digest=True).digest not in (before, None)


@pytest.mark.parametrize("name", FORMS)
def test_every_row_can_be_made_again(made: Path, name: str) -> None:
    found = against(made, made / name, 60)
    assert (found.problems, found.compared) == ((), 60)


def test_one_shard_is_checked_by_itself(made: Path) -> None:
    for shard in ("gz-shards/train-00001-of-00003.h5", "tar-shards/train-000001.tar"):
        found = verify(str(made / shard), workers=0)
        assert (found.problems, found.rows) == ((), ROWS * 2 // 3)


@pytest.mark.parametrize("name", FORMS)
def test_what_was_cut_short_is_found(copied: Callable[[str], Path], name: str) -> None:
    path = copied(name)
    largest = max([path, *path.rglob("*")], key=lambda one: one.is_file() and one.stat().st_size)
    size = largest.stat().st_size
    for length in (size - 3, size // 2, 0):  # JSON can spare a blank
        os.truncate(largest, length)
        found = verify(str(path), workers=1)
        assert found.problems
        assert "\n" not in str(found.problems[0])


def test_files_that_are_missing_added_or_exchanged_are_named(
    copied: Callable[[str], Path], tmp_path: Path
) -> None:
    shards = copied("tar-shards")
    first, second = shards / "train-000000.tar", shards / "train-000001.tar"
    (shards / "extra.tar").write_bytes(b"")
    os.mkfifo(shards / "pipe")
    found = verify(str(shards), workers=0)
    assert [(one.file, one.what) for one in found.problems] == [
        ("extra.tar", "is not in the manifest: it was added"),
        ("pipe", "is not in the manifest: it was added"),
    ]
    first.rename(tmp_path / "aside")
    second.rename(first)
    (tmp_path / "aside").rename(second)
    assert {one.file for one in verify(str(shards), workers=0).problems} >= {
        "train-000000.tar",
        "train-000001.tar",
    }
    first.unlink()
    found = verify(str(shards), workers=0)
    assert any(one.file == first.name and one.what == "is missing" for one in found.problems)


def test_a_changed_field_is_named_with_its_file(copied: Callable[[str], Path]) -> None:
    path = copied("gz-shards")
    with h5py.File(path / "train-00001-of-00003.h5", "r+") as file:
        file["weight"][3] = 0.5
    found = verify(str(path), workers=0)
    told = [(one.file, one.field, one.low, one.high) for one in found.problems]
    assert ("train-00001-of-00003.h5", "weight", 100, 200) in told
    assert {one.field for one in found.problems} == {"", "weight"}  # and the file's sha256


@pytest.mark.parametrize("name", ["target", "recipe", "source_rows", "versions"])
def test_a_changed_attribute_is_found(copied: Callable[[str], Path], name: str) -> None:
    path = copied("mixed.h5")
    with h5py.File(path, "r+") as file:
        before = file.attrs[name]
        del file.attrs[name]
        file.attrs[name] = before.replace("s", "S") if isinstance(before, str) else 151
    assert "attributes" in str(verify(str(path), workers=0).problems[0])


def test_what_other_readers_would_see_differently_is_found(copied: Callable[[str], Path]) -> None:
    """The values are where they were, so that the records fit."""
    path = copied("mixed.h5")
    with h5py.File(path, "r+") as file:
        values, record = file["src"][:], dict(file["src"].attrs)
        del file["src"]
        file.create_dataset("src", data=values, dtype=">i8")
        file["src"].attrs.update(record)
    assert verify(str(path), workers=0).problems


def test_with_the_source_changed_rows_are_named(made: Path, copied: Callable[[str], Path]) -> None:
    path = copied("mixed.h5")
    with h5py.File(path, "r+") as file:
        file["images"][17, 0, 0, 0] ^= 1
        file["labels"][40, 2] += np.float32(2**-20)
        file["carry_names"][41] = b"x"
    said = {str(one) for one in against(made, path).problems}
    why = "is not what its plan makes of the source"
    assert {f"images of row 17: {why}", f"labels of row 40: {why}"} <= said
    assert f"carry_names of row 41: {why}" in said


def test_values_that_no_plan_can_have_are_told_and_not_applied(
    made: Path, copied: Callable[[str], Path]
) -> None:
    path = copied("mixed.h5")
    with h5py.File(path, "r+") as file:
        file["cutmix_box"][:] = 1 << 30
    problems = against(made, path).problems
    assert any("cutmix_box has values that no plan can have" in one.what for one in problems)


def test_another_source_is_refused_with_the_difference(made: Path, tmp_path: Path) -> None:
    with h5py.File(made / "in.h5") as file, h5py.File(tmp_path / "in.h5", "w") as other:
        other["images"], other["labels"] = file["images"][:], (file["labels"][:] + 1) % 7
        other["names"] = file["names"][:]
    with pytest.raises(UsageError, match=r"both have 150 rows, but their names.*--other-source"):
        against(tmp_path, made / "mixed.h5")
    found = against(tmp_path, made / "mixed.h5", 20, other_source=True)
    assert {one.field for one in found.problems} == {"labels", "label"}


def test_a_lossy_image_is_compared_with_what_its_encoder_makes(made: Path, tmp_path: Path) -> None:
    recipe = Recipe((step("cutmix"),), block_rows=32)
    job = Job(str(made / "in.h5"), str(tmp_path / "a.tar"), recipe, workers=0, encode="jpg:50")
    augtool.run(job)
    assert against(made, tmp_path / "a.tar").problems == ()
    other = replace(job, recipe=replace(recipe, seed=1), output=str(tmp_path / "b.tar"))
    augtool.run(other)
    a, b = augtool.open(tmp_path / "a.tar"), augtool.open(tmp_path / "b.tar")
    assert np.abs(a.images[:].astype(int) - b.images[:]).mean() > 10


def test_merged_outputs_and_source_order_pass(made: Path, tmp_path: Path) -> None:
    recipe = Recipe((step("cutmix"),), block_rows=32, order="source", copies=2)
    job = Job(str(made / "in.h5"), str(tmp_path / "a"), recipe, workers=0, format="hdf5", shards=2)
    augtool.run(job)
    augtool.run(replace(job, output=str(tmp_path / "b.h5"), format=None, shards=None))
    merge([str(tmp_path / "a")], str(tmp_path / "c.h5"))
    merge([str(tmp_path / "b.h5"), str(tmp_path / "a")], str(tmp_path / "d.h5"))
    for name in ("a", "b.h5", "c.h5", "d.h5"):
        assert verify(str(tmp_path / name), workers=0).problems == (), name
    with h5py.File(tmp_path / "d.h5", "r+") as file:
        file["src"][599] = 0
    assert verify(str(tmp_path / "d.h5"), workers=0).problems


def test_a_part_of_a_stream_passes_and_a_row_less_does_not(
    made: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    recipe = Recipe((step("cutmix"),), block_rows=32, copies=2)
    job = Job(str(made / "in.h5"), "-", recipe, format="tar", workers=0, task_index=1, num_tasks=2)
    augtool.run(job)
    data = capfdbinary.readouterr().out
    (tmp_path / "part.tar").write_bytes(data)
    assert verify(str(tmp_path / "part.tar"), workers=0).problems == ()
    second = data.index(b"000000065.")  # names begin a header
    (tmp_path / "less.tar").write_bytes(data[second:])
    assert verify(str(tmp_path / "less.tar"), workers=0).problems


def test_rows_to_compare_are_spread_evenly() -> None:
    assert rows_to_compare(10, None).tolist() == list(range(10))
    assert rows_to_compare(10, 99).tolist() == list(range(10))
    assert rows_to_compare(10, 4).tolist() == [0, 2, 5, 7]


def test_a_manifest_that_leads_elsewhere_is_refused(copied: Callable[[str], Path]) -> None:
    path = copied("arrays") / MANIFEST
    text = path.read_text()
    path.write_text(text.replace('"src.npy"', '"../src.npy"'))
    assert "not its own" in str(verify(str(path.parent.parent), workers=0).problems[0])


def test_a_file_that_kills_its_reader_is_a_problem(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augtool.verification.read_back.look", partial(_die))
    (problem,) = verify(str(made / "mixed.h5"), workers=1).problems
    assert "died" in problem.what


def _die(*_args: object) -> None:
    os._exit(9)


def test_the_command_says_what_is_wrong_and_exits_with_1(
    cli: Cli, made: Path, copied: Callable[[str], Path]
) -> None:
    code, out, err = cli("verify", made / "mixed.h5", "--in", made / "in.h5", "--sample", 9)
    assert (code, out) == (0, "")
    assert "is as it was written (300 rows, 9 made again" in err
    code, out, err = cli("verify", made / "table", "--digest", "-q")
    assert (code, err, len(out)) == (0, "", 65)
    path = copied("mixed.h5")
    with h5py.File(path, "r+") as file:
        file["label"][0] += 1
    code, out, err = cli("verify", path)
    assert (code, out) == (1, "")
    assert "label of rows 0…299: is not what was written, by its record" in err
    code, out, err = cli("verify", path, "--json")
    found = json.loads(out)
    assert (code, err, found["ok"]) == (1, "", False)
    assert found["problems"][0]["field"] == "label"
    assert cli("verify", path.with_name("none.h5"))[0] == 2
    assert cli("verify", path, "--sample", 3)[0] == 2
