"""Records: CRCs that do not depend on how the work was cut."""

import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from augtool.records import Part, Records, crc, joined


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_joined_crcs_are_the_crc_of_the_whole(first: bytes, second: bytes) -> None:
    assert joined(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_crc_is_of_the_bytes_in_c_order() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert crc(values.T.copy().T) == zlib.crc32(values.tobytes())


def test_a_block_in_parts_has_the_digest_of_the_block_whole() -> None:
    data = bytes(range(60))
    whole = Records({"x": 2})
    whole.add([Part(0, 0, 0, 20, {"x": zlib.crc32(data[:40])})])
    whole.add([Part(0, 1, 0, 10, {"x": zlib.crc32(data[40:])})])
    parts = Records({"x": 2})
    parts.add([Part(0, 1, 0, 10, {"x": zlib.crc32(data[40:])})])
    parts.add([Part(0, 0, 7, 20, {"x": zlib.crc32(data[14:40])})])
    parts.add([Part(0, 0, 0, 7, {"x": zlib.crc32(data[:14])})])
    assert parts.digests() == whole.digests()


def test_another_byte_is_another_digest() -> None:
    one, other = Records({"x": 1}), Records({"x": 1})
    one.add([Part(0, 0, 0, 3, {"x": zlib.crc32(b"abc")})])
    other.add([Part(0, 0, 0, 3, {"x": zlib.crc32(b"abd")})])
    assert one.digests() != other.digests()
