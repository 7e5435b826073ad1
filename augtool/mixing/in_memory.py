"""Mixing arrays in memory, with the same plan, kernels and labels as a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.methods._contract import ChannelStatistics
from augtool.mixing import labels
from augtool.mixing.apply import Members, apply, prepared
from augtool.mixing.channel_stats import statistics_of
from augtool.mixing.source_map import looked
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Choice, Recipe, Step, step
from augtool.targets import Target

Array = npt.NDArray[Any]
_DTYPES = ("uint8", "uint16", "float32", "float64")


def cutmix(
    images: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    alpha: float = 1.0,
    prob: float = 1.0,
    num_classes: int | None = None,
    seed: int = 0,
) -> tuple[Array, npt.NDArray[np.float32]]:
    """CutMix an array of images: row i is ``images[i]`` with a box of another image.

    images
        (N, H, W) or (N, H, W, C), uint8, uint16, float32 or float64.
    targets
        (N,) integer class ids, or (N, K) one-hot or soft labels.
    alpha
        λ ~ Beta(alpha, alpha).

    Returns the mixed images, like ``images``, and soft labels (N, K) float32: each image's share of
    the pixels. Raises `UsageError` for arrays or values that cannot be mixed.

        >>> import numpy as np
        >>> images = np.arange(4, dtype=np.uint8).repeat(6 * 5 * 3).reshape(4, 6, 5, 3)
        >>> mixed, soft = cutmix(images, [0, 1, 2, 2], num_classes=3, seed=7)
        >>> mixed.shape, soft.shape
        ((4, 6, 5, 3), (4, 3))
        >>> bool(np.isclose(soft[0, 0], (mixed[0, :, :, 0] == 0).mean()))
        True
    """
    return mix(
        images, targets, step("cutmix", alpha=alpha, prob=prob), num_classes=num_classes, seed=seed
    )


def mix(
    images: npt.ArrayLike,
    targets: npt.ArrayLike,
    *chain: Step | Choice,
    num_classes: int | None = None,
    seed: int = 0,
) -> tuple[Array, npt.NDArray[np.float32]]:
    """Apply the steps of a chain to arrays in memory, rows in source order; see `cutmix`."""
    pixels = np.ascontiguousarray(images)
    if pixels.dtype.name not in _DTYPES:
        raise UsageError(f"images are {pixels.dtype}: convert them to one of {', '.join(_DTYPES)}")
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.ndim < 2 or not len(pixels):
        raise UsageError(f"images of shape {pixels.shape}: give at least one row of pixels")
    target = _target(np.asarray(targets), len(pixels), num_classes)

    def statistics() -> ChannelStatistics:
        return statistics_of(pixels.__getitem__, len(pixels), pixels[:1].nbytes, seed)

    steps = tuple(prepared(one, statistics) for one in chain)
    recipe = Recipe(steps, seed=seed, order="source")
    plan = make_plan(recipe, len(pixels), pixels.shape[1:], pixels.itemsize)
    out = np.empty_like(pixels)
    soft = np.empty((len(pixels), target.width), np.float32)
    members = Members(pixels, by_row=True)
    for number in range(plan.blocks):
        ready = looked(plan.draw(0, number), members)
        block = ready.block
        made = np.empty((len(block), *plan.shape), pixels.dtype)
        apply(ready, made)
        out[block.out] = made
        soft[block.out] = labels.mixed(target, block.src, block.weight)
    return out, soft


def _target(values: Array, rows: int, num_classes: int | None) -> Target:
    if len(values) != rows:
        raise UsageError(f"{rows} images and {len(values)} targets: give one target for each image")
    if values.ndim == 2:
        return Target("soft", values.astype(np.float64), values.shape[1])
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise UsageError(
            f"targets of shape {values.shape} and dtype {values.dtype}: "
            "give (N,) integer class ids or (N, K) labels"
        )
    width = num_classes or int(values.max()) + 1
    if values.min() < 0 or values.max() >= width:
        raise UsageError(
            f"targets run from {values.min()} to {values.max()}: not ids of {width} classes"
        )
    return Target("classes", values.astype(np.int64), width)
