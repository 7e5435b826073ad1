"""How Parquet holds the fields of an output."""

from __future__ import annotations

import dataclasses

import numpy as np

from augtool.codecs.encoding import Encoding, encoding
from augtool.fields import Field
from augtool.sinks._arrow_columns import Column, numbers
from augtool.sinks._contract import Order

_MASK_DTYPES = ("|u1", "<u2")  # ids that a PNG holds


def encoding_of(order: Order, one: Field) -> Encoding:
    """How a field's rows are stored: as pictures, or (npy) as numbers."""
    if one.name == "images":
        return encoding(order.encode, one.shape, np.dtype(one.dtype))
    return Encoding("png" if one.name == "masks" and one.dtype in _MASK_DTYPES else "npy")


def column_of(order: Order, one: Field) -> Column:
    """The column that holds a field. Raises `UsageError` for values that it cannot hold."""
    name = "image" if one.name == "images" else one.name
    if encoding_of(order, one).extension != "npy":
        return Column(name, one.name, "picture")
    return dataclasses.replace(numbers(order, one), name=name)
