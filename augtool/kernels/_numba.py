"""What needs numba: compiling kernels, and keeping their code where `_native` finds it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from augtool.kernels import _cache, _native, _settings
from augtool.kernels._native import Parameter

with _settings.of_no_file():
    import numba
    from numba.core import datamodel

config: Any = numba.config
_LOCATORS = "CACHE_LOCATOR_CLASSES"
_SAFE = {"memcpy", "memmove", "memset"}  # what object code may call
_MEMBERS = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")


def compiled(function: Callable[..., Any], signatures: tuple[str, ...]) -> Callable[..., Any]:
    """``function``, compiled for ``signatures`` or loaded from numba's cache."""
    folder = _cache.trusted()
    if folder is not None and os.access(folder, os.W_OK):
        # numba: "no locator available", or a cache folder that cannot be written.
        with contextlib.suppress(ImportError, RuntimeError, OSError):
            return _cached(function, signatures, folder)
    kernel: Callable[..., Any] = numba.njit(list(signatures), nogil=True)(function)
    return kernel


def _cached(
    function: Callable[..., Any], signatures: tuple[str, ...], folder: Path
) -> Callable[..., Any]:
    kernel: Callable[..., Any]
    with _cached_in(folder):
        kernel = numba.njit(list(signatures), cache=True, nogil=True)(function)
    # Where anything is not as it was when this was written, numba goes on loading the kernel.
    with contextlib.suppress(Exception):
        keep(function, kernel, folder)
    return kernel


def keep(function: Callable[..., Any], kernel: Any, folder: Path) -> None:
    """Write the object code of a kernel that numba has just compiled, if `_native` can call it."""
    if kernel.stats.cache_hits:
        return  # numba had the code of some signatures, and does not give it away
    described = []
    module = llvm.parse_assembly("")
    for signature, result in kernel.overloads.items():
        one = llvm.parse_assembly(kernel.inspect_llvm(signature))
        symbol = result.fndesc.llvm_func_name
        parameters = [_parameter(kind) for kind in signature]
        if str(one.get_function(symbol).global_value_type) != _type_of(parameters):
            return
        for each in one.functions:  # numba's wrappers for Python fall away
            if not each.is_declaration and each.name != symbol:
                each.linkage = "internal"
        described.append(
            {
                "symbol": symbol,
                "parameters": [dataclasses.astuple(parameter) for parameter in parameters],
            }
        )
        module.link_in(one)
    code = _object_of(module)
    if _undefined(code) <= _SAFE:
        path = _native.path_of(function, folder)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(_native.packed(described, code))
        unfinished.replace(path)


@contextlib.contextmanager
def _cached_in(folder: Path) -> Iterator[None]:
    """numba asks for the folder when a function is decorated; other users of numba in this
    process keep theirs."""
    chosen = config.CACHE_DIR, getattr(config, _LOCATORS, "")
    config.CACHE_DIR = str(folder)
    setattr(config, _LOCATORS, "UserProvidedCacheLocator")  # and in no other folder
    try:
        yield
    finally:
        config.CACHE_DIR = chosen[0]
        setattr(config, _LOCATORS, chosen[1])


def _parameter(kind: Any) -> Parameter:
    """Raises `ValueError` for what `_native` cannot pass."""
    if str(kind) in _native.SCALARS:
        return Parameter(str(kind))
    if not isinstance(kind, numba.types.Array) or kind.layout not in "CA" or not kind.aligned:
        raise ValueError(kind)
    if tuple(datamodel.default_manager[kind]._fields) != _MEMBERS:  # type: ignore[attr-defined]
        raise ValueError(kind)
    dtype = numba.np.numpy_support.as_dtype(kind.dtype).str
    return Parameter(dtype, kind.ndim, kind.layout == "C", kind.mutable)


def _type_of(parameters: list[Parameter]) -> str:
    """The type of a function as LLVM writes it: the first two are for what it gives or raises."""
    parts = ["ptr", "ptr"]
    for one in parameters:
        sizes = ["i64"] * (2 * one.rank)
        parts += [*_native.ARRAY, *sizes] if one.rank else [_native.SCALARS[one.dtype][2]]
    return f"i32 ({', '.join(parts)})"


def _object_of(module: Any) -> bytes:
    triple, processor, features = _cache.processor()
    machine = llvm.Target.from_triple(triple).create_target_machine(
        processor, features, opt=3, codemodel="jitdefault", jit=True
    )
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.PipelineTuningOptions()))
    code: bytes = machine.emit_object(module)
    return code


def _undefined(code: bytes) -> set[str]:
    """The symbols that ELF code takes from elsewhere. Raises `KeyError` for code that is no ELF."""
    sections = {one.name(): one.data() for one in llvm.ObjectFileRef.from_data(code).sections()}
    symbols, names = sections[b".symtab"], sections[b".strtab"]
    found = set()
    for name, _, _, section, _, _ in list(struct.iter_unpack("<IBBHQQ", symbols))[1:]:
        if section == 0:
            found.add(names[name : names.index(b"\0", name)].decode())
    return found
