"""A folder of images by class, ``train/<class>/000000017.png``, and ``train/metadata.parquet``.

The class is the heaviest; the soft label and all else is in the table, a row for each image, with
``file_name`` relative to it. Workers write the images; the table's rows come to the parent. A class
that is the heaviest of no row has no folder, since readers refuse empty ones.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.codecs.encoding import Encoding, encoding
from augtool.errors import UsageError
from augtool.sinks._arrow_columns import Column, RowBuffer, arrow_schema, numbers
from augtool.sinks._arrow_table import Table, TableSink, begun_at, check_pyarrow, group_rows
from augtool.sinks._class_folders import class_folders, numbered_folders
from augtool.sinks._contract import Buffer, Encoded, Order, Position
from augtool.sinks._folder_reader import read
from augtool.sinks._positional_writer import bytes_of, refused
from augtool.targets import UNKNOWN

__all__ = ["FOLDER", "OPTIONS", "SUFFIXES", "chunk_rows", "lay_out", "read"]

SUFFIXES: tuple[str, ...] = ()
FOLDER = True
OPTIONS = frozenset({"encode", "sparse"})
_UNKNOWN = "%~unknown"  # the folder of rows whose label is not known
_FILE_NAME = Column("file_name", "file_name", "text")


def chunk_rows(order: Order) -> int | None:
    """Rows come in order, one by one. Raises `UsageError` when pyarrow is missing, when rows are no
    images, and when they have no heaviest class."""
    check_pyarrow("folder")
    _encoding(order)
    _main_label(order)
    _columns(order)
    return 1


def lay_out(order: Order, since: Position | None = None) -> TableSink:
    """The folder; those of the classes are made when their first image comes. An image that is
    there is written over."""
    train = order.path / "train"
    train.mkdir(exist_ok=True)
    label, columns = _main_label(order), _columns(order)
    writer = FolderWriter(
        train, label, _folders(order, label), _encoding(order), RowBuffer(columns)
    )
    group = group_rows(sum(one.row_bytes for one in order.fields[1:]))
    table = Table(train / "metadata.parquet", 0, order.rows)
    return TableSink(writer, columns, (table,), group, lambda _table, _digests: {}, begun_at(since))


def _encoding(order: Order) -> Encoding:
    images = order.fields[0]
    how = encoding(order.encode, images.shape, np.dtype(images.dtype))
    if how.extension == "npy":
        raise UsageError(
            f"format folder: holds pictures; rows here are {'×'.join(map(str, images.shape))} "
            f"{np.dtype(images.dtype).name}; use --format npy, hdf5 or parquet"
        )
    return how


def _main_label(order: Order) -> str:
    """The field of the heaviest class of the first target."""
    target = json.loads(str(order.attributes.get("targets", '[""]')))[0]
    name = f"label_{target}" if target else "label"
    if all(one.name != name for one in order.fields):
        raise UsageError(
            f"format folder: sorts images by their heaviest class, and {target or 'the labels'} "
            "have none; use --format parquet, tar or hdf5"
        )
    return name


def _folders(order: Order, label: str) -> tuple[str, ...]:
    """The folder of each class."""
    of_target = label.removeprefix("label")
    names = order.attributes.get(f"class_names{of_target}")
    if names is None:
        return numbered_folders(int(order.attributes[f"num_classes{of_target}"]))
    return class_folders(tuple(json.loads(str(names))))


def _columns(order: Order) -> tuple[Column, ...]:
    return (_FILE_NAME, *(numbers(order, one) for one in order.fields[1:]))


@dataclass
class FolderWriter:
    """Writes images to the folders of their classes, once these are known, and keeps all else for
    the parent."""

    train: Path
    label: str
    folders: tuple[str, ...]
    encoding: Encoding
    buffer: RowBuffer
    _images: deque[bytes] = field(default_factory=deque)
    _made: set[str] = field(default_factory=set)

    def __enter__(self) -> FolderWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._images.clear()
        self.buffer.clear()

    def write(
        self, field: str, rows: npt.NDArray[np.int64], values: npt.NDArray[Any]
    ) -> Sequence[Buffer]:
        """Encode images, write them when their label comes, and keep the other fields."""
        if field == "images":
            files = [self.encoding.encode(image) for image in values]
            self._images.extend(files)
            return files
        if field == self.label:
            names = [
                self._write_image(row, id)
                for row, id in zip(rows.tolist(), values.tolist(), strict=True)
            ]
            self.buffer.add(_FILE_NAME.field, rows, names)
        kept = values.copy()  # the caller uses its arrays again
        self.buffer.add(field, rows, kept)
        return (bytes_of(kept),)

    def encoded(self) -> Sequence[Encoded]:
        """All rows of the table since the last call, as one piece."""
        return self.buffer.encoded()

    def written(
        self, field: str, rows: npt.NDArray[np.int64], pieces: Sequence[Encoded]
    ) -> Sequence[Buffer] | None:
        """See `Writer`: the images; all else is in the pieces, and so are the images' names."""
        if field != "images":
            return None
        names = self._names(pieces)
        paths = [self.train / names[row] for row in rows.tolist()]
        if any(path.is_symlink() for path in paths):
            raise ValueError("an image is a link")
        return [path.read_bytes() for path in paths]

    def _names(self, pieces: Sequence[Encoded]) -> dict[int, str]:
        """The file of each row, from ``train`` on."""
        import pyarrow as pa

        schema, names = arrow_schema(self.buffer.columns), dict[int, str]()
        for piece in pieces:
            batch = pa.ipc.read_record_batch(pa.py_buffer(piece.data), schema)
            names.update(enumerate(batch.column(_FILE_NAME.name).to_pylist(), piece.row))
        return names

    def _write_image(self, row: int, id: int) -> str:
        """Write the image that has waited longest; returns its name from ``train`` on."""
        folder = _UNKNOWN if id == UNKNOWN else self.folders[id]
        name = f"{folder}/{row:09}.{self.encoding.extension}"
        path = self.train / name
        try:
            if folder not in self._made:
                path.parent.mkdir(exist_ok=True)
                self._made.add(folder)
            path.write_bytes(self._images.popleft())
        except OSError as error:
            raise refused(path, error) from error
        return name
