"""A kept listing that has lost, doubled or changed a row is found without listing again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

N = 12
Arrays = dict[str, Any]


@pytest.fixture
def listing(victim) -> Path:
    """The listing of a folder of two classes, kept by a run."""
    for number in range(N):
        path = victim.home / "data" / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(path)
    victim.owns(victim.home / "data")
    ended = run(victim, "first.h5")
    assert ended.code == 0, ended.err
    return victim.home / "kept"


def run(victim, out: str) -> Any:
    return victim.augtool("cutmix", "--in", "data", "--listing", "kept", "--out", out)


def read(listing: Path) -> tuple[dict[str, Any], Arrays]:
    """The first line, and the arrays that follow it."""
    line, _, rest = listing.read_bytes().partition(b"\n")
    head, arrays, at = json.loads(line), {}, 0
    for name, (dtype, length) in head["arrays"].items():
        size = np.dtype(dtype).itemsize * length
        arrays[name] = np.frombuffer(rest[at : at + size], dtype).copy()
        at += size
    assert at == len(rest)
    return head, arrays


def write(listing: Path, head: dict[str, Any], arrays: Arrays) -> None:
    """A listing that fits together, as who edits it would write it."""
    layout = {name: [values.dtype.str, len(values)] for name, values in arrays.items()}
    line = json.dumps({**head, "arrays": layout}).encode()
    body = b"".join(values.tobytes() for values in arrays.values())
    listing.write_bytes(line + b"\n" + body)


def without(head: dict[str, Any], arrays: Arrays, row: int) -> None:
    """Take a row out of everything that has one entry a row, and out of the counts."""
    ends = np.cumsum(arrays["lengths"])
    low, high = int(ends[row] - arrays["lengths"][row]), int(ends[row])
    arrays["names"] = np.delete(arrays["names"], np.s_[low:high])
    for name in ("lengths", "sizes", "times"):
        arrays[name] = np.delete(arrays[name], row)
    head["parts"][0][1] -= 1


def dropped(head: dict[str, Any], arrays: Arrays) -> None:
    without(head, arrays, 0)


def renamed(_head: dict[str, Any], arrays: Arrays) -> None:
    arrays["names"][arrays["lengths"][0] - 5] += 2


def resized(_head: dict[str, Any], arrays: Arrays) -> None:
    arrays["sizes"][3] += 1


def reordered(_head: dict[str, Any], arrays: Arrays) -> None:
    for name in ("sizes", "times"):
        arrays[name][:2] = arrays[name][1::-1]
    arrays["times"][0] += 1


def undigested(head: dict[str, Any], _arrays: Arrays) -> None:
    del head["sha256"]


EDITS = [dropped, renamed, resized, reordered, undigested]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_an_edited_listing_is_refused(
    victim, listing: Path, edit: Callable[[dict[str, Any], Arrays], None]
) -> None:
    head, arrays = read(listing)
    edit(head, arrays)
    write(listing, head, arrays)
    ended = run(victim, "second.h5")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--listing kept" in ended.err
    assert "remove it to have it made again" in ended.err
    assert not (victim.home / "second.h5").exists()
    listing.unlink()
    assert run(victim, "second.h5").code == 0
    first, second = ((victim.home / name).read_bytes() for name in ("first.h5", "second.h5"))
    assert first == second


def test_a_listing_that_is_written_again_as_it_was_is_believed(victim, listing: Path) -> None:
    write(listing, *read(listing))
    ended = run(victim, "second.h5")
    assert ended.code == 0, ended.err
