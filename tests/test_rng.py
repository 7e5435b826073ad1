"""Streams and the shuffle: what they promise about every draw."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augtool.rng import Shuffle, stream


@given(st.integers(1, 5000), st.integers(0, 2**80), st.integers(0, 9))
def test_shuffle_is_a_bijection_and_knows_its_inverse(n: int, seed: int, group: int) -> None:
    shuffle = Shuffle.keyed(n, seed, group)
    rows = shuffle.rows(np.arange(n))
    assert np.array_equal(np.sort(rows), np.arange(n))
    assert np.array_equal(shuffle.positions(rows), np.arange(n))


def test_shuffle_scatters_neighbours() -> None:
    rows = Shuffle.keyed(10_000, 1, 0).rows(np.arange(10_000))
    assert abs(np.corrcoef(np.arange(10_000), rows)[0, 1]) < 0.03
    assert np.mean(np.abs(np.diff(rows)) < 10) < 0.01


def test_shuffle_works_at_a_thousand_million_rows_without_their_memory() -> None:
    shuffle = Shuffle.keyed(10**9, 3, 0)
    last = np.arange(10**9 - 2048, 10**9)
    assert np.array_equal(shuffle.positions(shuffle.rows(last)), last)


def test_shuffle_is_the_same_on_every_machine() -> None:
    rows = Shuffle.keyed(50_000, 1, 0).rows(np.arange(50_000))
    digest = hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()
    assert digest == "8513ef8e2dd89f609227282e6dd15e80efd37b5bc1e8aa12d3a6ad7e0d6bf861"


@pytest.mark.parametrize(
    "other",
    [
        (2, "s", "c", 0, 0),
        (1, "t", "c", 0, 0),
        (1, "s", "d", 0, 0),
        (1, "s", "c", 1, 0),
        (1, "s", "c", 0, 1),
        (1, "s", "c", -1, 0),
    ],
)
def test_streams_of_other_names_copies_or_blocks_are_unrelated(other: tuple) -> None:
    ours = stream(1, "s", "c", 0, 0).random(4000)
    theirs = stream(*other).random(4000)
    assert not np.intersect1d(ours, theirs).size
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 0.06


def test_a_stream_is_found_again_by_its_name() -> None:
    assert stream(5, "a", "b", 3, 2).random() == stream(5, "a", "b", 3, 2).random()
