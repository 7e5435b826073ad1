"""Killed, or refused, in the middle of a system call, by ``strace``, where it may trace."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from fault_jobs import FORMS, Place, end, place_in

CALLS = ("write", "pwrite64", "fsync", "rename", "unlink", "ftruncate", "fallocate", "mkdir")
FEW = ("h5", "tar-shards", "parquet")


def traces() -> bool:
    """Whether there is a strace that may change what another process does."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(
        ["strace", "-qq", "-o", "/dev/null", "-e", "inject=getppid:signal=KILL", "true"],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


pytestmark = pytest.mark.skipif(not traces(), reason="there is no strace that may trace")


@pytest.fixture(scope="module", params=FEW)
def form(request: pytest.FixtureRequest) -> str:
    assert request.param in FORMS
    return str(request.param)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place_in(tmp_path_factory.mktemp("calls"), 640)


@pytest.fixture(scope="module")
def whole(place: Place, form: str) -> Iterator[dict[str, str]]:
    run = place.start(form, 1)
    _, said = run.communicate()
    assert run.returncode == 0, said
    yield place.contents()
    place.clear()


def injected(call: str, what: str, number: int) -> list[str]:
    """Have the call of this number of any process of the run end so."""
    fault = f"inject={call}:{what}:when={number}"
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", fault]


def to_the_end(place: Place, form: str) -> None:
    run = place.start(form, 2)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0, said


def test_a_kill_in_any_call_leaves_what_the_next_run_completes(
    form: str, place: Place, whole: dict[str, str], request: pytest.FixtureRequest
) -> None:
    draw = random.Random(f"{request.config.getoption('--fault-seed')} {form}")
    for call in draw.sample(CALLS, 3):
        place.clear()
        run = place.start(form, 1, injected(call, "signal=KILL", draw.randint(1, 12)))
        try:
            run.communicate(timeout=60)
        finally:
            end(run)
        assert place.contents() in ({}, whole), call
        to_the_end(place, form)
        assert place.contents() == whole, call


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call", ["fsync", "rename,renameat2"])  # of folders, of files
def test_a_call_that_fails_at_the_end_is_one_line_and_nothing_is_lost(
    form: str, place: Place, whole: dict[str, str], call: str, error: str
) -> None:
    place.clear()
    run = place.start(form, 1, injected(call, f"error={error}", 1))
    try:
        _, said = run.communicate(timeout=60)
    finally:
        end(run)
    last = said.strip().splitlines()[-1]
    assert run.returncode == 1, said
    assert "Traceback" not in said
    assert last.startswith("augtool: "), said
    assert "are kept: go on with --resume" in last
    assert not place.outputs()
    to_the_end(place, form)
    assert place.contents() == whole
