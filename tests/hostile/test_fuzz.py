"""Any bytes are read, or refused in one line: the parsers that are ours, fed by hypothesis."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_TARGETS = Path(__file__).parent.parent / "fuzz" / "targets.py"
_EXAMPLES = {"parquet": 40, "hdf5": 40, "config": 60, "image": 150}


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_targets", _TARGETS)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


targets = _loaded()


@st.composite
def mutated(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """A seed, cut, with some bytes changed, taken out, put in or doubled; or any bytes."""
    data = bytearray(draw(st.sampled_from(whole)))
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 5)):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + draw(st.integers(1, 9))]
            case 2:
                data[at:at] = draw(st.binary(min_size=1, max_size=9))
            case 3:
                data[at : at + 4] = draw(
                    st.sampled_from([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
                )
            case _:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
    return bytes(data)


@pytest.mark.parametrize("name", targets.TARGETS)
def test_any_bytes_are_read_or_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = targets.TARGETS[name][1]()
    call = targets.checked(name)
    for data in whole:
        call(data)

    @settings(
        max_examples=_EXAMPLES.get(name, 80),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(whole))
    def feed(data: bytes) -> None:
        call(data)

    feed()


def test_every_target_has_a_script_of_its_own() -> None:
    scripts = {file.stem.removeprefix("fuzz_") for file in _TARGETS.parent.glob("fuzz_*.py")}
    assert scripts == set(targets.TARGETS)
