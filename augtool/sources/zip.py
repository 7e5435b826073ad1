"""A zip of an image folder. Its members' names are only names: nothing is extracted by them.

Members that are stored as they are are read where they lie; deflated ones are unpacked once, one
after another, to a file in the scratch folder.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import (
    _archive_store,
    _decompress,
    _label_files,
    _listing,
    _telling,
    _unpack_limits,
    npz,
)
from augtool.sources._contract import Notes, Source
from augtool.sources._encoded import IMAGE_READING, EncodedSource, probed
from augtool.sources._listing import Level
from augtool.sources._mapped import Version
from augtool.sources._stored_targets import LabelArray, StoredTarget, stored_targets
from augtool.sources._zip_members import DEFLATED, STORED, BadZip, ZipMember, data_offset, members
from augtool.sources.folder import PathColumns, check_share, class_warnings
from augtool.text import shown

READING = IMAGE_READING | {"split", "classes"} | _label_files.TABLE_READING
_SIGNATURES = (b"PK\3\4", b"PK\5\6")
_LOCAL = 30  # bytes that at least stand before a member
_AT_ONCE = 1 << 20
_SEALED = -1  # in place of the method, of what is encrypted


@dataclass
class _Images:
    """The members that are images: names, and what the directory says of each, (n, 5) int64:
    start, method, packed and unpacked bytes, CRC-32."""

    names: list[bytes]
    table: npt.NDArray[np.int64]


def sniff(spec: str) -> bool:
    """Whether ``spec`` is a regular file that begins as a zip archive, and no npz file."""
    path = Path(spec)
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) in _SIGNATURES and not npz.sniff(spec)
    except PermissionError:
        raise SourceError(f"{spec}: no permission to read it; change its mode") from None
    except OSError:
        return False


def open(spec: str, reading: Reading, scratch: Path) -> Source:
    """The images in the archive ``spec``, their classes by the rules for image folders; one folder
    that holds all others is passed over.

    Raises `UsageError` when there are no class folders, and `SourceError` when the archive is
    damaged, or holds no images.
    """
    return _opened(spec, reading, scratch, None)


def open_labelled(spec: str, reading: Reading, scratch: Path, labels: str) -> Source:
    """The images in the archive ``spec``, with labels from the file ``labels``."""
    return _opened(spec, reading, scratch, Path(labels))


def _opened(spec: str, reading: Reading, scratch: Path, table: Path | None) -> Source:
    path, place = Path(spec).absolute(), shown(spec.encode("utf-8", "surrogateescape"))
    left_out: Counter[str] = Counter()
    most, warnings = _unpack_limits.of_piece(reading), tuple[str, ...]()
    try:
        version = Version.of(path)
        with path.open("rb") as file:
            found = _images_in(file, left_out)
            _check_apart(found, place)
            _go_down(found, place, reading)
            targets: tuple[StoredTarget, ...]
            if table is not None or reading.label_from_name is not None:
                order, targets, warnings = _labelled(
                    found, place, reading, scratch, table, left_out
                )
            else:
                _label_files.check_no_table(place, reading)
                order, targets, warnings = _by_folders(found, place, reading, scratch, left_out)
            check_share(place, len(order), left_out, "")
            unpacked = _unpacked_bytes(found, order, most)
            _unpack_limits.check_whole(reading, place, path.stat().st_size, unpacked)
            _telling.tell(place, unpacked, scratch)
            _decompress.check_room(scratch, place, unpacked)
            store = _stored((path, version), file, found, order, place, reading, scratch)
    except BadZip as error:
        raise SourceError(f"{place}: {error}; get the archive again") from error
    except OSError as error:
        if error.errno is None:
            raise
        raise SourceError(f"{place}: cannot be read ({error.strerror})") from error
    source = EncodedSource(
        store=store,
        reading=reading,
        n=len(order),
        shape=None,
        stored_targets=targets,
        notes=Notes(warnings, dict(left_out)),
        nbytes=path.stat().st_size,
        fingerprint=_label_files.fingerprint(store.digest(), targets),
        columns=PathColumns(),
    )
    return probed(source, place)


def _images_in(file: BinaryIO, left_out: Counter[str]) -> _Images:
    """The members that are images, those too that cannot be read, and the count of others. Raises
    `BadZip`."""
    names, numbers = list[bytes](), array("q")
    for member in members(file):
        parts = [part for part in member.name.split(b"/") if part not in (b"", b".", b"..")]
        if member.is_folder or any(_listing.is_clutter(part.lower()) for part in parts):
            continue
        extension = _listing.extension(member.name.rpartition(b"/")[2].lower())
        if member.link or not _listing.is_image(extension):
            left_out[_listing.kind_of(extension) + " (link)" * member.link] += 1
            continue
        names.append(b"/".join(parts))
        method = _SEALED if member.encrypted else member.method
        numbers.extend((member.start, method, member.packed, member.size, member.crc))
    return _Images(names, np.array(numbers, np.int64).reshape(-1, 5))


def _fault(method: int, size: int, most: int) -> int | None:
    """Why a member cannot be read, as `_pack.UNREADABLE` has it, or None."""
    if method == _SEALED:
        return _archive_store.ENCRYPTED
    if method not in (STORED, DEFLATED):
        return _archive_store.OTHER_METHOD
    return _archive_store.TOO_LARGE if size > most else None


def _check_apart(found: _Images, place: str) -> None:
    """Raise `SourceError` for members that share bytes, as no program writes them."""
    table = found.table[np.argsort(found.table[:, 0], kind="stable")]
    ends = table[:, 0] + _LOCAL + table[:, 2]
    if (ends[:-1] > table[1:, 0]).any():
        raise SourceError(f"{place}: its members overlap; get the archive again")


def _unpacked_bytes(found: _Images, order: list[int], most: int) -> int:
    """What the deflated ones of the chosen members take, save those of more than ``most`` bytes,
    which are not unpacked."""
    chosen = found.table[order]
    unpacked = (chosen[:, 1] == DEFLATED) & (chosen[:, 3] <= most)
    return int(chosen[unpacked, 3].astype(object).sum())


def _go_down(found: _Images, place: str, reading: Reading) -> None:
    """Names relative to the folder that holds the class folders; others are taken out."""
    if len(set(found.names)) < len(found.names):
        name, _ = Counter(found.names).most_common(1)[0]
        raise SourceError(f"{place}: {shown(name)!r} is there twice; write the archive again")
    tops = {name.split(b"/", 1)[0] for name in found.names if b"/" in name}
    while len(tops) == 1 and found.names and all(name.count(b"/") > 1 for name in found.names):
        _keep(found, tops.pop() + b"/")
        tops = {name.split(b"/", 1)[0] for name in found.names}
    if reading.split is not None:
        if reading.split.encode("utf-8", "surrogateescape") not in tops:
            choices = ", ".join(sorted(map(shown, tops))) or "no folders at all"
            raise UsageError(f"--split {reading.split}: not in {place}, which holds {choices}")
        _keep(found, reading.split.encode("utf-8", "surrogateescape") + b"/")


def _keep(found: _Images, prefix: bytes) -> None:
    """Only what lies below ``prefix``, relative to it."""
    kept = [at for at, name in enumerate(found.names) if name.startswith(prefix)]
    found.names = [found.names[at].removeprefix(prefix) for at in kept]
    found.table = found.table[kept]


def _by_folders(
    found: _Images, place: str, reading: Reading, scratch: Path, left_out: Counter[str]
) -> tuple[list[int], tuple[StoredTarget, ...], tuple[str, ...]]:
    """The classes are the folders."""
    tops = [name.split(b"/", 1)[0] if b"/" in name else None for name in found.names]
    folders = sorted({top for top in tops if top is not None}, key=_listing.text)
    if not folders:
        raise UsageError(
            f"{place}: its {len(tops)} images are in no class folder; expected CLASS/IMAGE.jpg, or "
            "--labels FILE"
        )
    if None in tops:
        left_out["images outside class folders"] += tops.count(None)
    if reading.classes is None:
        _check_no_splits(found, folders, place)
    level = Level(tuple(folders), 0, Counter())
    classes = _listing.classes_of(place, level, reading)
    ids = {folder: number for number, folder in enumerate(classes.folders)}
    inside = [at for at, top in enumerate(tops) if top is not None]
    order = sorted(inside, key=lambda at: (ids[tops[at] or b""], _listing.text(found.names[at])))
    values = np.array([ids[tops[at] or b""] for at in order], np.int64)
    counts = np.bincount(values, minlength=len(ids))
    array = LabelArray("", values, place, classes.captions, len(ids))
    targets, _ = stored_targets([array], Reading(), scratch)
    return order, targets, class_warnings(classes, counts)


def _check_no_splits(found: _Images, folders: list[bytes], place: str) -> None:
    direct = {name.split(b"/", 1)[0] for name in found.names if name.count(b"/") == 1}
    nested = [folder for folder in folders if folder not in direct]
    splits = [folder for folder in nested if folder.lower() in _listing.SPLIT_WORDS]
    if len(splits) >= 2:
        choices = ", ".join(f"--split {shown(folder)}" for folder in splits)
        raise UsageError(f"{place}: holds splits, not classes; choose one: {choices}")


def _labelled(
    found: _Images,
    place: str,
    reading: Reading,
    scratch: Path,
    table: Path | None,
    left_out: Counter[str],
) -> tuple[list[int], tuple[StoredTarget, ...], tuple[str, ...]]:
    """The labels are in a table, or in the images' names."""
    if reading.classes is not None:
        raise UsageError(f"{place}: --classes names class folders, and labels come from elsewhere")
    check_share(place, len(found.names), left_out, "")
    order = sorted(range(len(found.names)), key=lambda at: _listing.text(found.names[at]))
    names = [found.names[at] for at in order]
    if table is None:
        labelled = _label_files.from_names(names, place, reading, scratch)
    else:
        labelled = _label_files.from_table(names, table, place, reading, scratch)
    left_out.update(labelled.left_out)
    return [order[place] for place in labelled.places], labelled.targets, labelled.warnings


