"""Kernels from the cache do what numba's do, and leave to numba what they cannot do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augtool.kernels import _cache, _native
from augtool.kernels._compile import compiled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="object code is kept for ELF only")

SIGNATURE = "void(Array(f8, 2, 'A', True), Array(i4, 1, 'C', True), i8, f8, b1, f8[:, ::1])"


def scaled(image: Any, rows: Any, divisor: int, scale: float, negative: bool, out: Any) -> None:
    """``out[i] = ±scale · image[rows[i]] / divisor``."""
    for i in range(rows.shape[0]):
        for x in range(image.shape[1]):
            value = scale * image[rows[i], x] / divisor
            out[i, x] = -value if negative else value


def expected(image: Any, rows: Any, divisor: int, scale: float, negative: bool) -> Any:
    return (-1 if negative else 1) * (scale * image[rows] / divisor)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, in which `scaled` is."""
    monkeypatch.setattr(_cache, "trusted", lambda: tmp_path)
    assert not is_native(compiled(SIGNATURE)(scaled))
    return tmp_path


def is_native(kernel: Callable[..., None]) -> bool:
    return hasattr(kernel, "engine")


def arguments(rows: int = 5) -> tuple[Any, ...]:
    draw = np.random.default_rng(rows)
    image = draw.random((14, 9))[::2, 1:7]  # 7 × 6, with gaps
    return image, draw.integers(0, 7, rows).astype(np.int32), 3, 0.7, True


def test_a_kernel_from_the_cache_makes_what_was_asked_for(folder: Path) -> None:
    kernel = compiled(SIGNATURE)(scaled)
    assert is_native(kernel)
    for rows in (0, 1, 5):
        for negative in (True, False, np.True_):
            given = (*arguments(rows)[:4], negative)
            out = np.full((rows, 6), np.nan)
            kernel(*given, out)
            assert np.array_equal(out, expected(*given))


def test_what_was_compiled_for_other_arrays_is_not_called_with_these(folder: Path) -> None:
    kernel = compiled(SIGNATURE)(scaled)
    image, rows, *rest = arguments()
    out = np.zeros((5, 6))
    frozen = np.zeros((5, 6))
    frozen.flags.writeable = False
    for wrong in (
        (image.astype(np.float32), rows, *rest, out),
        (image[0], rows, *rest, out),
        (image, rows, *rest, np.zeros((6, 5)).T),
        (image, rows, *rest, frozen),
        (image, rows, *rest),
    ):
        with pytest.raises(TypeError):
            kernel(*wrong)
    assert not out.any()
    assert not frozen.any()


def test_a_kernel_that_raises_still_raises(folder: Path) -> None:
    image, rows, _, *rest = arguments()
    with pytest.raises(ZeroDivisionError):
        compiled(SIGNATURE)(scaled)(image, rows, 0, *rest, np.zeros((5, 6)))


@pytest.mark.parametrize("damage", [b"", b"\0", "half", "flip"])
def test_a_damaged_file_is_not_run(folder: Path, damage: Any) -> None:
    path = _native.path_of(scaled, folder)
    data = path.read_bytes()
    if damage == "half":
        damage = data[: len(data) // 2]
    if damage == "flip":
        damage = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    path.write_bytes(damage)
    kernel = compiled(SIGNATURE)(scaled)
    assert not is_native(kernel)
    out = np.zeros((5, 6))
    kernel(*arguments(), out)
    assert np.array_equal(out, expected(*arguments()))


def test_settings_of_numba_are_for_numba(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert not is_native(compiled(SIGNATURE)(scaled))


def allocating(out: Any) -> None:
    part = np.empty(len(out), np.int64)
    for i in range(len(out)):
        part[i] = i * i
    for i in range(len(out)):
        out[i] = part[part[i] % len(out)]


def test_a_kernel_that_needs_more_than_its_arguments_stays_with_numba(folder: Path) -> None:
    for _ in range(2):
        kernel = compiled("void(i8[::1])")(allocating)
        assert not is_native(kernel)
        out = np.zeros(4, np.int64)
        kernel(out)
        assert out.tolist() == [0, 1, 0, 1]


def test_once_cutmix_is_cached_numba_is_not_imported() -> None:
    script = "import sys, augtool.kernels.paste; print('numba' in sys.modules)"
    said = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert said[1].stdout.strip() == "False"
