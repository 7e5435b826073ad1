"""Kernels from object code in the user's cache, loaded and called without numba.

`_numba.keep` writes a file for each kernel that calls nothing but the C library's memory functions:
the code, and what each of its functions is called with. What does not fit, be it a file, an
argument or a row for which the kernel raises, is left to numba.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augtool.kernels import _cache

Kernel = Callable[..., Any]

# numba's name of a scalar: as C has it, from Python, as LLVM has it
SCALARS: dict[str, tuple[Any, Callable[[Any], Any], str]] = {
    "int64": (ctypes.c_int64, operator.index, "i64"),
    "bool": (ctypes.c_uint8, operator.truth, "i8"),
    "float64": (ctypes.c_double, float, "double"),
}
# An array is passed as its owner (twice), number of items, bytes of one, data, shape and strides.
ARRAY = ("ptr", "ptr", "i64", "i64", "ptr")
_POINTER, _LENGTH = ctypes.c_void_p, ctypes.c_int64


@dataclass(frozen=True)
class Parameter:
    """A scalar, by its name in `SCALARS`, or an array of this dtype and rank."""

    dtype: str
    rank: int = 0
    contiguous: bool = False
    mutable: bool = False

    def types(self) -> list[Any]:
        """What C takes for it."""
        if not self.rank:
            return [SCALARS[self.dtype][0]]
        return [_POINTER, _POINTER, _LENGTH, _LENGTH, _POINTER, *[_LENGTH] * (2 * self.rank)]

    def flat(self, value: Any) -> Sequence[Any]:
        """A value as C takes it. Raises `TypeError` when it does not fit."""
        if not self.rank:
            return (SCALARS[self.dtype][1](value),)
        if not (
            type(value) is np.ndarray
            and value.dtype == self.dtype
            and value.ndim == self.rank
            and value.flags.aligned
            and (value.flags.c_contiguous or not self.contiguous)
            and (value.flags.writeable or not self.mutable)
        ):
            raise TypeError
        data = value.__array_interface__["data"][0]
        return (None, None, value.size, value.itemsize, data, *value.shape, *value.strides)


def path_of(function: Kernel, folder: Path) -> Path:
    """Where the code of ``function`` is kept in the cache."""
    return folder / f"{function.__module__}.{function.__name__}.code"


def packed(described: list[dict[str, Any]], code: bytes) -> bytes:
    """A file's content; it begins with a hash, so that a damaged one is never run."""
    content = json.dumps(described).encode() + b"\n" + code
    return hashlib.sha256(content).digest() + content


def loaded(function: Kernel, by_numba: Callable[[], Kernel]) -> Kernel | None:
    """The kernel ``function`` from the cache, or None; ``by_numba`` compiles the same one."""
    if any(name.startswith("NUMBA_") for name in os.environ if name != _cache.CHOSEN):
        return None  # settings that the code may not have been made with
    try:
        folder = _cache.trusted()
        if folder is None:
            return None
        data = path_of(function, folder).read_bytes()
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        described, code = data[32:].split(b"\n", 1)
        return _kernel(function, json.loads(described), code, by_numba)
    except Exception:  # whatever is wrong with the cache, the kernel can be made anew
        return None


def _kernel(
    function: Kernel, described: list[dict[str, Any]], code: bytes, by_numba: Callable[[], Kernel]
) -> Kernel:
    engine = _engine_with(code)
    choices = []
    for one in described:
        parameters = [Parameter(*each) for each in one["parameters"]]
        types = [kind for parameter in parameters for kind in parameter.types()]
        prototype = ctypes.CFUNCTYPE(ctypes.c_int32, _POINTER, _POINTER, *types)
        choices.append((prototype(engine.get_function_address(one["symbol"])), parameters))

    @functools.wraps(function)
    def kernel(*arguments: Any) -> None:
        for call, parameters in choices:
            try:
                pairs = zip(parameters, arguments, strict=True)
                flat = [part for parameter, value in pairs for part in parameter.flat(value)]
            except (TypeError, ValueError):
                continue
            result, raised = _POINTER(), _POINTER()
            if call(ctypes.byref(result), ctypes.byref(raised), *flat) == 0:
                return
        by_numba()(*arguments)  # which says what is wrong

    kernel.__dict__["engine"] = engine  # the code is there as long as this is
    return kernel


def _engine_with(code: bytes) -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine
