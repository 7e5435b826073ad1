"""CRC-32 by carry-less multiplication is zlib's CRC-32."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from augtool.kernels import _carryless, _compile, crc

FEATURES = {128: "+pclmul", 512: "+avx512f,+pclmul,+vpclmulqdq"}


@pytest.fixture(params=sorted(FEATURES))
def lanes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The kernel, compiled for multiplications of so many bits, and not cached."""
    import numba

    if not {*FEATURES[request.param].split(",")} <= {*_carryless._cache.processor()[2].split(",")}:
        pytest.skip(f"this processor does not multiply {request.param} bits at once")
    _compile.tell_numba()
    for module in (_carryless, crc):
        monkeypatch.setattr(module, "lane_bits", lambda: request.param)
    monkeypatch.setattr(
        crc, "_fold", numba.njit("void(Array(u1, 1, 'C', True), i8, u1[::1])")(crc._fold_all)
    )
    yield request.param


def test_it_is_zlib_s_for_any_length_place_and_beginning(lanes: int) -> None:
    data = np.random.default_rng(7).integers(0, 256, 70_000, np.uint8)
    step = crc.ACCUMULATORS * lanes // 8
    lengths = [0, 1, step - 1, step, step + 1, 2 * step - 1, 2 * step, 9 * step + 17, 65_536]
    for length in lengths:
        for start in (0, 1, 63):
            for before in (0, 1, 0x12345678, 0xFFFFFFFF):
                part = data[start : start + length].data
                assert crc.crc(part, before) == zlib.crc32(part, before), (length, start, before)


def test_pieces_in_a_row_are_the_whole(lanes: int) -> None:
    data = np.random.default_rng(lanes).integers(0, 256, 20_000, np.uint8).tobytes()
    state = 0
    for low, high in ((0, 9000), (9000, 9001), (9001, 20_000)):
        state = crc.crc(data[low:high], state)
    assert state == zlib.crc32(data)


@pytest.mark.parametrize(
    ("features", "bits"),
    [*((value, key) for key, value in FEATURES.items()), ("+neon,+crc", 0), ("+vpclmulqdq", 0)],
)
def test_what_the_processor_has_decides(
    features: str, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_carryless._cache, "processor", lambda: ("", "", features))
    assert _carryless.lane_bits.__wrapped__() == bits


@pytest.mark.parametrize(
    "variable", ["NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX", "NUMBA_DISABLE_JIT"]
)
def test_nothing_is_compiled_where_numba_makes_code_for_another(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "generic")
    assert _carryless.lane_bits.__wrapped__() == 0


def test_without_the_instruction_zlib_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fold(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(crc, "lane_bits", lambda: 0)
    monkeypatch.setattr(crc, "_fold", fold, raising=False)
    assert crc.crc(bytes(100_000)) == zlib.crc32(bytes(100_000))
