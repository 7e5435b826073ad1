"""The names that arrays of images and labels usually have, in HDF5 and npz files."""

from __future__ import annotations

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
