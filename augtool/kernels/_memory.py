"""Pixels as bytes, and copying them inside a kernel as fast as the C library does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def as_bytes(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """A C-contiguous array of any dtype, memory maps included, as one flat view of its bytes."""
    return np.asarray(pixels).reshape(-1).view(np.uint8)


def _copy_bytes(
    _context: Any, target: Any, _to: Any, source: Any, _start: Any, _count: Any
) -> tuple[Any, Any]:
    """``target[to : to + count] = source[start : start + count]`` for flat arrays of one dtype
    that do not overlap. Nothing is checked: the caller knows that both ranges are inside."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        into, to, from_, start, count = arguments
        into_array = context.make_array(signature.args[0])(context, builder, into)
        from_array = context.make_array(signature.args[2])(context, builder, from_)
        item = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        cgutils.raw_memcpy(  # type: ignore[no-untyped-call]
            builder,
            builder.gep(into_array.data, [to]),
            builder.gep(from_array.data, [start]),
            count,
            item,
        )
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), code


copy_bytes: Callable[..., None] = intrinsic(_copy_bytes)
