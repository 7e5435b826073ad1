"""Paste a box of a second image over the first; the label is the share of pixels of each.

λ ~ Beta(α, α) per row; the box has sides ``int(L·√(1−λ))`` and, by default, a centre that is
uniform over the image, so that it is clipped at the border. The label comes from the clipped box.
With several partners (``--num-mix 3``; in a chain ``cutmix num_mix=3``) each has a λ and a box of
its own; a later box covers an earlier one, and the label counts what is seen of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.methods._box import clipped, shares, shares_of_layers, sides_of
from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._images import images_only
from augtool.methods._lam import alpha_param, drawn, lam_param, settle
from augtool.params import check, param

PROB = 1.0
SLOTS = 2
OWNERS: Owners = "pasted"
KERNELS = ("paste",)
PAPER = (
    "Yun, Han, Oh, Chun, Choe, Yoo. CutMix: Regularization Strategy to Train Strong Classifiers "
    "with Localizable Features. ICCV 2019. arXiv:1905.04899"
)
_MOST = 15


@dataclass(frozen=True)
class Params:
    """CutMix's parameters; ``alpha``, ``lam`` and ``ratio_range`` exclude each other."""

    alpha: float | None = alpha_param(1.0)
    lam: float | None = lam_param("Fix λ, the share of the base image before clipping.")
    box_sampler: str | None = param(
        None,
        "Box centre uniform over the image and clipped at the border (the paper), or the box "
        "kept inside.",
        choices=("clip", "inside"),
        shown_default="clip",
    )
    ratio_range: tuple[float, float] | None = param(
        None,
        "Draw height and width independently, within these shares of the image's sides; "
        "the box stays inside.",
        low=0,
        high=1,
        rising=True,
    )
    num_mix: int = param(
        1, "Paste a box of each of so many partners.", unit="partners", low=1, high=_MOST
    )

    def __post_init__(self) -> None:
        check(self)
        if self.ratio_range is not None:
            for other in ("alpha", "lam", "box_sampler"):
                if getattr(self, other) is not None:
                    raise UsageError(f"ratio_range cannot be combined with {other}: give one")
            return
        settle(self, 1.0)
        if self.box_sampler is None:
            object.__setattr__(self, "box_sampler", "clip")


def check_shape(_params: Params, shape: tuple[int, ...]) -> None:
    """Images only: (H, W) or (H, W, C)."""
    images_only("cutmix", shape)


def slots(params: Params) -> int:
    """The base and its partners."""
    return 1 + params.num_mix


def columns(params: Params) -> tuple[Column, ...]:
    """The box and λ, of each partner where there are several."""
    each = () if params.num_mix == 1 else (params.num_mix,)
    box = "the pasted box: y0, x0, y1, x1, half-open, clipped"
    lam = "λ as drawn: the share of the base before clipping"
    return (
        Column("box", "int32", (*each, 4), 0, box, within="box"),
        Column("lam", "float32", each, 1, lam, low=0, high=1),
    )


def draw(
    params: Params, rows: int, shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``box`` (rows, 4) int32 and ``lam`` (rows,) float32; (rows, N, 4) and (rows, N) for N
    partners."""
    sides, boxes = np.array(shape[:2], np.int64), rows * params.num_mix
    if params.ratio_range is not None:
        size = _sides_between(params.ratio_range, boxes, sides, streams("size"))
        lam = (1 - size.prod(1) / sides.prod()).astype(np.float32)
    else:
        lam = drawn(params, boxes, streams)
        size = sides_of(lam, shape)
    if params.box_sampler == "clip":
        centre = streams("centre")
        at = [centre.integers(0, side, boxes) for side in sides]
        start = np.stack(at, axis=1) - size // 2
    else:
        start = streams("corner").integers(0, sides - size, (boxes, 2), endpoint=True)
    made = {"box": clipped(start, size, shape), "lam": lam}
    return {one.name: made[one.name].reshape(rows, *one.shape) for one in columns(params)}


def _sides_between(
    ratio_range: tuple[float, float],
    rows: int,
    sides: npt.NDArray[np.int64],
    generator: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """(rows, 2) heights and widths, uniform over the whole numbers int(L·low) … int(L·high)."""
    low, high = ((sides * share).astype(np.int64) for share in ratio_range)
    return generator.integers(low, high, (rows, 2), endpoint=True)


def weights(
    params: Params, columns: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(m, 1 + N) float32: the base's and each partner's share of the pixels."""
    box = columns["box"]
    return shares(box, shape) if params.num_mix == 1 else shares_of_layers(box, shape)


def apply(
    _params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base everywhere, each partner inside its box, at the same place."""
    from augtool.kernels.paste import paste

    paste(pixels, slots[:, 0], slots[:, 1:], columns["box"], out)
