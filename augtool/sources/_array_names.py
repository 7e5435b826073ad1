"""The names that arrays of images and labels usually have, in HDF5 and npz files."""

from __future__ import annotations

from collections.abc import Sequence

from augtool.errors import UsageError

# Image data sets and the label data sets that go with them, the best first; any case.
USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "images": ("labels", "label", "targets", "target", "y"),
    "image": ("label", "labels", "target", "targets", "y"),
    "x": ("y",),
    "x_train": ("y_train",),
    "train_x": ("train_y",),
    "train_set_x": ("train_set_y",),
    "train_images": ("train_labels",),
    "data": ("labels", "label", "targets", "target"),
}
PARTNER_WORDS = {"images": "labels", "image": "label", "x": "y", "data": "labels"}
_PREFIXES = ("labels_", "label_")  # what augtool's own outputs put before a target's name


def target_names(keys: Sequence[str], spec: str) -> tuple[str, ...]:
    """What the targets of these label keys are called: nothing when there is one, else the last
    part of each key, without the ``labels_`` of own outputs.

    Raises `UsageError` when two would be called the same.
    """
    if len(keys) == 1:
        return ("",)
    names = [bare_name(key.rstrip("/").rpartition("/")[2]) for key in keys]
    for at, name in enumerate(names):
        if name in names[:at]:
            other = keys[names.index(name)]
            raise UsageError(
                f"{spec}: --label-key {other} and {keys[at]} would both be the target {name!r}; "
                "leave one out, or rename it"
            )
    return tuple(names)


def bare_name(name: str) -> str:
    """``color`` for ``labels_color``, which is what an own output calls the labels of ``color``."""
    prefix = next((one for one in _PREFIXES if name.startswith(one)), "")
    return name.removeprefix(prefix) or name
