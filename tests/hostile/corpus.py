"""Hostile files, made from nothing: bombs, lies, other formats under the names of images.

Everything is a function of its arguments: the same bytes every time.
"""

from __future__ import annotations

import bz2
import io
import lzma
import math
import os
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (9, 14)  # height, width of the good images
HUGE = 60_000


def good(kind: str = "PNG", seed: int = 0, mode: str = "RGB", **options: object) -> bytes:
    """An image of `SIZE` in any format and mode."""
    height, width = SIZE
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, kind, **options)
    return out.getvalue()


def png(width: int, height: int, depth: int = 8, colour: int = 0, data: bytes = b"", *,
        before: bytes = b"") -> bytes:  # fmt: skip
    """A PNG that says it is so large and holds ``data``, compressed, whatever that is."""
    head = struct.pack(">IIBBBBB", width & 0xFFFFFFFF, height & 0xFFFFFFFF, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + before
        + chunk(b"IDAT", zlib.compress(data, 9))
        + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flat_png(side: int, depth: int = 1) -> bytes:
    """A whole PNG of ``side`` × ``side`` black pixels: bytes on disk, megabytes in memory."""
    row = bytes(1 + math.ceil(side * depth / 8))
    return png(side, side, depth, 0, row * side)


def gif(width: int, height: int, frames: int = 1) -> bytes:
    """A GIF whose screen is so large, of frames of one pixel."""
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0"
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return b"GIF89a" + screen + frame * frames + b"\x3b"


def bmp(width: int, height: int, compression: int = 0, data: bytes = b"") -> bytes:
    """A BMP of 24 bits, or of 8 bits where it is compressed."""
    bits = 8 if compression else 24
    head = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, 0, 0
    )
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + head + data


def tiff(tags: dict[int, tuple[int, int, int]], following: int = 0, tail: bytes = b"") -> bytes:
    """A TIFF with these tags, (type, count, value) each; ``following`` is where the next directory
    is said to be."""
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + directory + tail


def grey_tiff(width: int, height: int, strip: int, nbytes: int, **more: int) -> bytes:
    """A grey TIFF whose only strip is said to lie at ``strip`` and to have ``nbytes``."""
    tags = {
        256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8),
        259: (3, 1, more.get("packed", 1)), 262: (3, 1, 1), 273: (4, 1, strip), 277: (3, 1, 1),
        278: (4, 1, height), 279: (4, 1, nbytes),
    }  # fmt: skip
    return tiff(tags, more.get("following", 0), bytes(SIZE[0] * SIZE[1]))


