"""What an output says of itself may be anything: readers say so in one line."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

Cli = Callable[..., tuple[int, str, str]]
ODD = [None, -1, float("nan"), "x\ud800", [None], {}, "NaN"]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a value of JSON something can be put: each key, and the first of each list."""
    keys = range(min(len(value), 1)) if isinstance(value, list) else value
    for key in keys if isinstance(value, dict | list) else ():
        yield (*at, key)
        yield from places(value[key], (*at, key))


def with_odd(value: Any, at: tuple[Any, ...], odd: Any) -> Any:
    changed = inside = copy.deepcopy(value)
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = odd
    return changed


@pytest.mark.parametrize("command", ["inspect", "preview"])
def test_a_manifest_that_says_odd_things_is_one_line(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = cli("cutmix", "--in", "sample:?n=20&size=8", "--out", "a", "--format", "npy")
    assert code == 0, err
    manifest = tmp_path / "a" / ".augtool" / "manifest.json"
    facts = json.loads(manifest.read_text())
    more = ("--out", "p.png") if command == "preview" else ()
    refused = 0
    for at in places(facts):
        for odd in ODD:
            manifest.write_text(json.dumps(with_odd(facts, at, odd)))
            code, _, err = cli(command, "a", *more)
            assert code in (0, 1, 2), (at, odd, err)
            assert "bug" not in err, (at, odd, err)
            assert "Traceback" not in err, (at, odd, err)
            lines = [line for line in err.splitlines() if line.startswith("augtool: ")]
            assert len(lines) == (1 if code else 0), (at, odd, err)
            refused += code != 0
    assert refused > 20


@pytest.mark.parametrize(
    ("name", "value"), [("num_classes", float("inf")), ("class_names", "[]"), ("num_classes", 3)]
)
@pytest.mark.parametrize("command", ["inspect", "preview"])
def test_attributes_of_hdf5_that_do_not_fit_are_one_line(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = cli("cutmix", "--in", "sample:?n=20&size=8", "--out", "a.h5")
    assert code == 0, err
    with h5py.File("a.h5", "r+") as file:
        file.attrs[name] = value
    code, _, err = cli(command, "a.h5", *(("--out", "p.png") if command == "preview" else ()))
    assert code == 1
    assert err.count("\n") == 1
    assert "a.h5: its attributes cannot be read" in err
