"""A page or figure replaces only what augtool has made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]
OF = {
    "r.html": ("report", "sample:?n=20&size=16", "--rows", 4),
    "f.svg": ("figure", "--in", "sample:?n=20&size=16", "--methods", "flip"),
    "f.png": ("figure", "--in", "sample:?n=20&size=16", "--methods", "flip"),
}


@pytest.mark.parametrize("name", OF)
def test_an_older_one_of_augtool_is_replaced(cli: Cli, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    for _ in range(2):
        code, _, err = cli(*OF[name], "--out", out)
        assert code == 0, err
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", OF)
def test_anything_else_stays_without_overwrite(cli: Cli, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.write_text("my own")
    code, _, err = cli(*OF[name], "--out", out)
    assert code == 2
    assert f"{out}: exists already" in err
    assert "--overwrite" in err
    assert out.read_text() == "my own"
    code, _, err = cli(*OF[name], "--out", out, "--overwrite")
    assert code == 0, err
    assert out.read_bytes() != b"my own"