def _stored(
    archive: tuple[Path, Version],
    file: BinaryIO,
    found: _Images,
    order: list[int],
    place: str,
    reading: Reading,
    scratch: Path,
) -> _archive_store.PackStore:
    """The index of the rows, deflated members unpacked in the order in which they lie there."""
    copy, most = scratch / "unpacked.bin", _unpack_limits.of_piece(reading)
    lies = np.zeros((len(found.names), 3), np.int64)
    chosen = found.table[order]
    with copy.open("wb") as out:
        for at in np.array(order)[np.argsort(chosen[:, 0], kind="stable")].tolist():
            start, method, packed, size, crc = found.table[at].tolist()
            fault = _fault(method, size, most)
            if fault is not None:
                lies[at] = (0, fault, size)
                continue
            member = ZipMember(found.names[at], method, crc, packed, size, start, False, False)
            offset = data_offset(file, member)
            if method == STORED:
                lies[at] = (0, offset, size)
                continue
            file.seek(offset)
            begin = out.tell()
            whole = _inflate(file, member, out)
            lies[at] = (1, begin if whole else _archive_store.DAMAGED, out.tell() - begin)
    rows = _archive_store.Found()
    for at in order:
        rows.add(found.names[at], *lies[at].tolist())
    return _archive_store.stored(rows, [archive, (copy, Version.of(copy))], place, reading, scratch)


def _inflate(file: IO[bytes], member: ZipMember, out: IO[bytes]) -> bool:
    """Copy the content of a member, as much as can be had, and never more than it should have;
    returns whether it is whole."""
    engine, left, crc, made = zlib.decompressobj(-15), member.packed, 0, 0
    try:
        while left and not engine.eof:
            piece = file.read(min(left, _AT_ONCE))
            left -= len(piece)
            if not piece:
                break
            while piece and made <= member.size:
                data = engine.decompress(piece, _AT_ONCE)
                piece = engine.unconsumed_tail
                data = data[: member.size - made]
                crc, made = zlib.crc32(data, crc), made + len(data)
                out.write(data)
                if not data:
                    break
    except zlib.error:
        return False
    return made == member.size and crc == member.crc
