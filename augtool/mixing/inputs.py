"""Opening a source whose rows, targets and masks a recipe can mix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from augtool.mixing import label_noise, labels, mask_rules
from augtool.recipe.recipe import Recipe
from augtool.sources import open_source
from augtool.sources._contract import Source, Varying


def open_for(
    recipe: Recipe,
    spec: str | Sequence[str],
    scratch: Path,
    masks: str | None = None,
    labels_in: str | None = None,
    kind: str | None = None,
    listing: str | None = None,
) -> Source:
    """The source at ``spec``, with rows of one shape and targets and masks that the recipe can mix.

    ``masks`` is a folder of label images, ``labels_in`` a file of labels, ``kind`` the
    name of the input's format, ``listing`` a file that keeps its listing. Raises `UsageError` when
    images of several sizes need ``--size``, or when a step, smoothing or a weight has no meaning
    for what the source holds.
    """
    kept = None if listing is None else Path(listing)
    source = open_source(spec, recipe.reading, scratch, labels_in, kind, kept)
    if source.shape is None:
        raise cast(Varying, source).sizes_error()
    if masks is not None:
        source = mask_rules.with_folder(source, masks, scratch, recipe.mask_fill)
    for target in source.targets:
        labels.check_smoothing(target, recipe.label_smoothing)
        label_noise.check(target, recipe.label_noise)
    mask_rules.check(recipe, source.masks)
    return source
