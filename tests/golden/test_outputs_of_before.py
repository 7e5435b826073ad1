"""What augtool 0.1.0 made is still read: by the library, by ``inspect`` and by ``verify``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import golden_digests
import golden_inputs
import pytest

OUTPUTS = Path(__file__).with_name("outputs-0.1.0")
MIXED = ("mixed.h5", "mixed.npz", "npy", "mixed.tar", "mixed.parquet", "images", "shards")
CONTENT = {
    **dict.fromkeys((*MIXED, "sparse.h5"), golden_digests.stored()["format-npz"]),
    "masks.h5": "1657f7f9415adb975a1a41b52dead5fa8999ec8ea615257d88173b2fe09fa7c2",
    "chain.npz": "7b0d40d81ef71d656a0a0c98ccf8158d99208f5e6bf2bb0c3271fbe23f99f794",
    "targets.parquet": "bbe56ec251c6948f73d5c477d2ba935ea4443e29c018930c5459adebb2696599",
}
Cli = Callable[..., tuple[int, str, str]]


def test_all_that_is_stored_is_read_and_small() -> None:
    others = {"README.md", "plan.csv", "recipe.toml"}
    assert {path.name for path in OUTPUTS.iterdir()} == {*CONTENT, *others}
    assert sum(path.stat().st_size for path in OUTPUTS.rglob("*") if path.is_file()) < 1 << 20


@pytest.mark.parametrize("name", CONTENT)
def test_the_library_reads_the_same_content(name: str) -> None:
    content = golden_digests.content_of(OUTPUTS / name)
    assert hashlib.sha256(content.encode()).hexdigest() == CONTENT[name]


@pytest.mark.parametrize("name", CONTENT)
def test_inspect_describes_it(name: str, cli: Cli) -> None:
    code, out, err = cli("inspect", OUTPUTS / name)
    assert code == 0, err
    assert "0.1.0" in out


@pytest.mark.parametrize("name", CONTENT)
def test_verify_finds_it_as_it_was_written(name: str, cli: Cli) -> None:
    code, out, err = cli("verify", OUTPUTS / name, "--json", "--workers", 1)
    assert code == 0, out + err


@pytest.mark.parametrize(
    "arguments",
    [("render", OUTPUTS / "plan.csv"), ("mix", "--recipe", OUTPUTS / "recipe.toml")],
    ids=["plan", "recipe"],
)
def test_a_plan_and_a_recipe_make_the_same_rows(
    arguments: tuple[object, ...], cli: Cli, tmp_path: Path
) -> None:
    golden_inputs.make(tmp_path)
    code, _, err = cli(*arguments, "--in", tmp_path / "folder", "--out", tmp_path / "again.h5")
    assert code == 0, err
    content = golden_digests.content_of(tmp_path / "again.h5")
    assert hashlib.sha256(content.encode()).hexdigest() == CONTENT["mixed.h5"]
