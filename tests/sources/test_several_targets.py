"""Several targets of one source, each of its own kind, from HDF5 and npz alike."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources._array_names import target_names

N = 6
IMAGES = np.arange(N * 7 * 9 * 3, dtype=np.int64).astype(np.uint8).reshape(N, 7, 9, 3)
KINDS: dict[str, Any] = {
    "ids": np.array([0, 1, 2, 0, 1, 2]),
    "one_hot": np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]],
    "soft": np.full((N, 4), 0.25),
    "tags": np.array([[1, 1, 0]] * N, np.uint8),
    "box": np.arange(N * 4, dtype=np.float32).reshape(N, 4) - 3,
    "age": np.array([1.5, 2, -3, 4, 5, 6], np.float32),
    "word": np.array(["b", "a", "b", "c", "a", "a"]),
}
Arrays = Callable[..., Any]


def test_one_key_makes_one_target_without_a_name(arrays: Arrays) -> None:
    for key, kind in {
        "ids": "classes",
        "one_hot": "soft",
        "soft": "soft",
        "tags": "multihot",
        "box": "values",
        "age": "values",
        "word": "classes",
    }.items():
        (target,) = arrays({"images": IMAGES, **KINDS}, label_key=(key,)).targets
        assert (target.name, target.kind) == ("", kind)


def test_several_keys_make_targets_of_their_own_kinds_in_that_order(arrays: Arrays) -> None:
    source = arrays({"images": IMAGES, **KINDS}, label_key=tuple(KINDS))
    assert [(one.name, one.kind, one.width) for one in source.targets] == [
        ("ids", "classes", 3),
        ("one_hot", "soft", 3),
        ("soft", "soft", 4),
        ("tags", "multihot", 3),
        ("box", "values", 4),
        ("age", "values", 1),
        ("word", "classes", 3),
    ]
    for target in source.targets[1:-1]:
        assert np.array_equal(target.values, KINDS[target.name].reshape(N, -1))
    assert np.array_equal(source.targets[0].values, KINDS["ids"])
    assert [source.targets[-1].class_names[i] for i in source.targets[-1].values] == list(
        KINDS["word"]
    )
    again = pickle.loads(pickle.dumps(source))
    assert [one.name for one in again.targets] == list(KINDS)
    assert len(pickle.dumps(source)) < 4000


def test_the_options_for_class_ids_are_for_those_targets_that_have_ids(arrays: Arrays) -> None:
    sets = {"images": IMAGES, **KINDS, "colour": KINDS["ids"] + 1}
    keys = ("colour", "ids", "box", "word")
    based = arrays(sets, label_key=("colour", "box", "word"), label_base=1).targets
    assert based[0].values.tolist() == KINDS["ids"].tolist()
    assert [one.width for one in based] == [3, 4, 3]
    many = arrays(sets, label_key=keys[:3], num_classes=9).targets
    assert [one.width for one in many] == [9, 9, 4]
    with pytest.raises(SourceError, match="ids: row 0 is 0, and class ids start at 1"):
        arrays(sets, label_key=keys, label_base=1)
    with pytest.raises(UsageError, match=r"box.*no first id; leave --label-base out"):
        arrays(sets, label_key=("box", "age"), label_base=1)
    with pytest.raises(UsageError, match="word: there are 3 classes, --num-classes is 9"):
        arrays(sets, label_key=keys, num_classes=9)


def test_the_kind_that_is_asked_for_is_that_of_all_targets(arrays: Arrays) -> None:
    sets = {"images": IMAGES, **KINDS}
    chosen = arrays(sets, label_key=("ids", "one_hot"), target="classes").targets
    assert [one.values.tolist() for one in chosen] == [KINDS["ids"].tolist()] * 2
    vectors = arrays(sets, label_key=("ids", "soft"), target="vector").targets
    assert [one.kind for one in vectors] == ["values", "values"]
    with pytest.raises(UsageError, match="box: row 0 is not one-hot; leave --target classes out"):
        arrays(sets, label_key=("ids", "box"), target="classes")


def test_targets_of_different_lengths_are_named_both(arrays: Arrays) -> None:
    sets = {"images": IMAGES, "color": np.arange(6), "shape": np.arange(5)}
    with pytest.raises(SourceError, match="color has 6 rows, shape has 5; choose"):
        arrays(sets, label_key=("color", "shape"))
    with pytest.raises(SourceError, match="images has 6 rows, shape has 5; choose"):
        arrays(sets, label_key=("shape",))


def test_a_key_that_is_not_there_is_named_with_the_nearest(arrays: Arrays) -> None:
    with pytest.raises(UsageError, match=r"'wrod'.*did you mean 'word'"):
        arrays({"images": IMAGES, **KINDS}, label_key=("ids", "wrod"))


def test_targets_are_called_by_the_last_part_of_their_keys() -> None:
    assert target_names(["train/labels"], "a.h5") == ("",)
    assert target_names(["a/color", "b/shape/"], "a.h5") == ("color", "shape")
    assert target_names(["labels_color", "label_shape", "labels"], "") == (
        "color",
        "shape",
        "labels",
    )
    with pytest.raises(UsageError, match="a/color and b/color would both be the target 'color'"):
        target_names(["a/color", "b/color"], "a.h5")


def test_one_key_may_be_a_bare_word_and_none_is_refused() -> None:
    assert Reading(label_key="y").label_key == ("y",)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="label-key"):
        Reading(label_key=())


# Outputs of augtool, read again

OWN: dict[str, Any] = {
    "images": IMAGES,
    "labels_color": np.full((N, 2), 0.5, np.float32),
    "label_color": np.zeros(N, np.int64),
    "labels_shape": np.full((N, 4), 0.25, np.float32),
    "label_shape": np.zeros(N, np.int64),
    "src": np.zeros((N, 2), np.int64),
}
ATTRS = {
    "target_color": "classes",
    "target_shape": "multihot",
    "class_names_color": json.dumps(["red", "blue"]),
    "num_classes_color": 2,
    "num_classes_shape": 4,
}


def test_all_targets_of_an_own_output_are_found_with_their_names_and_kinds(own: Arrays) -> None:
    color, shape = own(OWN, ATTRS).targets
    assert (color.name, color.kind, color.class_names) == ("color", "soft", ("red", "blue"))
    assert (shape.name, shape.kind, shape.class_names) == ("shape", "multihot", None)
    assert np.array_equal(color.values, OWN["labels_color"])


def test_the_main_target_stays_the_first_where_the_order_is_told(own: Arrays) -> None:
    told = own(OWN, {**ATTRS, "targets": json.dumps(["shape", "color"])}).targets
    assert [one.name for one in told] == ["shape", "color"]
    lie = own(OWN, {**ATTRS, "targets": json.dumps(["shape", "taste"])}).targets
    assert [one.name for one in lie] == ["color", "shape"]


def test_one_of_them_can_be_chosen_and_knows_its_classes(own: Arrays) -> None:
    (soft,) = own(OWN, ATTRS, label_key=("labels_color",)).targets
    assert (soft.name, soft.kind, soft.class_names) == ("", "soft", ("red", "blue"))
    (hard,) = own(OWN, ATTRS, label_key=("label_color",)).targets
    assert (hard.kind, hard.class_names) == ("classes", ("red", "blue"))
    assert [one.name for one in own(OWN, ATTRS, label_key=("labels_color", "src")).targets] == [
        "color",
        "src",
    ]


@pytest.mark.parametrize("kind", ["multihot", "values"])
def test_a_kind_is_not_lost_where_values_look_like_another(own: Arrays, kind: str) -> None:
    sets = {"images": IMAGES, "labels": np.full((N, 2), 0.5, np.float32)}
    assert own(sets, {"target": kind}).targets[0].kind == kind
    assert own(sets, {"target": "classes"}).targets[0].kind == "soft"
    assert own(sets, {"target": "nonsense"}).targets[0].kind == "soft"
    one = {"images": IMAGES, "labels": np.full((N, 1), 1, np.float32)}
    assert own(one, {"target": kind}).targets[0].kind == kind
    wrong = {"images": IMAGES, "labels": np.full((N, 2), 3, np.float32)}
    assert own(wrong, {"target": "classes"}).targets[0].kind == "values"
