"""Pixels that are NaN or infinite are told of, by a run and by `check` alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

N, BAD = 40, (3, 8, 21)
VALUES = (np.nan, np.inf, -np.inf)


def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.random((N, 8, 8, 3), np.float32)
    for row, value in zip(BAD, VALUES, strict=True):
        values[row, 2, 3, 1] = value
    return values


def as_hdf5(place: Path) -> Path:
    with h5py.File(place / "a.h5", "w") as file:
        file["images"], file["labels"] = images(), np.arange(N) % 2
    return place / "a.h5"


def as_npy(place: Path) -> Path:
    (place / "a").mkdir()
    np.save(place / "a" / "x_train.npy", images())
    np.save(place / "a" / "y_train.npy", np.arange(N) % 2)
    return place / "a"


def as_npz(place: Path) -> Path:
    np.savez_compressed(place / "a.npz", x=images(), y=np.arange(N) % 2)
    return place / "a.npz"


@pytest.fixture(params=[as_hdf5, as_npy, as_npz], ids=lambda make: make.__name__)
def source(request: pytest.FixtureRequest, victim) -> Path:
    make: Callable[[Path], Path] = request.param
    return victim.owns(make(victim.home))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_counts_the_rows_that_have_them(victim, source: Path, workers: int) -> None:
    more = ("--workers", workers) if workers else ()
    run = ("cutmix", "--prob", 0, "--in", source, "--copies", 2, "--out", "o.h5", *more)
    ended = victim.augtool(*run, "--json")
    assert ended.code == 0, ended.err
    (warning,) = json.loads(ended.out)["warnings"]
    assert warning.startswith("6 of 80 rows have pixels that are NaN or infinite")


def test_rows_that_are_held_out_count_too(victim, source: Path) -> None:
    held = ("--holdout", 0.5, "--holdout-out", "held.h5")
    ended = victim.augtool("cutmix", "--prob", 0, "--in", source, *held, "--out", "o.h5", "--json")
    assert ended.code == 0, ended.err
    (warning,) = json.loads(ended.out)["warnings"]
    assert warning.startswith("3 of 40 rows have pixels that are NaN or infinite")


def test_mixing_spreads_them_and_they_are_counted_where_they_are(victim, source: Path) -> None:
    ended = victim.augtool("mixup", "--in", source, "--lam", 0.5, "--out", "o.h5", "--json")
    assert ended.code == 0, ended.err
    (warning,) = json.loads(ended.out)["warnings"]
    with h5py.File(victim.home / "o.h5") as file:
        rows = int((~np.isfinite(file["images"][:])).any(axis=(1, 2, 3)).sum())
    assert 3 < rows <= 6
    assert warning.startswith(f"{rows} of 40 rows have pixels that are NaN or infinite")


def test_check_names_the_images_and_lets_a_run_go_on(victim, source: Path) -> None:
    ended = victim.augtool("check", "--in", source, "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["counts"]["not finite"] == 3
    assert found["counts"]["unreadable"] == 0


def test_images_without_them_are_not_warned_of(victim) -> None:
    np.savez(victim.home / "a.npz", x=np.nan_to_num(images()), y=np.arange(N) % 2)
    victim.owns(victim.home / "a.npz")
    ended = victim.augtool("cutmix", "--in", "a.npz", "--out", "o.h5", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["warnings"] == []
