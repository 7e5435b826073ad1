"""Records: CRCs that do not depend on how the work was cut."""

import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from augtool.sinks._checksums import Part, Records, crc, joined
from augtool.sinks._positional_writer import bytes_of


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_joined_crcs_are_the_crc_of_the_whole(first: bytes, second: bytes) -> None:
    assert joined(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_crc_is_of_the_bytes_in_c_order() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert crc(bytes_of(values.T.copy().T)) == zlib.crc32(values.tobytes())


def part(block: int, low: int, high: int, data: bytes) -> Part:
    return Part(0, block, low, high, 20 * block + low, {"x": (zlib.crc32(data), len(data))})


def test_a_block_in_parts_has_the_digest_of_the_block_whole() -> None:
    data = bytes(range(60))
    whole = Records()
    whole.add([part(0, 0, 20, data[:40])])
    whole.add([part(1, 0, 10, data[40:])])
    parts = Records()
    parts.add([part(1, 0, 10, data[40:])])
    parts.add([part(0, 7, 20, data[14:40])])
    parts.add([part(0, 0, 7, data[:14])])
    assert parts.digests() == whole.digests()


def test_another_byte_is_another_digest() -> None:
    one, other = Records(), Records()
    one.add([part(0, 0, 3, b"abc")])
    other.add([part(0, 0, 3, b"abd")])
    assert one.digests() != other.digests()
