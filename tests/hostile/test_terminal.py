"""What a file says never commands a terminal: not in messages, tables, JSON or pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest

Cli = Callable[..., tuple[int, str, str]]
EVIL = ("\x1b[31mred\x1b]0;owned\x07", "a\nb\rc", "\x9b2J", "\u202egnp.exe", "x" * 4000)
COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture(params=["hdf5", "table", "tar"])
def evil(request: pytest.FixtureRequest, tmp_path: Path, corpus: ModuleType) -> tuple[str, ...]:
    """An input whose classes have such names, and the options that go with it."""
    if request.param == "hdf5":
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["images"] = np.zeros((10, 9, 14, 3), np.uint8)
            file["labels"] = np.arange(10) % 5
            file.attrs["class_names"] = json.dumps(EVIL)
        return ("--in", str(tmp_path / "a.h5"))
    if request.param == "tar":
        rows = b"".join(
            corpus.tar_member(b"%d.png" % at, corpus.good(seed=at))
            + corpus.tar_member(b"%d.cls" % at, EVIL[at % 5].encode())
            for at in range(10)
        )
        (tmp_path / "a.tar").write_bytes(rows + bytes(1024))
        return ("--in", str(tmp_path / "a.tar"))
    (tmp_path / "data").mkdir()
    lines = []
    for at in range(10):
        (tmp_path / "data" / f"{at}.png").write_bytes(corpus.good(seed=at))
        lines.append(json.dumps({"file_name": f"{at}.png", "label": EVIL[at % 5]}))
    (tmp_path / "data" / "metadata.jsonl").write_text("\n".join(lines))
    return ("--in", str(tmp_path / "data"))


def test_no_command_for_a_terminal_gets_out(
    cli: Cli, evil: tuple[str, ...], tmp_path: Path
) -> None:
    out, png = tmp_path / "m.h5", tmp_path / "p.png"
    said = []
    for command in (
        ("cutmix", *evil, "--out", out, "--verbose", "--preview", png),
        ("cutmix", *evil, "--out", tmp_path / "d.h5", "--dry-run"),
        ("cutmix", *evil, "--out", tmp_path / "d.h5", "--dry-run", "--json"),
        ("inspect", evil[1]),
        ("inspect", evil[1], "--json"),
        ("inspect", evil[1], "--list"),
        ("inspect", evil[1], "--list", "--json"),
        ("inspect", out),
        ("inspect", out, "--json"),
        ("inspect", out, "--row", 0, *evil),
        ("inspect", out, "--row", 0, "--json"),
        ("inspect", out, "--recipe"),
        ("inspect", out, "--cite"),
        ("preview", evil[1], "--out", tmp_path / "q.png"),
        ("preview", out, "--out", tmp_path / "r.png", "--outline"),
        ("figure", *evil, "--out", tmp_path / "s.png", "--methods", "cutmix"),
        ("plan", "cutmix", *evil),
        ("cutmix", *evil, "--out", tmp_path / "n.h5", "--only-classes", "\x1b[31m"),
    ):
        code, text, err = cli(*command)
        assert code in (0, 2), (command, err)
        said.append(text + err)
    assert not [one for one in said if COMMANDS.search(one)]
    assert any("red" in one for one in said)
