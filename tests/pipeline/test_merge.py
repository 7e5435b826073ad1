"""Merging shards and outputs: nothing lost, nothing made up, nothing merged that differs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool.errors import OutputExists, SourceError, UsageError
from augtool.inspection.summary import inspect
from augtool.job import Job
from augtool.pipeline import merge as merging
from augtool.pipeline.merge import merge

Make = Callable[..., Job]


def made(job: Job, **given: Any) -> Path:
    """Run a job with other options; the path of its output."""
    job = dataclasses.replace(job, **given)
    augtool.run(job)
    return Path(job.output)


def sharded(job: Job, folder: Path, shards: int, **given: Any) -> Path:
    return made(job, output=str(folder), format="h5", shards=shards, **given)


def contents(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: each[:] for name, each in file.items()}


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize(
    "options",
    [{}, {"copies": 3}, {"num": 401}, {"labels_as": "sparse"}, {"keep_originals": True}],
    ids=str,
)
def test_the_shards_of_a_run_become_the_file_it_would_have_made(
    tmp_path: Path,
    owners: Callable[..., Path],
    job: Make,
    options: dict[str, Any],
    compression: Any,
) -> None:
    options = dict(options)
    form = {name: options.pop(name) for name in ("labels_as",) if name in options}
    one = job(owners(), compression=compression, **options)
    whole = made(one, **form)
    shards = sharded(one, tmp_path / "shards", 5, **form)
    summary = merge([str(shards)], str(tmp_path / "merged.h5"), compression=compression)
    assert (tmp_path / "merged.h5").read_bytes() == whole.read_bytes()
    assert summary.files == 5
    assert summary.nbytes == whole.stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_how_much_is_copied_at_a_time_changes_nothing(
    tmp_path: Path,
    owners: Callable[..., Path],
    job: Make,
    monkeypatch: pytest.MonkeyPatch,
    compression: str | None,
) -> None:
    one = job(owners(), compression=compression)
    whole, shards = made(one), sharded(one, tmp_path / "shards", 3)
    for number, size in enumerate((1, 10_000, 100_000)):
        monkeypatch.setattr(merging, "_STEP_BYTES", size)
        merge([str(shards)], str(tmp_path / f"{number}.h5"), compression=compression)
        assert (tmp_path / f"{number}.h5").read_bytes() == whole.read_bytes()


def test_shards_may_be_given_one_by_one_in_any_order(
    tmp_path: Path, owners: Callable[..., Path], job: Make
) -> None:
    one = job(owners())
    whole, shards = made(one), sharded(one, tmp_path / "shards", 3)
    files = [str(shards / f"train-0000{number}-of-00003.h5") for number in (2, 0, 1)]
    merge(files, str(tmp_path / "merged.h5"))
    assert (tmp_path / "merged.h5").read_bytes() == whole.read_bytes()


def test_compressed_shards_become_a_plain_file(
    tmp_path: Path, owners: Callable[..., Path], job: Make
) -> None:
    whole = made(job(owners()))
    shards = sharded(job(owners(), compression="gzip"), tmp_path / "shards", 3)
    merge([str(shards)], str(tmp_path / "merged.h5"))
    assert (tmp_path / "merged.h5").read_bytes() == whole.read_bytes()


def test_outputs_follow_one_another_and_say_how_each_was_made(
    tmp_path: Path, owners: Callable[..., Path], job: Make
) -> None:
    first = made(job(owners(), "first.h5", seed=1))
    second = sharded(job(owners(), seed=2, num=150), tmp_path / "second", 2)
    third = made(job(owners(n=200), "third.h5", seed=1))
    merge([str(first), str(second)], str(tmp_path / "two.h5"))
    merge([str(tmp_path / "two.h5"), str(third)], str(tmp_path / "three.h5"))
    merge([str(first), str(second), str(third)], str(tmp_path / "at-once.h5"))
    assert (tmp_path / "three.h5").read_bytes() == (tmp_path / "at-once.h5").read_bytes()

    merge([str(second)], str(tmp_path / "second.h5"))
    files = [contents(tmp_path / f"{name}.h5") for name in ("first", "second", "third")]
    for name, rows in contents(tmp_path / "three.h5").items():
        assert np.array_equal(rows, np.concatenate([one[name] for one in files]))
    with augtool.open(tmp_path / "three.h5") as merged:
        parts = json.loads(merged.attributes["parts"])
        assert [one["rows"] for one in parts] == [330, 150, 200]
        assert [json.loads(one["recipe"])["seed"] for one in parts] == [1, 2, 1]
        assert [one["pass_rows"] for one in parts] == [330, 330, 200]
        assert parts[0]["source_fingerprint"] != parts[2]["source_fingerprint"]
        assert "versions" in merged.attributes
        assert "versions" not in parts[0]
        assert inspect(merged).recipe == {}
        with pytest.raises(SourceError, match="several recipes"):
            _ = merged.recipe


def test_equal_outputs_keep_what_they_share(
    tmp_path: Path, owners: Callable[..., Path], job: Make
) -> None:
    one = made(job(owners(), "one.h5"))
    other = made(job(owners(), "other.h5"))
    merge([str(one), str(other)], str(tmp_path / "merged.h5"))
    with augtool.open(tmp_path / "merged.h5") as merged, augtool.open(one) as single:
        assert merged.recipe == single.recipe
        assert json.loads(merged.attributes["parts"]) == [{"rows": 330}, {"rows": 330}]


def test_a_run_in_source_order_is_merged_too(
    tmp_path: Path, owners: Callable[..., Path], job: Make
) -> None:
    one = job(owners(), order="source")
    whole, shards = made(one), sharded(one, tmp_path / "shards", 3)
    merge([str(shards)], str(tmp_path / "merged.h5"))
    merged = contents(tmp_path / "merged.h5")
    assert all(np.array_equal(merged[name], rows) for name, rows in contents(whole).items())


def test_a_missing_shard_is_named(tmp_path: Path, owners: Callable[..., Path], job: Make) -> None:
    shards = sharded(job(owners()), tmp_path / "shards", 4)
    (shards / "train-00001-of-00004.h5").unlink()
    with pytest.raises(SourceError, match=r"of 4 shards train-00001-of-00004\.h5 is missing"):
        merge([str(shards)], str(tmp_path / "merged.h5"))
    (shards / "train-00003-of-00004.h5").unlink()
    with pytest.raises(SourceError, match=r"train-00001-of-00004\.h5 and 1 more"):
        merge([str(shards)], str(tmp_path / "merged.h5"))
    assert not (tmp_path / "merged.h5").exists()


def test_a_shard_of_another_run_is_named(
    tmp_path: Path, owners: Callable[..., Path], job: Make
) -> None:
    one = sharded(job(owners()), tmp_path / "one", 3)
    other = sharded(job(owners(), seed=9), tmp_path / "other", 3)
    (other / "train-00002-of-00003.h5").replace(one / "train-00002-of-00003.h5")
    with pytest.raises(SourceError, match=r"train-00002-of-00003\.h5: is of another run"):
        merge([str(one)], str(tmp_path / "merged.h5"))


@pytest.mark.parametrize(
    ("options", "form", "words"),
    [
        ({"size": (9, 13)}, {}, r"field images is 9×13×3 uint16 a row, and 9×14×3 uint16"),
        ({"classes": 8}, {}, r"field labels is 8 float32 a row, and 7 float32"),
        ({}, {"labels_as": "sparse"}, r"field labels is not there, and 7 float32"),
        ({}, {"out_layout": "NCHW"}, r"field images is 3×9×14 uint16"),
    ],
    ids=str,
)
def test_a_field_that_differs_is_named(
    tmp_path: Path,
    owners: Callable[..., Path],
    job: Make,
    options: dict[str, Any],
    form: dict[str, Any],
    words: str,
) -> None:
    one = made(job(owners(), "one.h5"))
    other = made(job(owners(**options), "other.h5"), **form)
    with pytest.raises(UsageError, match=rf"other\.h5: {words}"):
        merge([str(one), str(other)], str(tmp_path / "merged.h5"))


def test_classes_that_differ_are_named(
    tmp_path: Path, owners: Callable[..., Path], job: Make
) -> None:
    one, other = made(job(owners(), "one.h5")), made(job(owners(), "other.h5"))
    for path, names in ((one, "abcdefg"), (other, "abcdefh")):
        with h5py.File(path, "r+") as file:
            file.attrs["class_names"] = json.dumps(list(names))
    with pytest.raises(UsageError, match=r"other.h5: attribute class_names is .*h.*, and .*g"):
        merge([str(one), str(other)], str(tmp_path / "merged.h5"))


def test_a_damaged_shard_is_found(tmp_path: Path, owners: Callable[..., Path], job: Make) -> None:
    shards = sharded(job(owners()), tmp_path / "shards", 3)
    with h5py.File(shards / "train-00001-of-00003.h5", "r+") as file:
        file["images"][7, 3, 3, 1] += 1
    with pytest.raises(SourceError, match=r"train-00001-of-00003\.h5: images is not what was writ"):
        merge([str(shards)], str(tmp_path / "merged.h5"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["owners-330-9x14.h5", "shards"]


def test_what_augtool_has_not_made_is_refused(
    tmp_path: Path, owners: Callable[..., Path], job: Make
) -> None:
    one, out = str(made(job(owners(), "one.h5"))), str(tmp_path / "merged.h5")
    with pytest.raises(SourceError, match="not made by augtool"):
        merge([one, str(owners())], out)
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(SourceError, match=r"text\.h5: cannot be read"):
        merge([one, str(tmp_path / "text.h5")], out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="empty: has no shards"):
        merge([str(tmp_path / "empty")], out)
    with pytest.raises(UsageError, match="nowhere: there is no such"):
        merge([str(tmp_path / "nowhere")], out)
    with pytest.raises(UsageError, match=r"one.h5: is there twice"):
        merge([one, one], out)


def test_the_output_is_a_file_of_its_own(
    tmp_path: Path, owners: Callable[..., Path], job: Make
) -> None:
    shards = sharded(job(owners()), tmp_path / "shards", 2)
    with pytest.raises(UsageError, match="lies inside PATH"):
        merge([str(shards)], str(shards / "merged.h5"))
    with pytest.raises(UsageError, match="one HDF5 file"):
        merge([str(shards)], str(tmp_path / "merged.tar"))
    (tmp_path / "merged.h5").write_text("mine")
    with pytest.raises(OutputExists):
        merge([str(shards)], str(tmp_path / "merged.h5"))
    merge([str(shards)], str(tmp_path / "merged.h5"), overwrite=True)
    assert len(contents(tmp_path / "merged.h5")["images"]) == 330


def test_the_command_says_what_it_made(
    tmp_path: Path,
    owners: Callable[..., Path],
    job: Make,
    cli: Callable[..., tuple[int, str, str]],
) -> None:
    shards, out = sharded(job(owners()), tmp_path / "shards", 2), tmp_path / "merged.h5"
    code, said, err = cli("merge", shards, "-o", out)
    assert (code, said) == (0, "")
    assert err.splitlines()[-1].startswith(f"{out}: 330 rows of 2 files, ")
    code, said, err = cli("merge", shards, "-o", out, "--overwrite", "--json", "-q")
    assert (code, err) == (0, "")
    assert json.loads(said)["rows"] == 330
    code, _, err = cli("merge", shards, "-o", out)
    assert code == 2
    assert err.startswith(f"augtool: {out}: exists already")
