"""The pixels and label images that a block is made of, read from its source."""

from __future__ import annotations

import multiprocessing

import numpy as np

from augtool.mixing.apply import Members
from augtool.planning.block import Block
from augtool.sources._contract import Source


def members_of(source: Source, block: Block) -> tuple[Members, int]:
    """The pixels that a block is made of, and how many rows were read for them: none when kernels
    read the source's own array in place."""
    stored = source.pixels
    if stored is not None and may_die():
        return Members(stored, by_row=True), 0
    assert source.shape is not None
    pixels = np.empty((len(block.members), *source.shape), source.dtype)
    source.read(block.members, pixels)
    return Members(pixels), len(block.members) if stored is None else 0


def may_die() -> bool:
    """Whether this is a worker: what maps a file dies when another program makes it shorter."""
    return multiprocessing.parent_process() is not None


def masks_of(source: Source, block: Block) -> Members | None:
    """The label images, or importance maps, of what a block is made of, where there are any."""
    masks = source.masks
    if masks is None:
        return None
    if masks.pixels is not None and may_die():
        return Members(masks.pixels, by_row=True)
    maps = np.empty((len(block.members), *masks.shape), masks.dtype)
    masks.read(block.members, maps)
    return Members(maps)
