"""A run that was stopped goes on: the same bytes, and nothing is made twice."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import augtool
from augtool import sinks
from augtool.errors import KEPT, InputChanged, OutputError, OutputExists, UsageError
from augtool.job import Job
from augtool.pipeline import journal, worker
from augtool.pipeline.dry_run import estimate
from augtool.system.progress import Listener, Progress

Make = Callable[..., Any]
N, COPIES = 330, 3
LEAVING = [name for name in sinks.names() if not sinks.leaves_nothing("x", name)]
FORMS: dict[str, dict[str, Any]] = {
    **{name: {"format": name} for name in LEAVING},
    "hdf5 gzip": {"format": "hdf5", "compression": "gzip"},
    **{
        f"{name} shards": {"format": name, "shards": 4}
        for name in LEAVING
        if "shards" in sinks.load(name).OPTIONS
    },
    "hdf5 gzip shards": {"format": "hdf5", "compression": "gzip", "shards": 4},
}


class Stopped(BaseException):
    """What a signal's handler raises."""


def stopped_at(rows: int) -> Listener:
    """Hears that so many rows or more are made, and stops the run."""

    def listen(progress: Progress) -> None:
        if progress.rows >= rows:
            raise Stopped

    return listen


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Rows of noise with two targets."""
    path, rng = tmp_path / "photos.h5", np.random.default_rng(3)
    with h5py.File(path, "w") as file:
        file["images"] = rng.integers(0, 256, (N, 24, 40, 3), np.uint8)
        file["labels"] = np.arange(N) % 5
    return path


@pytest.fixture
def form(job: Make, photos: Path) -> Callable[..., Job]:
    """A job of one of `FORMS`."""

    def make(name: str, output: str, **given: Any) -> Job:
        options = FORMS[name]
        layout = sinks.load(options["format"])
        if "shards" not in options and layout.SUFFIXES:
            output += layout.SUFFIXES[0]
        fields = {one.name for one in dataclasses.fields(Job)}
        more = {one: given.pop(one) for one in fields & set(given)}
        made = job(photos, output, copies=COPIES, **given)
        return dataclasses.replace(made, **{**options, **more})

    return make


def books_of(one: Job) -> Path:
    return Path(one.output).parent / f".{Path(one.output).name}.augtool"


def contents(path: str) -> dict[str, str]:
    """sha256 of each file of an output."""
    root = Path(path)
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }


def stop(one: Job, rows: int) -> BaseException:
    with pytest.raises(Stopped) as stopped:
        augtool.run(one, stopped_at(rows))
    return stopped.value


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_run_that_was_stopped_twice_has_the_same_bytes_and_makes_no_row_again(
    form: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    render = worker.render

    def counted(*args: Any) -> worker.Report:
        report = render(*args)
        made.append(report.rows)
        return report

    whole = form(name, "whole")
    augtool.run(whole)
    one = form(name, "stopped", resume=True)
    monkeypatch.setattr(worker, "render", counted)
    note = f"{KEPT}{{:,}} of {N * COPIES:,} rows are kept: go on with --resume"
    first = stop(one, 1)
    kept = sum(made)
    assert 0 < kept < N * COPIES
    assert first.__notes__ == [note.format(kept)]
    assert not Path(one.output).exists()
    stop(one, kept + 1)
    assert kept < sum(made) < N * COPIES
    summary = augtool.run(one)
    assert sum(made) == summary.rows == N * COPIES
    assert summary.kept == N * COPIES - made[-1] if len(made) == 3 else summary.kept > kept
    assert contents(one.output) == contents(whole.output)
    assert not books_of(one).exists()


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_run_that_was_killed_while_it_finished_has_the_same_bytes(
    form: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = form(name, "whole")
    augtool.run(whole)
    one = form(name, "stopped", resume=True)

    def interrupted(*_: Any) -> None:
        raise Stopped

    for place in (
        "augtool.pipeline.journal.Journal.complete",
        "augtool.pipeline.workdir.flush_all",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, interrupted)
            stop(one, N * COPIES + 1)
        assert not Path(one.output).exists()
    summary = augtool.run(one)
    assert summary.kept == summary.rows == N * COPIES
    assert contents(one.output) == contents(whole.output)


def test_a_run_that_was_killed_right_after_the_output_had_its_name_is_complete(
    form: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = form("hdf5", "mixed", resume=True)
    monkeypatch.setattr("augtool.pipeline.workdir._remove", lambda _folder: None)
    first = augtool.run(one)
    assert books_of(one).exists()
    monkeypatch.undo()
    again = augtool.run(one)
    assert (again.rows, again.kept, again.digests) == (first.rows, first.rows, first.digests)
    assert again.nbytes == first.nbytes
    assert not books_of(one).exists()


def test_what_is_left_is_not_touched_without_being_asked(form: Make) -> None:
    one = form("tar", "mixed")
    stop(one, 1)
    before = contents(str(books_of(one)))
    with pytest.raises(OutputExists, match=r"rows; go on with --resume, or start afresh with"):
        augtool.run(one)
    other = dataclasses.replace(one, resume=True, recipe=dataclasses.replace(one.recipe, seed=5))
    with pytest.raises(
        OutputExists, match=r"another job \(recipe\.seed was 0 and is 5\); give its"
    ):
        augtool.run(other)
    assert {
        name: each for name, each in contents(str(books_of(one))).items() if name != "lock"
    } == {name: each for name, each in before.items() if name != "lock"}
    augtool.run(dataclasses.replace(other, resume=False, overwrite=True))
    assert Path(one.output).is_file()
    assert not books_of(one).exists()


def test_resume_without_anything_left_is_a_run_like_others(form: Make) -> None:
    assert augtool.run(form("hdf5", "mixed", resume=True)).kept == 0


@pytest.mark.parametrize("name", sorted(FORMS))
def test_an_output_that_is_complete_is_found_so(
    form: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = form(name, "mixed", resume=True)
    first = augtool.run(one)
    before = contents(one.output)
    monkeypatch.setattr(worker, "render", None)
    again = augtool.run(one)
    assert again.rows == again.kept == first.rows
    assert (again.nbytes, again.digests) == (first.nbytes, first.digests)
    assert contents(one.output) == before
    assert not books_of(one).exists()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("hdf5", {"seed": 5}),
        ("hdf5", {"resume": False}),
        ("hdf5 shards", {"shards": 5}),
        ("hdf5 shards", {"format": "tar"}),
        ("tar", {"encode": "jpg:80"}),
        ("tar", {"labels_as": "sparse"}),
        ("tar shards", {"format": "parquet"}),
        ("tar shards", {"index": "timm"}),
        ("parquet shards", {"format": "npy", "shards": None}),
    ],
)
def test_a_complete_output_of_another_job_is_refused(
    form: Make, name: str, change: dict[str, Any]
) -> None:
    one = form(name, "mixed", resume=True)
    augtool.run(one)
    refused_as_it_is(one, form(name, "mixed", **{"resume": True, **change}))


def refused_as_it_is(made: Job, job: Job) -> None:
    """A run and a dry run refuse the output of another, and leave it alone."""
    before = contents(made.output)
    for do in (augtool.run, estimate):
        with pytest.raises(OutputExists, match="exists already"):
            do(job)
    assert contents(made.output) == before
    assert not books_of(made).exists()


@pytest.mark.parametrize("name", [*sorted(one for one in FORMS if "shards" in one), "folder"])
def test_a_folder_that_has_lost_a_file_is_not_complete(form: Make, name: str) -> None:
    one = form(name, "mixed", resume=True)
    augtool.run(one)
    files = [path for path in Path(one.output).rglob("*") if path.is_file()]
    data = [path for path in files if path.parent.name != ".augtool"]
    data[-1].unlink()
    refused_as_it_is(one, one)


def test_an_input_that_is_newer_than_the_output_has_another(form: Make, photos: Path) -> None:
    one = form("hdf5", "mixed", resume=True)
    augtool.run(one)
    later = Path(one.output).stat().st_mtime_ns + 1
    os.utime(photos, ns=(later, later))
    refused_as_it_is(one, one)


def test_with_rows_skipped_no_output_is_found_complete(job: Make, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "a"
    folder.mkdir(parents=True)
    for number in range(8):
        image = Image.fromarray(np.full((6, 6, 3), 9 * number, np.uint8))
        image.save(folder / f"{number}.png")
    (folder / "3.png").write_bytes(b"no image" + (folder / "4.png").read_bytes()[8:])
    one = job(tmp_path / "data", on_error="skip")
    augtool.run(one)
    with pytest.raises(OutputExists, match="exists already"):
        augtool.run(dataclasses.replace(one, resume=True))


def test_what_is_found_complete_stays_when_the_other_output_cannot_be_made(
    form: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from augtool.pipeline import workdir
    from augtool.recipe.recipe import Sampling

    one = form("hdf5", "mixed", sampling=Sampling(holdout=0.25), resume=True)
    augtool.run(one)
    before = contents(one.output)
    Path(one.output).with_stem("mixed-validation").unlink()

    def full(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workdir, "flush_all", full)
    with pytest.raises(OutputError, match="No space"):
        augtool.run(one)
    assert contents(one.output) == before
    monkeypatch.undo()
    augtool.run(one)
    assert contents(one.output) == before


def test_a_complete_output_is_made_anew_when_it_may_be_replaced(form: Make) -> None:
    one = form("hdf5", "mixed", resume=True, overwrite=True)
    augtool.run(one)
    assert augtool.run(one).kept == 0


def test_an_input_whose_times_have_changed_is_another_job(form: Make, photos: Path) -> None:
    one = form("hdf5", "mixed", resume=True)
    stop(one, 1)
    os.utime(photos, (1, 1))
    with pytest.raises(OutputExists, match=r"another job \(file_times is another\)"):
        augtool.run(one)


def test_an_old_output_stays_until_the_resumed_one_takes_its_place(form: Make) -> None:
    old = form("hdf5", "mixed", seed=9)
    augtool.run(old)
    before = contents(old.output)
    one = form("hdf5", "mixed", overwrite=True)
    stop(one, 1)
    assert contents(one.output) == before
    with pytest.raises(OutputExists, match="exists already"):
        augtool.run(dataclasses.replace(one, overwrite=False, resume=True))
    assert augtool.run(dataclasses.replace(one, resume=True)).kept > 0
    assert contents(one.output) != before


def test_both_outputs_of_a_run_that_holds_rows_out_are_gone_on_with(form: Make) -> None:
    from augtool.recipe.recipe import Sampling

    held = {"sampling": Sampling(holdout=0.25), "resume": True}
    whole, one = form("hdf5", "whole", **held), form("hdf5", "stopped", **held)
    augtool.run(whole)
    for rows in (1, N // 4 + 100, 2 * N):
        stop(one, rows)
    summary = augtool.run(one)
    assert summary.holdout is not None
    assert summary.holdout.kept == summary.holdout.rows
    for beside in ("", "-validation"):
        ours = Path(one.output).with_stem(f"stopped{beside}")
        theirs = Path(whole.output).with_stem(f"whole{beside}")
        assert ours.read_bytes() == theirs.read_bytes()


def test_rows_that_could_not_be_read_are_not_looked_for_again(
    job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in range(N):
        folder = tmp_path / "data" / f"c{row % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 14, 3), row % 256, np.uint8)).save(folder / f"{row}.png")
    (tmp_path / "data" / "c0" / "3.png").write_bytes(b"no image")
    one = dataclasses.replace(job(tmp_path / "data", on_error="skip", copies=9), resume=True)
    stop(one, 1)
    monkeypatch.setattr(worker, "unreadable", None)
    summary = augtool.run(one)
    assert [each.name for each in summary.skipped] == ["c0/3.png"]
    assert summary.rows == 9 * (N - 1)


def test_nothing_is_kept_for_an_input_that_changed(form: Make, photos: Path) -> None:
    one = form("hdf5", "mixed")

    def change(progress: Progress) -> None:
        if progress.rows:
            os.utime(photos, (1, 1))

    with pytest.raises(InputChanged):
        augtool.run(one, change)
    assert not books_of(one).exists()


def test_a_stream_cannot_be_resumed(job: Make, photos: Path) -> None:
    one = dataclasses.replace(job(photos), output="-", format="tar", resume=True)
    with pytest.raises(UsageError, match="resume: this run leaves nothing"):
        augtool.run(one)


# The journal.


def lines_of(path: Path) -> Iterator[bytes]:
    yield from path.read_bytes().splitlines(keepends=True)


def test_a_journal_ends_where_a_line_is_torn_at_any_byte(form: Make) -> None:
    one = form("parquet", "mixed")
    stop(one, 200)
    path = books_of(one) / "journal"
    data, lines = path.read_bytes(), list(lines_of(path))
    whole = journal.past_of(path)
    assert whole is not None
    assert len(whole.tasks) == len(lines) - 1 > 1
    ends = np.cumsum([len(line) for line in lines])
    for size in range(len(data)):
        path.write_bytes(data[:size])
        past = journal.past_of(path)
        tasks = max(int((ends <= size).sum()) - 1, 0)
        assert (0 if past is None else len(past.tasks)) == tasks
        path.write_bytes(data[:size] + bytes(40))  # what a file system may leave after a crash
        past = journal.past_of(path)
        assert (0 if past is None else len(past.tasks)) == tasks


def test_after_a_loss_of_power_only_what_was_safe_counts(
    form: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = form("hdf5", "whole")
    augtool.run(whole)
    monkeypatch.setattr("augtool.pipeline.build._SAFE_EVERY", -1.0)
    one = form("hdf5", "mixed", block_rows=64, resume=True)
    stop(one, 300)
    path = books_of(one) / "journal"
    entries = [json.loads(line.partition(b" ")[2]) for line in lines_of(path)]
    assert sum("safe" in one for one in entries) == sum("done" in one for one in entries) > 1
    last_safe = max(at for at, entry in enumerate(entries) if "safe" in entry)
    monkeypatch.setattr(journal, "_boot", lambda: "another")
    without = [entry for at, entry in enumerate(entries) if at != last_safe]
    path.write_bytes(b"".join(written(entry) for entry in without))
    past = journal.past_of(path)
    assert past is not None
    assert len(past.tasks) == sum("done" in entry for entry in entries) - 1
    summary = augtool.run(one)
    assert summary.kept == past.rows
    assert contents(one.output) == contents(whole.output)


def written(entry: dict[str, Any]) -> bytes:
    text = json.dumps(entry, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def test_what_was_never_safe_does_not_count_after_a_loss_of_power(
    form: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = form("hdf5", "mixed")
    stop(one, 300)
    monkeypatch.setattr(journal, "_boot", lambda: "another")
    assert journal.past_of(books_of(one) / "journal") is None
    assert augtool.run(one).kept == 0  # it starts afresh, and needs no permission for that


def test_differences_are_told_in_words() -> None:
    then = {
        "seed": 0,
        "steps": [{"method": "cutmix", "alpha": 1.0}],
        "names": "a" * 99,
        "boot": "x",
    }
    now = {"seed": 0, "steps": [{"method": "cutmix", "alpha": 0.5}], "names": "b" * 99, "boot": "y"}
    assert journal.differences(then, now) == [
        "steps[0].alpha was 1.0 and is 0.5",
        "names is another",
    ]
