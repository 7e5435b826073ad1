"""What label images and importance maps ask of a recipe, and what a recipe asks of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from augtool.errors import UsageError
from augtool.planning.chain import first_blend, links_of
from augtool.recipe.recipe import Recipe
from augtool.sources._contract import Masks, Source

_MOST_FILL = 1 << 53  # kernels fill with float64


def has_ids(masks: Masks | None) -> bool:
    """Whether there are label images, which are mixed with the pixels and written: importance maps
    are only weighed with."""
    return masks is not None and masks.dtype.kind in "iu"


def with_folder(source: Source, folder: str, scratch: Path, fill: int) -> Source:
    """A source of image files with the label images in ``folder``; see `open_masks`."""
    from augtool.sources._encoded import EncodedSource
    from augtool.sources._masks import open_masks

    masks = open_masks(source, folder, scratch, fill)
    assert isinstance(source, EncodedSource)
    return dataclasses.replace(source, masks=masks)


def check(recipe: Recipe, masks: Masks | None) -> None:
    """Raise `UsageError` when a step cannot mix these masks, or when some are needed."""
    if masks is None:
        if recipe.weight_by != "area":
            raise UsageError(
                f"weight_by {recipe.weight_by}: the source has no masks; name them with --masks"
            )
        return
    if not has_ids(masks):
        return
    blend = first_blend(links_of(recipe.steps))
    if blend is not None:
        raise UsageError(
            f"{blend.described} blends images, and there is nothing between two class ids of a "
            "mask; use a step that pastes, such as cutmix, or --masks none"
        )
    if abs(recipe.mask_fill) > _MOST_FILL:
        raise UsageError(
            f"mask_fill {recipe.mask_fill}: ids beyond ±{_MOST_FILL:,} cannot be filled with"
        )
    info = np.iinfo(masks.dtype)
    if not info.min <= recipe.mask_fill <= info.max:
        raise UsageError(
            f"mask_fill {recipe.mask_fill}: the masks are {masks.dtype.name}, {info.min} … "
            f"{info.max}"
        )
