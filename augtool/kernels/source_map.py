"""Owners: maps of who owns each pixel, joined where rows are mixed, and counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def count_slots(maps: npt.NDArray[Any], width: int) -> Ints:
    """(m, width) int64: how often each slot 0 … width−1 stands in each of ``maps`` (m, …), uint8 or
    uint16."""
    counts = np.zeros((len(maps), width), np.int64)
    _count_slots(maps.reshape(len(maps), -1), counts)
    return counts


@compiled("void(u1[:, ::1], i8[:, ::1])", "void(u2[:, ::1], i8[:, ::1])")
def _count_slots(maps: npt.NDArray[Any], counts: Ints) -> None:
    width = counts.shape[1]
    for row in range(maps.shape[0]):
        for pixel in range(maps.shape[1]):
            slot = np.int64(maps[row, pixel])
            if slot < width:
                counts[row, slot] += 1


def sum_slots(maps: Floats) -> npt.NDArray[np.float64]:
    """(m, S) float64: the sum of each slot over the pixels of ``maps`` (m, …, S), float32, in their
    order."""
    sums = np.zeros((len(maps), maps.shape[-1]), np.float64)
    _sum_slots(maps.reshape(len(maps), -1, maps.shape[-1]), sums)
    return sums


@compiled("void(f4[:, :, ::1], f8[:, ::1])")
def _sum_slots(maps: Floats, sums: npt.NDArray[np.float64]) -> None:
    for row in range(maps.shape[0]):
        for slot in range(maps.shape[2]):
            total = 0.0
            for pixel in range(maps.shape[1]):
                total += np.float64(maps[row, pixel, slot])
            sums[row, slot] = total


def join_shares(maps: Floats, sources: Ints, slots: int) -> Floats:
    """(k · m, …, W · slots) the maps of m rows, then those of their first partners, …: row i of
    part j is ``maps[sources[i, j]]`` in slots W·j … and 0 in all others.

    maps (n, …, W) float32; sources (m, k) int64 in 0 … n−1.
    """
    m, parts = sources.shape
    made = np.empty((parts * m, *maps.shape[1:-1], maps.shape[-1] * slots), np.float32)
    flat = maps.reshape(len(maps), -1, maps.shape[-1])
    _join_shares(flat, sources, slots, made.reshape(len(made), -1))
    return made


@compiled("void(f4[:, :, ::1], i8[:, :], i8, f4[:, ::1])")
def _join_shares(maps: Floats, sources: Ints, slots: int, made: Floats) -> None:
    m, pixels, width = sources.shape[0], maps.shape[1], maps.shape[2]
    for row in range(made.shape[0]):
        part, source, line = row // m, sources[row % m, row // m], made[row]
        for place in range(line.shape[0]):
            line[place] = 0
        for slot in range(width):
            first = part * width + slot
            for pixel in range(pixels):
                line[first + pixel * width * slots] = maps[source, pixel, slot]


def join_slots(maps: npt.NDArray[Any], sources: Ints, width: int) -> npt.NDArray[Any]:
    """(k · m, …) the maps of m rows, then those of their first partners, …: the slots of part j are
    j · width higher, save the dtype's largest number, which is nobody.

    maps (n, …) uint8 or uint16; sources (m, k) int64 in 0 … n−1.
    """
    m, parts = sources.shape
    made = np.empty((parts * m, *maps.shape[1:]), maps.dtype)
    nobody = int(np.iinfo(maps.dtype).max)
    _join_slots(maps.reshape(len(maps), -1), sources, width, nobody, made.reshape(len(made), -1))
    return made


@compiled(
    "void(u1[:, ::1], i8[:, :], i8, i8, u1[:, ::1])",
    "void(u2[:, ::1], i8[:, :], i8, i8, u2[:, ::1])",
)
def _join_slots(
    maps: npt.NDArray[Any], sources: Ints, width: int, nobody: int, made: npt.NDArray[Any]
) -> None:
    m = sources.shape[0]
    for row in range(made.shape[0]):
        part, source = row // m, sources[row % m, row // m]
        for pixel in range(made.shape[1]):
            slot = np.int64(maps[source, pixel])
            made[row, pixel] = slot if slot == nobody else slot + part * width
