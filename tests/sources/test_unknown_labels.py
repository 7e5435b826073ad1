"""Labels that are not known are marked, and nothing else is changed by it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources._stored_targets import LabelArray, stored_targets
from augtool.sources._targets import target_of
from augtool.targets import UNKNOWN, Target

NAN = math.nan
IMAGES = np.zeros((4, 7, 9, 3), np.uint8)
Arrays = Callable[..., Any]


def target(path: Path, labels: Any, missing: str | None, **reading: Any) -> Target:
    asked = Reading(label_missing=missing, **reading)
    (kept,), _ = stored_targets([LabelArray("", np.asarray(labels), "a.h5: y")], asked, path)
    return kept.mapped()


@pytest.mark.parametrize(
    ("labels", "missing"),
    [
        (np.array([0, 2, -1, 1]), "-1"),
        (np.array([0, 2, 255, 1], np.uint8), "255"),
        (np.array(["a", "c", "", "b"]), ""),
        (np.array([b"a", b"c", b"?", b"b"]), "?"),
    ],
)
def test_a_class_that_is_not_known_is_minus_one(arrays: Arrays, labels: Any, missing: str) -> None:
    (made,) = arrays({"images": IMAGES, "labels": labels}, label_missing=missing).targets
    assert (made.kind, made.width) == ("classes", 3)
    assert made.values.tolist() == [0, 2, UNKNOWN, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hole", [NAN, -1])
def test_entries_that_are_not_known_are_nan_in_vectors(
    arrays: Arrays, dtype: Any, hole: float
) -> None:
    labels = np.array([[1, 0, hole], [1, 1, 0], [hole, hole, hole], [0, 0, 1]], dtype)
    (made,) = arrays({"images": IMAGES, "labels": labels}, label_missing="-1").targets
    assert made.kind == "multihot"
    expected = np.where(labels == -1, NAN, labels)
    assert np.array_equal(made.values, expected, equal_nan=True)


def test_whole_numbers_become_floats_that_can_say_nan(tmp_path: Path) -> None:
    for dtype, wide in {"u1": "f4", "i1": "f4", "i4": "f8", "i8": "f8"}.items():
        made = target(tmp_path, np.array([[1, 1, 99], [0, 1, 1]], dtype), "99")
        assert (made.kind, made.values.dtype) == ("multihot", np.dtype(wide))
        assert np.array_equal(made.values, [[1, 1, NAN], [0, 1, 1]], equal_nan=True)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([[0.5, 0.5], [NAN, NAN], [0, 1]], "soft"),
        ([[0.5, 0.5], [NAN, 0.5], [0, 1]], "multihot"),
        ([[0.5, 0.9], [NAN, NAN], [0, 1]], "multihot"),
        ([[0.5, 3], [NAN, NAN], [0, 1]], "values"),
        ([1.5, NAN, 2], "values"),
    ],
)
def test_the_kind_is_that_of_what_is_known(tmp_path: Path, labels: Any, kind: str) -> None:
    assert target(tmp_path, labels, "nan").kind == kind


def test_float_ids_and_one_hot_rows_can_be_classes_with_holes(tmp_path: Path) -> None:
    made = target(tmp_path, [1.0, NAN, 0.0], "nan", target="classes")
    assert made.values.tolist() == [1, UNKNOWN, 0]
    rows = target(tmp_path, [[0, 1.0], [NAN, NAN], [1, 0]], "nan", target="classes")
    assert rows.values.tolist() == [1, UNKNOWN, 0]


def test_the_first_class_is_counted_without_the_unknown(tmp_path: Path) -> None:
    made = target(tmp_path, [1, 0, 2], "0", label_base=1)
    assert (made.values.tolist(), made.width) == ([0, UNKNOWN, 1], 2)
    made = target(tmp_path, [1, -9, 2], "-9", label_base=1)
    assert made.values.tolist() == [0, UNKNOWN, 1]


@pytest.mark.parametrize(
    ("labels", "missing", "error", "said"),
    [
        ([0.5, NAN], None, SourceError, "row 1 is nan; .*use --label-missing nan"),
        ([0, -1, 2], None, SourceError, "row 1 is -1, .*use --label-missing -1"),
        ([0, -1, -2], "-1", SourceError, "row 2 is -2, and class ids start at 0$"),
        ([0.5, math.inf], "nan", SourceError, "row 1 is inf; labels are finite numbers$"),
        ([0.5, math.inf], None, SourceError, "row 1 is inf; labels are finite numbers$"),
        ([-1, -1], "-1", SourceError, r"every label is unknown \(--label-missing -1\)"),
        ([NAN, NAN], "nan", SourceError, "every label is unknown"),
        ([[NAN, NAN]] * 2, "nan", SourceError, "every label is unknown"),
        (["?", "?"], "?", SourceError, "every label is unknown"),
        ([0, 1], "unknown", UsageError, "--label-missing 'unknown' is none; use nan or a number"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    tmp_path: Path, labels: Any, missing: str | None, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        target(tmp_path, labels, missing)


def test_minus_ones_among_zeros_and_ones_are_not_taken_for_values_in_silence() -> None:
    labels = np.array([[1, 0], [-1, 1], [1, 1]])
    (warning,) = target_of(labels, Reading(), "a.h5: y")[1]
    assert "use --label-missing -1" in warning
    assert target_of(labels, Reading(label_missing="-1"), "a.h5: y")[1] == ()


def test_each_target_of_several_has_its_own_holes(arrays: Arrays) -> None:
    sets = {
        "images": IMAGES,
        "color": np.array([0, -1, 1, 1]),
        "age": np.array([-1, 1.5, 2, NAN]),
    }
    color, age = arrays(sets, label_key=("color", "age"), label_missing="-1").targets
    assert color.values.tolist() == [0, UNKNOWN, 1, 1]
    assert np.array_equal(age.values[:, 0], [NAN, 1.5, 2, NAN], equal_nan=True)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.lists(st.booleans(), min_size=30))
def test_what_is_known_is_as_it_would_be_without_holes(ids: list[int], hide: list[bool]) -> None:
    labels = np.array([*ids, 6])  # one that is always known
    holes = np.array([*hide[: len(ids)], False])
    made, _ = target_of(np.where(holes, 77, labels), Reading(label_missing="77"), "y")
    assert made.width == 7
    assert [a if not hole else UNKNOWN for a, hole in zip(labels, holes, strict=True)] == list(
        made.values
    )
