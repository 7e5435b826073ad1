"""What stands twice is refused: nobody can know which of two is meant."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def folder(place: Path) -> Path:
    for number in range(8):
        inside = place / "data" / "ab"[number % 2]
        inside.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(inside / f"{number}.png")
    return place / "data"


def refused(victim, *arguments: object) -> str:
    """The one line of a run that is refused."""
    ended = victim.augtool("cutmix", *arguments, "--out", "a.h5")
    assert ended.code in (1, 2), ended.err
    assert ended.err.count("\n") == 1, ended.err
    assert not (victim.home / "a.h5").exists()
    return ended.err


@pytest.mark.parametrize("other", ["data/", "./data", "data/../data", "alias", "data"])
def test_one_input_under_two_spellings_is_an_error(victim, place: Path, other: str) -> None:
    folder(place)
    (place / "alias").symlink_to("data")
    said = refused(victim, "--in", place / "data", "--in", f"{place}/{other}")
    assert "leave one out" in said


def test_two_columns_of_one_name_are_refused(victim, place: Path) -> None:
    data, table = folder(place), place / "l.csv"
    table.write_text("file,label,label\n" + "".join(f"{n}.png,x,y\n" for n in range(8)))
    assert "2 columns are called 'label'" in refused(victim, "--in", data, "--labels", table)


def test_a_key_that_stands_twice_in_json_is_refused(victim, place: Path) -> None:
    data, table = folder(place), place / "l.jsonl"
    lines = [f'{{"file": "{n}.png", "label": "x", "label": "y"}}\n' for n in range(8)]
    table.write_text("".join(lines))
    assert "'label' stands twice" in refused(victim, "--in", data, "--labels", table)


def test_an_npz_with_two_members_of_one_name_is_refused(victim, place: Path) -> None:
    def npy(values: np.ndarray) -> bytes:
        data = io.BytesIO()
        np.save(data, values)
        return data.getvalue()

    with zipfile.ZipFile(place / "a.npz", "w") as archive:
        archive.writestr("images.npy", npy(np.zeros((8, 16, 16, 3), np.uint8)))
        archive.writestr("labels.npy", npy(np.arange(8) % 2))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("labels.npy", npy(np.arange(8) % 4))
    assert "'labels.npy' is there twice" in refused(victim, "--in", place / "a.npz")


def test_a_member_over_the_cap_fails_the_run_or_is_skipped(victim, place: Path) -> None:
    with zipfile.ZipFile(place / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder(place).rglob("*.png")):
            archive.write(path, path.relative_to(place / "data"))
        archive.writestr("a/big.png", bytes(3_000_000))
    given = ("--in", place / "a.zip", "--max-unpacked", "1MB", "-q")
    said = refused(victim, *given)
    assert "a/big.png" in said and "3,000,000 bytes are more than 1,000,000" in said
    ended = victim.augtool("cutmix", *given, "--on-error", "skip", "--out", "b.h5")
    assert ended.code == 3, ended.err


def test_a_count_that_is_too_large_says_the_most(victim) -> None:
    said = refused(victim, "--in", "sample:", "--num", 2**63)
    assert "use a whole number from 1 to 999,999,999,999,999,999" in said
