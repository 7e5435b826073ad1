"""Pixels as bytes, and copying them inside a kernel as fast as the C library does."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import overload


def as_bytes(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """A C-contiguous array of any dtype, memory maps included, as one flat view of its bytes."""
    return np.asarray(pixels).reshape(-1).view(np.uint8)


def copy_bytes(target: Any, to: Any, source: Any, start: Any, count: Any) -> None:
    """``target[to : to + count] = source[start : start + count]`` for flat arrays of one dtype
    that do not overlap. In a kernel nothing is checked: the caller knows that both ranges are
    inside."""
    target[to : to + count] = source[start : start + count]


@overload(copy_bytes)
def _copy_bytes_of(target: Any, to: Any, source: Any, start: Any, count: Any) -> Any:  # noqa: ARG001
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def declared(
        _context: Any, target: Any, _to: Any, source: Any, _start: Any, _count: Any
    ) -> tuple[Any, Any]:
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

    copy: Any = intrinsic(declared)

    def copied(target: Any, to: Any, source: Any, start: Any, count: Any) -> None:
        copy(target, to, source, start, count)

    return copied
