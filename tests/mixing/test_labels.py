"""Labels: Σ weight · target[src], summed in float64 and rounded once."""

from __future__ import annotations

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.mixing import labels
from augtool.targets import UNKNOWN, Target

CLASSES = Target("classes", np.array([0, 1, 2, 1]), 3)


def test_class_ids_become_shares() -> None:
    src, weight = np.array([[0, 2], [1, 3]]), np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
    mixed = labels.mixed(CLASSES, src, weight)
    assert mixed.dtype == np.float32
    assert mixed.tolist() == [[0.75, 0, 0.25], [0, 1, 0]]


def test_a_pair_of_one_class_sums_to_one() -> None:
    weight = np.array([[np.float32(2 / 3), np.float32(1 / 3)]])
    assert labels.mixed(CLASSES, np.array([[1, 3]]), weight)[0].tolist() == [0, 1, 0]


def test_dense_targets_are_weighted_sums() -> None:
    values = np.random.default_rng(0).random((5, 4))
    target = Target("values", values, 4)
    src, weight = np.array([[4, 0], [2, 1]]), np.array([[0.3, 0.7], [1, 0]], np.float32)
    expected = [
        sum(np.float64(w) * values[s] for s, w in zip(rows, ws, strict=True))
        for rows, ws in zip(src, weight, strict=True)
    ]
    assert np.array_equal(labels.mixed(target, src, weight), np.float32(expected))


def test_a_source_without_weight_adds_nothing_even_if_it_is_not_a_number() -> None:
    target = Target("values", np.array([[1.0], [np.nan]]), 1)
    mixed = labels.mixed(
        target, np.array([[0, 1], [0, -1]]), np.array([[1, 0], [1, 0]], np.float32)
    )
    assert mixed.tolist() == [[1], [1]]


def test_smoothing_has_the_textbook_values_and_does_not_mind_the_order() -> None:
    ids = Target("classes", np.arange(10), 10)
    smooth = labels.mixed(ids, np.array([[3]]), np.array([[1]], np.float32), smoothing=0.1)
    assert smooth[0].tolist() == [np.float32(0.91 if k == 3 else 0.01) for k in range(10)]
    smoothed_first = Target("soft", np.eye(10) * 0.9 + 0.01, 10)
    src, weight = np.array([[3, 7]]), np.array([[0.25, 0.75]], np.float32)
    mix_then_smooth = labels.mixed(ids, src, weight, smoothing=0.1)
    assert np.allclose(labels.mixed(smoothed_first, src, weight), mix_then_smooth, atol=1e-7)


def test_the_hard_label_is_the_heaviest_and_the_lowest_on_a_tie() -> None:
    soft = np.array([[0.2, 0.4, 0.4], [0.5, 0.1, 0.4]], np.float32)
    assert labels.hard(soft).tolist() == [1, 0]
    assert labels.hard(soft).dtype == np.int64


def test_smoothing_values_to_regress_is_refused() -> None:
    with pytest.raises(UsageError, match="class targets"):
        labels.check_smoothing(Target("values", np.zeros((3, 2)), 2), 0.1)


def test_multi_hot_is_smoothed_towards_one_half() -> None:
    target = Target("multihot", np.array([[1.0, 0, 1], [0, 0, 1]]), 3)
    mixed = labels.mixed(target, np.array([[0, 1]]), np.array([[0.75, 0.25]], np.float32), 0.2)
    assert mixed[0].tolist() == np.float32([0.75 * 0.8 + 0.1, 0.1, 0.9]).tolist()


def test_an_unknown_class_makes_the_label_of_every_row_with_a_share_of_it_unknown() -> None:
    target = Target("classes", np.array([0, UNKNOWN, 2]), 3)
    src = np.array([[0, 1], [0, 1], [1, 2], [0, -1]])
    weight = np.array([[0.5, 0.5], [1, 0], [0, 1], [1, 0]], np.float32)
    mixed = labels.mixed(target, src, weight, smoothing=0.3)
    assert np.isnan(mixed).all(axis=1).tolist() == [True, False, False, False]
    assert labels.hard(mixed).tolist() == [UNKNOWN, 0, 2, 0]


def test_an_unknown_entry_stays_unknown_where_its_source_has_weight() -> None:
    target = Target("multihot", np.array([[1, np.nan], [0, 1.0]]), 2)
    mixed = labels.mixed(target, np.array([[0, 1], [1, 0]]), np.array([[0.5, 0.5], [1, 0]]))
    assert np.array_equal(mixed, np.float32([[0.5, np.nan], [0, 1]]), equal_nan=True)


def test_what_is_unknown_has_no_mass() -> None:
    assert labels.mass(Target("classes", np.array([0, UNKNOWN, 0]), 2), None).tolist() == [2, 0]
    assert labels.mass(Target("soft", np.array([[np.nan, 1], [1, 0]]), 2), None).tolist() == [1, 1]


def test_the_mass_of_a_pass_is_the_sum_of_the_selected_targets() -> None:
    assert labels.mass(CLASSES, None).tolist() == [1, 2, 1]
    assert labels.mass(CLASSES, np.array([1, 3])).tolist() == [0, 2, 0]
    assert labels.mass(Target("values", np.array([[1.5], [2]]), 1), None).tolist() == [3.5]