def webp_canvas(width: int, height: int) -> bytes:
    """A WebP with a canvas of this size, and no picture in it."""
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    vp8x = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sizes
    anim = b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body = b"WEBP" + vp8x + anim
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_of_size(width: int, height: int) -> bytes:
    """A whole JPEG whose header was changed to another size."""
    data = bytearray(good("JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG of ``side`` × ``side`` grey pixels that begins ``scans`` times more: each
    scan walks over all of it and takes a few bytes."""
    out = io.BytesIO()
    Image.new("L", (side, side), 90).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    last, end = starts[-1], data.rindex(b"\xff\xd9")
    tables = data.rindex(b"\xff\xc4", 0, last)
    return data[:end] + data[tables:end] * scans + data[end:]


def exif_of(orientation: int, offset: int = 8, count: int = 1) -> bytes:
    """An EXIF block with one orientation tag."""
    entry = struct.pack("<HHIHH", 0x0112, 3, count, orientation & 0xFFFF, 0)
    directory = struct.pack("<H", 1) + entry + struct.pack("<I", offset)
    return b"Exif\0\0" + b"II*\0" + struct.pack("<I", offset) + directory


FOREIGN: dict[str, bytes] = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(touch OWNED) system\nshowpage\n",
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    "fli": struct.pack("<IHHHHHH", 1 << 20, 0xAF11, 9, 9999, 9999, 8, 0) + bytes(112),
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(64),
    "icns": b"icns" + struct.pack(">I", 64) + b"ic07" + bytes(52),
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">'
    b'<image href="file:///etc/passwd"/></svg>',
    "ico": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + struct.pack("<II", 68, 22) + bytes(68),
    "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
    "avif": struct.pack(">I", 28) + b"ftypavif" + bytes(64),
    "dds": b"DDS " + struct.pack("<I", 124) + bytes(120),
    "wmf": b"\xd7\xcd\xc6\x9a" + bytes(64),
    "fits": b"SIMPLE  =                    T".ljust(2880),
    "xpm": b'/* XPM */\nstatic char *a[] = {"1 1 1 1", "a c #000", "a"};\n',
    "pcx": b"\x0a\x05\x01\x08" + bytes(124),
    "sgi": b"\x01\xda\x00\x01" + bytes(508),
    "qoi": b"qoif" + struct.pack(">IIBB", 1 << 31, 1 << 31, 4, 0),
    "pickle": b"\x80\x04cos\nsystem\n(S'touch OWNED'\ntR.",
    "shell": b"#!/bin/sh\ntouch OWNED\n",
    "html": b"<html>404 Not Found</html>",
    "zip": b"PK\3\4" + bytes(40),
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
}
"""Files of formats that are never opened."""


def bombs() -> dict[str, bytes]:
    """Small files that say, or are, much more than they seem; none can be used."""
    megabytes = zlib.compress(bytes(20 << 20), 9)
    return {
        "declared.png": png(HUGE, HUGE),
        "declared-int.png": png(-1, -1),
        "whole.png": flat_png(16_000),
        "nothing.png": png(0, 0),
        "text.png": png(9, 9, before=chunk(b"zTXt", b"k\0\0" + megabytes)),
        "short.png": png(9, 9),
        "screen.gif": gif(65_535, 65_535),
        "canvas.webp": webp_canvas(1 << 24, 1 << 24),
        "declared.bmp": bmp(HUGE, HUGE),
        "negative.bmp": bmp(HUGE, -HUGE),
        "runs.bmp": bmp(HUGE, HUGE, 1, b"\xff\0" * 99),
        "declared.tif": grey_tiff(HUGE, HUGE, 8, 9),
        "words.tif": tiff({256: (4, 1, 9), 257: (4, 1, 9), 273: (4, 1 << 30, 8)}),
        "strips.tif": grey_tiff(14, 9, 1 << 31, 1 << 31),
        "packed.tif": grey_tiff(HUGE, HUGE, 134, 126, packed=8),
        "declared.ppm": b"P6 60000 60000 255\n",
        "digits.ppm": b"P6 " + b"9" * 5000 + b" 9 255\n",
        "plain.ppm": b"P3 60000 60000 255\n1 2 3\n",
        "declared.jpg": jpeg_of_size(65_500, 65_500),
    }


def cuts(data: bytes, count: int) -> Iterator[bytes]:
    """Beginnings of a file, evenly spread, all too short to be read."""
    for number in range(count):
        yield data[: 1 + number * (len(data) // 2) // count]


def special_files(folder: Path, suffix: str = ".png") -> list[Path]:
    """Things of the file system that are called like images, and are none."""
    kinds = ("fifo", "socket", "device", "dangling", "loop")
    made = {name: folder / f"{name}{suffix}" for name in kinds}
    os.mkfifo(made["fifo"])
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listening:  # its path must be short
        os.chdir(folder)
        try:
            listening.bind(made["socket"].name)
        finally:
            os.chdir(here)
    made["device"].symlink_to("/dev/zero")
    made["dangling"].symlink_to("nowhere")
    made["loop"].symlink_to(made["loop"].name)
    return list(made.values())


Make = Callable[[], bytes]


def tar_member(name: bytes, data: bytes, kind: bytes = b"0", size: int | None = None) -> bytes:
    """A member of a tar; ``size`` is what its header says, else the truth."""
    size = len(data) if size is None else size
    octal = b"%011o\0" % size if 0 <= size < 8**11 else (size & ((1 << 96) - 1) | 1 << 95).to_bytes(12, "big")  # fmt: skip  # noqa: E501
    if size < 0:
        octal = b"\xff" + octal[1:]
    head = bytearray(512)
    head[0:100] = name[:100].ljust(100, b"\0")
    head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    head[124:136], head[136:148] = octal, b"%011o\0" % 0
    head[148:156], head[156:157] = b" " * 8, kind
    head[257:265] = b"ustar\x0000"
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512)


def pax(records: dict[bytes, bytes], kind: bytes = b"x") -> bytes:
    """A pax header."""
    body = b""
    for key, value in records.items():
        line = b" " + key + b"=" + value + b"\n"
        length = len(line)
        while len(b"%d" % length) + len(line) != length:
            length = len(b"%d" % length) + len(line)
        body += b"%d" % length + line
    return tar_member(b"pax", body, kind)


def row(key: bytes = b"0", seed: int = 0) -> bytes:
    """The members of one good row of a WebDataset tar."""
    return tar_member(key + b".png", good(seed=seed)) + tar_member(
        key + b".cls", b"%d" % (seed % 2)
    )


def tars() -> dict[str, bytes]:
    """Tars that are no good, each for another reason."""
    end, two = bytes(1024), row() + row(b"1", 1)
    lone = b"2.png"
    deep = b"".join(pax({b"comment": b"x"}) for _ in range(3000))
    sparse = {b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.name": lone}
    return {
        "backwards": two + tar_member(lone, b"", size=-512) + end,
        "backwards-far": two + tar_member(lone, b"", size=-(1 << 40)) + end,
        "round-and-round": two + tar_member(b"noname", b"", size=-512) + end,
        "lying": two + tar_member(lone, b"x", size=1 << 40) + end,
        "lying-most": two + tar_member(lone, b"x", size=1 << 90) + end,
        "pax-backwards": two + pax({b"size": b"-1024"}) + tar_member(lone, b"x") + end,
        "pax-lying": two + pax({b"size": b"99999999999999"}) + tar_member(lone, b"x") + end,
        "pax-word": two + pax({b"size": b"many"}) + tar_member(lone, b"x") + end,
        "pax-header": two + tar_member(b"pax", b"9 a=b\n", b"x", size=1 << 33) + end,
        "pax-header-backwards": two + tar_member(b"pax", b"", b"x", size=-512) + end,
        "pax-chain": two + deep + tar_member(lone, b"x") + end,
        "pax-length": two + tar_member(b"pax", b"0 a=b\n", b"x") + tar_member(lone, b"x") + end,
        "long-name": two + tar_member(b"L", b"x", b"L", size=1 << 33) + end,
        "sparse-old": two + tar_member(lone, b"x", b"S", size=1 << 40) + end,
        "sparse": two + pax(sparse) + tar_member(lone, b"99999999\n0\n1\n") + end,
        "sparse-map": two + pax({b"GNU.sparse.map": b"0,1,x"}) + tar_member(lone, b"x") + end,
        "no-row": end,
        "only-pickle": tar_member(b"0.pyd", FOREIGN["pickle"]) + tar_member(b"0.cls", b"1") + end,
    }


def zip_of(
    members: list[tuple[bytes, bytes]],
    method: int = 8,
    *,
    size: int | None = None,
    packed: int | None = None,
    start: int | None = None,
    mode: int = 0o100644,
) -> bytes:
    """A zip; the directory says ``size``, ``packed`` and ``start`` of each member, else the
    truth."""
    body, directory = b"", b""
    for name, data in members:
        engine = zlib.compressobj(9, zlib.DEFLATED, -15)
        content = engine.compress(data) + engine.flush() if method == 8 else data
        numbers = (zlib.crc32(data), len(content), len(data), len(name), 0)
        local = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 20, 0x800, method, 0, 33, *numbers) + name
        said = (
            zlib.crc32(data),
            len(content) if packed is None else packed,
            len(data) if size is None else size,
        )
        directory += struct.pack(
            "<4sHHHHHHLLLHHHHHLL", b"PK\1\2", 0x314, 20, 0x800, method, 0, 33, *said, len(name),
            0, 0, 0, 0, mode << 16, len(body) if start is None else start,
        ) + name  # fmt: skip
        body += local + content
    end = (len(members), len(members), len(directory), len(body), 0)
    return body + directory + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, *end)


def zips() -> dict[str, bytes]:
    """Zips that are no good, each for another reason, of which none can be used as it is."""
    own = [(b"cat/%d.png" % number, good(seed=number)) for number in range(4)]
    names = [(b"cat/%d.png" % number, b"") for number in range(200)]
    kernel = [(b"cat/k.png", bytes(9 << 20)), *names]
    return {
        "overlapping": zip_of(own, start=0),
        "quoted": zip_of(kernel, size=255 << 20, packed=9 << 10, start=0),
        "no-directory": zip_of(own)[:-60],
        "directory-lies": zip_of(own)[:-6] + b"\xff\xff\xff\x7f\0\0",
        "twice": zip_of([own[0], own[0]]),
        "links": zip_of(own, mode=0o120777),
        "method": zip_of(own, 99),
        "starts-far": zip_of(own, start=0x7FFFFFFF),
        "many": zip_of(own)[:-12] + b"\xff\xff\xff\xff" + zip_of(own)[-8:],
    }


def npy_header(said: str, version: int = 1) -> bytes:
    """The header of a .npy file, whatever it says."""
    text = said.encode() + b" " * (-(len(said) + 11) % 64) + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text


def npy_lies() -> dict[str, bytes]:
    """Arrays of images that are none."""
    shape = "{'descr': '|u1', 'fortran_order': False, 'shape': %s}"
    return {
        "terabytes": npy_header(shape % "(1099511627776, 9, 14, 3)"),
        "overflow": npy_header(shape % "(4294967296, 4294967296, 4294967296, 3)"),
        "negative": npy_header(shape % "(-40, 9, 14, 3)") + bytes(40 * 378),
        "minus-minus": npy_header(shape % "(-4, -9, 14, 3)") + bytes(4 * 378),
        "booleans": npy_header(shape % "(True, 9, 14, 3)"),
        "floats": npy_header(shape % "(4.0, 9, 14, 3)") + bytes(4 * 378),
        "empty": npy_header(shape % "()"),
        "objects": npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (4, 9, 14, 3)}")
        + FOREIGN["pickle"],
        "object-fields": npy_header(
            "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (4, 9, 14, 3)}"
        ),
        "no-type": npy_header("{'descr': 7, 'fortran_order': False, 'shape': (4, 9, 14, 3)}"),
        "a-call": npy_header("__import__('os').system('touch OWNED')"),
        "deep": npy_header("(" * 4000 + ")" * 4000),
        "long": npy_header(" " * 60_000),
        "length": b"\x93NUMPY\2\0\xff\xff\xff\x7f",
        "version": b"\x93NUMPY\7\0" + bytes(99),
        "columns": npy_header("{'descr': '|u1', 'fortran_order': True, 'shape': (4, 9, 14, 3)}")
        + bytes(4 * 378),
    }


def bomb(megabytes: int, magic: str) -> bytes:
    """A tar of one good row and one member of so many megabytes of zeros, compressed."""
    head = row() + row(b"1", 1)
    large = tar_member(b"2.png", b"", size=megabytes << 20)
    parts = [head, large, *[bytes(1 << 20)] * megabytes, bytes(1024)]
    engines = {"gz": zlib.compressobj(9, zlib.DEFLATED, 31), "bz2": bz2.BZ2Compressor(),
               "xz": lzma.LZMACompressor(preset=0)}  # fmt: skip
    engine = engines[magic]
    return b"".join([*(engine.compress(part) for part in parts), engine.flush()])
