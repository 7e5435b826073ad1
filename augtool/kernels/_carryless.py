"""Carry-less multiplication inside a kernel: polynomials over GF(2), many bits at once."""

from __future__ import annotations

import functools
import os
from typing import Any

from augtool.kernels import _cache
from augtool.kernels._compile import overload
from augtool.kernels._polynomials import power

ACCUMULATORS = 8  # as many multiplications as a processor has in flight
LANE = 128  # bits that one multiplication folds
_FOR_ANOTHER = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX", "NUMBA_DISABLE_JIT")


@functools.cache
def lane_bits() -> int:
    """How many bits this processor multiplies at once, 512 or 128; 0 where it cannot, or where
    numba is told to make code for another, or none."""
    if any(os.environ.get(name) for name in _FOR_ANOTHER):
        return 0
    try:
        features = set(_cache.processor()[2].split(","))
    except ImportError:
        return 0
    if {"+vpclmulqdq", "+avx512f"} <= features:
        return 4 * LANE
    return LANE if "+pclmul" in features else 0


def fold_bytes(data: Any, count: Any, state: Any, out: Any) -> None:
    """``out`` (16,) becomes bytes with the CRC that the first ``count`` of ``data``, a multiple of
    all accumulators, leave after ``state``."""
    raise NotImplementedError


@overload(fold_bytes)
def _fold_bytes_of(data: Any, count: Any, state: Any, out: Any) -> Any:  # noqa: ARG001
    from numba import types
    from numba.extending import intrinsic

    def declared(_context: Any, data: Any, _count: Any, _state: Any, out: Any) -> tuple[Any, Any]:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            source = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            target = context.make_array(signature.args[3])(context, builder, arguments[3]).data
            _emit(builder, lane_bits(), source, arguments[1], arguments[2], target)
            return context.get_dummy_value()

        return types.void(data, types.intp, types.int64, out), code

    fold: Any = intrinsic(declared)

    def folded(data: Any, count: Any, state: Any, out: Any) -> None:
        fold(data, count, state, out)

    return folded


def _emit(builder: Any, bits: int, data: Any, count: Any, state: Any, out: Any) -> None:
    """The instructions of `_fold`, for accumulators of so many bits."""
    from llvmlite import ir

    word = ir.IntType(64)
    kind, byte = ir.VectorType(word, bits // 64), ir.IntType(8)
    name = f"llvm.x86.pclmulqdq{'' if bits == LANE else f'.{bits}'}"
    multiply = builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind, kind, byte]))

    def loaded(place: Any) -> Any:
        return builder.load(builder.bitcast(place, kind.as_pointer()), align=1)

    def moved(one: Any, distance: int, by: Any = multiply, lanes: int = bits // LANE) -> Any:
        pair = [word(power(distance + 32) << 1), word(power(distance - 32) << 1)]
        factors = ir.VectorType(word, 2 * lanes)(pair * lanes)
        low, high = (builder.call(by, [one, factors, byte(which)]) for which in (0x00, 0x11))
        return builder.xor(low, high)

    places = [ir.IntType(64)(number * bits // 8) for number in range(ACCUMULATORS)]
    step = ir.IntType(64)(ACCUMULATORS * bits // 8)
    first = [loaded(builder.gep(data, [place])) for place in places]
    begun = builder.insert_element(kind([0] * (bits // 64)), state, ir.IntType(32)(0))
    first[0] = builder.xor(first[0], begun)
    before, loop, end = (
        builder.block,
        builder.append_basic_block("fold"),
        builder.append_basic_block("folded"),
    )
    builder.cbranch(builder.icmp_unsigned("<", step, count), loop, end)

    builder.position_at_end(loop)
    at = builder.phi(word)
    sums = [builder.phi(kind) for _ in places]
    new = [
        builder.xor(
            moved(one, ACCUMULATORS * bits), loaded(builder.gep(data, [builder.add(at, place)]))
        )
        for one, place in zip(sums, places, strict=True)
    ]
    after = builder.add(at, step)
    for phi, start, value in zip([at, *sums], [step, *first], [after, *new], strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_unsigned("<", after, count), loop, end)

    builder.position_at_end(end)
    left = [builder.phi(kind) for _ in places]
    for phi, start, value in zip(left, first, new, strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(value, loop)
    whole = left[0]
    for one in left[1:]:
        whole = builder.xor(moved(whole, bits), one)
    narrow = ir.VectorType(word, 2)
    by_lane = builder.module.declare_intrinsic(
        "llvm.x86.pclmulqdq", (), ir.FunctionType(narrow, [narrow, narrow, byte])
    )
    lanes = []
    for number in range(0, bits // 64, 2):
        mask = ir.VectorType(ir.IntType(32), 2)([number, number + 1])
        lanes.append(builder.shuffle_vector(whole, whole, mask))
    rest = lanes[0]
    for one in lanes[1:]:
        rest = builder.xor(moved(rest, LANE, by_lane, 1), one)
    builder.store(rest, builder.bitcast(out, narrow.as_pointer()), align=1)
