"""Labels from any file mean the same targets, and wrong ones are named with their row."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import _targets
from augtool.sources._stored_targets import digest_of, stored
from augtool.sources._targets import target_of
from augtool.targets import Target

WHERE = "data.h5: labels"


def target(labels: Any, names: tuple[str, ...] | None = None, **reading: Any) -> Target:
    """The target that ``labels`` means, without complaints."""
    made, warnings = target_of(np.asarray(labels), Reading(**reading), WHERE, names)
    assert warnings == ()
    return made


def warnings_about(labels: Any, names: tuple[str, ...] | None = None, **reading: Any) -> str:
    (warning,) = target_of(np.asarray(labels), Reading(**reading), WHERE, names)[1]
    assert warning.startswith(WHERE) and warning.endswith(".")
    return warning


def refusal(kind: type[Exception], labels: Any, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        target(labels, **options)
    message = str(caught.value)
    assert message.startswith(WHERE) and "\n" not in message
    return message


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i4", "i8", "u8"])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_whole_numbers_are_class_ids(dtype: str, shape: tuple[int, ...]) -> None:
    made = target(np.array([0, 2, 1, 0], dtype).reshape(shape))
    assert (made.kind, made.width, made.class_names) == ("classes", 3, None)
    assert made.values.dtype == np.int64
    assert made.values.tolist() == [0, 2, 1, 0]


def test_booleans_are_two_classes() -> None:
    assert target([True, False]).values.tolist() == [1, 0]


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["dog", "été", "cat", "dog"]),
        np.array(["dog", "été", "cat", "dog"], object),
        np.array([word.encode() for word in ("dog", "été", "cat", "dog")]),
        np.array([["dog"], ["été"], ["cat"], ["dog"]]),
    ],
)
def test_strings_are_classes_in_sorted_order(labels: np.ndarray) -> None:
    made = target(labels)
    assert made.class_names == ("cat", "dog", "été")
    assert made.values.tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_floats_are_a_regression_value(shape: tuple[int, ...]) -> None:
    made = target(np.array([0.5, -2, 7], np.float32).reshape(shape))
    assert (made.kind, made.width, made.values.tolist()) == ("values", 1, [[0.5], [-2], [7]])


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([[0.25, 0.75], [1, 0]], "soft"),
        ([[0.2504, 0.75], [1, 0]], "soft"),
        ([[0, 1], [1, 0]], "soft"),
        ([[0.26, 0.75], [1, 0]], "multihot"),
        ([[1, 1], [0, 0]], "multihot"),
        ([[1.5, -0.5], [1, 0]], "values"),
        ([[3, 4], [5, 6]], "values"),
    ],
)
def test_an_array_is_soft_or_multihot_or_values_by_its_rows(rows: Any, kind: str) -> None:
    made = target(rows)
    assert (made.kind, made.width) == (kind, 2)
    assert made.values.tolist() == rows


def test_the_kind_is_that_of_all_rows_and_not_of_the_first_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_targets, "_BLOCK_BYTES", 32)
    assert target([[0.25, 0.75]] * 9 + [[0.5, 0.9]]).kind == "multihot"
    assert target([[0.5, 0.9]] * 9 + [[0.5, 1.9]]).kind == "values"
    assert "row 9 is nan" in refusal(SourceError, [[0.5, 0.5]] * 9 + [[0.5, np.nan]])


def test_floats_that_are_whole_can_be_classes() -> None:
    assert "use --target classes" in warnings_about([0.0, 2.0])
    assert target([0.0, 2.0], target="classes").values.tolist() == [0, 2]
    assert "row 1 is 1.5" in refusal(SourceError, [0, 1.5], target="classes")


def test_whole_numbers_can_be_a_vector() -> None:
    made = target([3, 250], target="vector")
    assert (made.kind, made.values.tolist()) == ("values", [[3], [250]])
    assert target([[0, 1], [1, 0]], target="vector").kind == "values"


def test_one_hot_rows_can_be_classes() -> None:
    made = target([[0, 1, 0, 0], [0, 0, 1, 0]], target="classes")
    assert (made.kind, made.width, made.values.tolist()) == ("classes", 4, [1, 2])
    assert "row 1 is not one-hot" in refusal(UsageError, [[0, 1], [1, 1]], target="classes")


def test_the_number_of_classes_is_that_of_the_names_else_the_option_else_the_files() -> None:
    assert target([0, 1], names=("a", "b", "c")).class_names == ("a", "b", "c")
    assert target([0, 1], num_classes=5).width == 5
    assert target_of(np.array([0, 1]), Reading(), WHERE, None, 7)[0].width == 7
    assert target_of(np.array([0, 1]), Reading(num_classes=5), WHERE, None, 7)[0].width == 5


def test_names_that_do_not_fit_are_left_out_with_a_warning() -> None:
    assert "3 class names" in warnings_about([0, 1], ("a", "b", "c"), num_classes=2)
    assert "3 class names" in warnings_about([[0, 1], [1, 0]], ("a", "b", "c"))


@pytest.mark.parametrize(
    ("labels", "options", "found"),
    [
        ([0, 1, 9, 1], {"num_classes": 3}, "row 2 is 9"),
        ([0, 1, 2], {"names": ("a", "b")}, "row 2 is 2"),
        ([0, -1, 2], {}, "row 1 is -1"),
        ([-5, -1], {}, "row 0 is -5"),
        ([3, 0], {"label_base": 1}, "row 1 is 0"),
        (np.array([0, 2**64 - 1], np.uint64), {}, f"row 1 is {2**64 - 1}"),
        ([0, 2**40], {}, "--num-classes"),
        ([0.0, np.nan], {}, "row 1 is nan"),
        ([0.0, np.inf], {"target": "classes"}, "row 1 is inf"),
        ([[0.5, 0.5], [np.nan, 1]], {"target": "vector"}, "row 1 is nan"),
        (np.array(["a", None], object), {}, "row 1 is None"),
    ],
)
def test_a_label_out_of_range_is_named_with_its_row(labels: Any, options: Any, found: str) -> None:
    assert found in refusal(SourceError, labels, **options)


@pytest.mark.parametrize(
    ("labels", "options", "advice"),
    [
        ([[0, 1], [1, 0]], {"label_base": 1}, "--label-base"),
        (["a", "b"], {"label_base": 1}, "--label-base"),
        (["a", "b"], {"target": "vector"}, "--target"),
        (["a", "b"], {"num_classes": 3}, "--num-classes"),
        ([[0, 1], [1, 0]], {"num_classes": 3}, "--num-classes"),
        ([["a", "b"]], {}, "one class a row"),
        (np.zeros((2, 3, 4)), {}, "--label-key"),
        (np.zeros((2, 0)), {}, "--label-key"),
        (np.zeros(2, complex), {}, "complex128"),
    ],
)
def test_options_that_do_not_fit_the_labels_are_named(
    labels: Any, options: Any, advice: str
) -> None:
    assert advice in refusal(UsageError, labels, **options)


def test_ids_that_start_at_one_are_warned_about_and_can_be_moved() -> None:
    assert "use --label-base 1" in warnings_about([1, 2, 3])
    moved = target([1, 2, 3], label_base=1)
    assert (moved.width, moved.values.tolist()) == (3, [0, 1, 2])
    assert "use --label-base 1" in refusal(SourceError, [1, 2], names=("a", "b"))


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        ([0, 1], np.int64),
        (np.eye(3, dtype=np.uint8), np.float32),
        (np.eye(3, dtype=">f4"), np.float32),
        (np.eye(3, dtype=np.float16), np.float32),
        (np.eye(3), np.float64),
        (np.array([[2**40 + 1, 5]]), np.float64),
    ],
)
def test_stored_targets_keep_their_values_and_are_native(
    labels: Any, dtype: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_targets, "_BLOCK_BYTES", 16)
    made = target(labels)
    kept = pickle.loads(pickle.dumps(stored(made, tmp_path / "t.npy"))).mapped()
    assert isinstance(kept.values, np.memmap)
    assert kept.values.dtype == dtype and kept.values.dtype.isnative
    assert kept.values.tolist() == made.values.tolist()
    assert (kept.kind, kept.width, kept.class_names) == (made.kind, made.width, made.class_names)


def test_the_digest_tells_values_names_kinds_and_shapes_apart() -> None:
    targets = [
        target([0, 1]),
        target([1, 0]),
        target([0, 1], num_classes=3),
        target([0, 1], names=("a", "b")),
        target(["a", "c"]),
        target([0, 1], target="vector"),
        target(np.eye(2)),
    ]
    assert len({digest_of([one]) for one in targets}) == len(targets)
    assert digest_of([target([0, 1])]) == digest_of([target(np.array([0, 1], np.uint8))])


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(0, 1))
def test_ids_survive_any_base(ids: list[int], base: int) -> None:
    made, _ = target_of(np.array(ids) + base, Reading(label_base=base, num_classes=13), WHERE)
    assert made.values.tolist() == ids


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=5), min_size=1, max_size=20))
def test_every_row_keeps_its_string(words: list[str]) -> None:
    made = target(np.array(words, object))
    assert made.class_names == tuple(sorted(set(words)))
    assert [made.class_names[number] for number in made.values] == words
