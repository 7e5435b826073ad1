"""λ, the base image's share of a mixed row: drawn for each row from Beta(α, α), or fixed."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.methods._contract import Streams
from augtool.params import param


class HasLam(Protocol):
    """Parameters with ``alpha`` and ``lam``, of which one is a number after `settle`."""

    @property
    def alpha(self) -> float | None: ...

    @property
    def lam(self) -> float | None: ...


def alpha_param(default: float) -> Any:
    """The field ``alpha: float | None``; `settle` puts in the default."""
    return param(
        None,
        "λ ~ Beta(alpha, alpha): 1 is uniform, smaller makes values near 0 and 1 likelier.",
        above=0,
        shown_default=f"{default}",
    )


def lam_param(help: str = "Fix λ, the share of the base image.") -> Any:
    """The field ``lam: float | None``."""
    return param(None, help, low=0, high=1)


def settle(params: HasLam, default_alpha: float) -> None:
    """Refuse ``alpha`` beside ``lam``; without either, ``alpha`` becomes its default. For
    ``__post_init__``, after `augtool.params.check`."""
    if params.lam is not None and params.alpha is not None:
        raise UsageError("alpha cannot be combined with lam, which fixes λ: give one")
    if params.lam is None and params.alpha is None:
        object.__setattr__(params, "alpha", default_alpha)


def drawn(params: HasLam, rows: int, streams: Streams) -> npt.NDArray[np.float32]:
    """(rows,) λ, rounded once to what is stored; all that is made from it uses this value."""
    if params.alpha is None:
        return np.full(rows, params.lam, np.float32)
    if params.alpha == 1:  # Beta(1, 1) is uniform, and ten times as fast drawn so
        return streams("lam").random(rows).astype(np.float32)
    return streams("lam").beta(params.alpha, params.alpha, rows).astype(np.float32)
