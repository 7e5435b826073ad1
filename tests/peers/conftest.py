"""Other libraries that do the same, to compare with: run by hand, ``python -m pytest -m peers``."""

from __future__ import annotations

import importlib
import math
import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from augtool import methods

SIGMAS = 5  # one honest comparison in 1.7 million is further off
UNIMPORTABLE = (ImportError, RuntimeError)  # the latter from a torchvision without its operators


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A run that does not ask for them neither imports the peers nor reports them as skipped."""
    del collection_path
    return None if config.getoption("markexpr") == "peers" else True


def _streams(name: str) -> np.random.Generator:
    return np.random.default_rng([20, *name.encode()])


@pytest.fixture(scope="session")
def streams() -> Callable[[str], np.random.Generator]:
    """What `drawn` draws from, to draw the same once more."""
    return _streams


@pytest.fixture(scope="session")
def drawn() -> Callable[..., dict[str, np.ndarray]]:
    """The plan columns of a method: ``drawn(name, rows, shape, **params)``."""

    def draw(name: str, rows: int, shape: tuple[int, ...], **params: Any) -> dict[str, np.ndarray]:
        method = methods.load(name)
        return dict(method.draw(method.Params(**params), rows, shape, _streams))

    return draw


@pytest.fixture(scope="session")
def weights() -> Callable[..., np.ndarray]:
    """What each source weighs (m, S): ``weights(name, columns, shape)``."""

    def weigh(name: str, columns: dict[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        method = methods.load(name)
        return method.weights(method.Params(), columns, shape)

    return weigh


@pytest.fixture(scope="session")
def applied() -> Callable[..., np.ndarray]:
    """Row i made of ``pixels[slots[i]]``: ``applied(name, pixels, slots, columns, **params)``."""

    def apply(
        name: str, pixels: np.ndarray, slots: np.ndarray, columns: dict[str, Any], **params: Any
    ) -> np.ndarray:
        method = methods.load(name)
        out = np.empty((len(slots), *pixels.shape[1:]), pixels.dtype)
        method.apply(method.Params(**params), pixels, slots, columns, out)
        return out

    return apply


@pytest.fixture(scope="session")
def images() -> Callable[..., np.ndarray]:
    """Noise in 0 … 255, or 0 … 1 for floats: ``images(rows, shape, dtype)``."""

    def make(rows: int, shape: tuple[int, ...], dtype: str = "uint8") -> np.ndarray:
        levels = np.random.default_rng(1).integers(0, 256, (rows, *shape))
        return levels.astype(dtype) if dtype[0] == "u" else (levels / 255).astype(dtype)

    return make


@pytest.fixture(scope="session")
def same_mean() -> Callable[..., None]:
    """Check that two samples, or a sample and a number, have one mean: within five standard errors,
    which must be at most ``within``, so that a difference of twice that cannot pass."""

    def check(one: Any, other: Any, within: float) -> None:
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        bound = SIGMAS * math.sqrt(sum(part.var() / part.size for part in (one, other)))
        assert bound <= within, f"too few draws to tell: {bound:.2g}"
        assert abs(one.mean() - other.mean()) <= bound, f"{one.mean()} and {other.mean()} ± {bound}"

    return check


@pytest.fixture(scope="session")
def same_distribution() -> Callable[..., None]:
    """Check that every twentieth of the one sample holds as much of the other, within five standard
    errors; whole numbers share a bin when equal."""

    def check(one: Any, other: Any) -> None:
        one, other = np.ravel(one).astype(np.float64), np.ravel(other).astype(np.float64)
        assert min(one.size, other.size) >= 4000
        both = np.concatenate([one, other])
        ends = np.unique(np.quantile(both, np.linspace(0, 1, 21), method="lower"))[1:-1]
        for end in ends:
            held = (both < end).mean()
            bound = SIGMAS * math.sqrt(held * (1 - held) * (1 / one.size + 1 / other.size))
            assert abs((one < end).mean() - (other < end).mean()) <= bound, f"below {end}"
        assert len(ends) > 0 or np.ptp(both) == 0

    return check


@pytest.fixture
def torch() -> ModuleType:
    """PyTorch, seeded."""
    module = _quietly("torch")
    module.manual_seed(20)
    return module


@pytest.fixture
def v2(torch: ModuleType) -> ModuleType:
    """``torchvision.transforms.v2``."""
    from benchmarks.rivals import _torchvision

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _torchvision.load()[1]
        except UNIMPORTABLE as error:
            pytest.skip(f"torchvision cannot be imported: {error}")


@pytest.fixture
def timm(v2: ModuleType) -> ModuleType:
    """``timm.data``, its generators seeded; it needs torchvision, imported first."""
    random.seed(20)
    np.random.seed(20)
    return _quietly("timm.data")


@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Keras on the torch backend, unless ``KERAS_BACKEND`` names another; seeded."""
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))
    module = _quietly("keras")
    module.utils.set_random_seed(20)
    return module


def _quietly(name: str) -> ModuleType:
    """A module, whatever it warns of; without it the test is skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except UNIMPORTABLE as error:
            pytest.skip(f"{name} cannot be imported: {error}")
