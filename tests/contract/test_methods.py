"""What every method promises, checked on every method that is found, by its plan and its pixels."""

from __future__ import annotations

import builtins
import dataclasses
import hashlib
import importlib
import inspect
import re
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from augtool import methods
from augtool.errors import SourceError, UsageError
from augtool.methods._contract import ChannelStatistics
from augtool.mixing.apply import Members, apply, prepared
from augtool.mixing.source_map import looked
from augtool.params import bounds_of, is_whole
from augtool.planning.block import Block
from augtool.planning.bounds import wrong
from augtool.planning.plan import Plan, make_plan
from augtool.recipe.recipe import Recipe, Step, step

SHAPES = [(1, 1, 3), (1, 6, 1), (7, 5, 3), (33, 32, 4), (9, 14), (12, 5, 2)]
DTYPES = ["uint8", "uint16", "float32", "float64"]
every_method = pytest.mark.parametrize("name", methods.names())
slow_start = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])


def values(field: dataclasses.Field[Any], hint: Any) -> st.SearchStrategy[Any]:
    """Legal values of one parameter, None when it may be left out."""
    bounds = bounds_of(field)
    if bounds.choices:
        return st.sampled_from([field.default, *bounds.choices])
    low, high = max(bounds.low, bounds.above, -50), min(bounds.high, bounds.below, 50)
    plain = st.integers(int(low), int(high)) if is_whole(hint) else st.floats(low, high)
    number = plain.filter(lambda value: bounds.fault(value) is None)
    if tuple[float, float] in (hint, *get_args(hint)):
        number = st.tuples(number, number).map(sorted).map(tuple)
    return st.sampled_from([field.default]) | number


@st.composite
def steps(draw: st.DrawFn, name: str) -> Step:
    """A step of the method with legal parameters."""
    params = methods.load(name).Params
    hints = get_type_hints(params)
    chosen = {
        field.name: draw(values(field, hints[field.name])) for field in dataclasses.fields(params)
    }
    try:
        return step(name, **chosen)
    except UsageError as error:
        assume("cannot be combined" not in str(error))
        raise


def plan_of(one: Step, shape: tuple[int, ...], n: int = 20, **given_recipe: Any) -> Plan:
    channels = shape[2] if len(shape) == 3 else 1
    known = ChannelStatistics((120.0,) * channels, (50.0,) * channels)
    one = prepared(one, lambda: known)
    return make_plan(Recipe((one,), **given_recipe), n, shape, 1)


def noise(plan: Plan, dtype: str) -> np.ndarray:
    drawn = np.random.default_rng(0).integers(0, 256, (plan.n, *plan.shape))
    return np.ascontiguousarray(drawn.astype(dtype) * (1 if dtype[0] == "u" else 0.37))


def made(plan: Plan, block: Block, pixels: np.ndarray) -> tuple[Block, np.ndarray]:
    """The block after it was measured, and its pixels."""
    out = np.full((len(block), *plan.shape), 99, pixels.dtype)
    members = Members(pixels, by_row=True)
    ready = looked(block, members)
    apply(ready, out)
    return ready.block, out


def taken(plan: Callable[[], Plan]) -> Plan:
    """The plan, or a rejected example when the method says that it cannot mix such rows."""
    try:
        return plan()
    except (UsageError, SourceError):
        assume(False)
        raise


@every_method
@slow_start
@given(data=st.data())
def test_weights_are_the_shares_of_the_sources_that_pixels_show(
    name: str, data: st.DataObject
) -> None:
    """Image i is 1 in channel i and 0 elsewhere, so a pixel says how much of whom it holds."""
    if methods.load(name).SLOTS == 1:
        return
    n, size = 6, data.draw(st.sampled_from([(1, 1), (1, 6), (7, 5), (9, 14), (12, 5)]))
    one = data.draw(steps(name))
    plan = taken(lambda: plan_of(one, (*size, n), n=n))
    images = np.zeros((n, *size, n), np.float32)
    images[np.arange(n), :, :, np.arange(n)] = 1
    block, mixed = made(plan, plan.draw(0, 0), images)
    shares = mixed.astype(np.float64).reshape(n, -1, n).mean(axis=1)
    told = np.zeros((n, n), np.float64)
    for slot in range(block.src.shape[1]):
        told[np.arange(n), block.src[:, slot]] += block.weight[:, slot]
    assert np.abs(shares - told).max() < 2e-6
    if np.isin(mixed, (0, 1)).all():  # whole pixels: the count, rounded once
        counted = shares[np.arange(n)[:, None], block.src].astype(np.float32)
        assert np.array_equal(block.weight, counted)


@every_method
def test_a_row_of_one_source_keeps_its_label(name: str) -> None:
    if methods.load(name).SLOTS > 1:
        return
    block = plan_of(step(name), (12, 9, 3)).draw(0, 0)
    assert (block.weight == 1).all()


@every_method
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_size_channel_count_and_dtype_is_mixed_or_refused(
    name: str, shape: tuple[int, ...], dtype: str
) -> None:
    try:
        plan = plan_of(step(name), shape)
    except UsageError as error:
        assert name in str(error)
        return
    pixels = noise(plan, dtype)
    _, mixed = made(plan, plan.draw(0, 0), pixels)
    assert mixed.dtype == pixels.dtype
    assert np.isfinite(mixed.astype(np.float64)).all()


@every_method
def test_equal_images_stay_as_they_are_or_differ_only_by_a_fill(name: str) -> None:
    """Mixing an image with itself cannot make new colours."""
    if methods.load(name).SLOTS == 1:
        return
    plan = plan_of(step(name), (12, 9, 3))
    pixels = np.full((plan.n, 12, 9, 3), 77, np.uint8)
    _, mixed = made(plan, plan.draw(0, 0), pixels)
    assert (mixed == 77).all()


@every_method
@pytest.mark.parametrize("dtype", DTYPES)
def test_prob_zero_leaves_bytes_and_labels_as_they_are(name: str, dtype: str) -> None:
    plan = plan_of(step(name, prob=0), (7, 5, 3))
    block, pixels = plan.draw(0, 0), noise(plan, dtype)
    block, mixed = made(plan, block, pixels)
    assert np.array_equal(mixed, pixels[block.src[:, 0]])
    assert (block.weight == [1, *[0] * (block.weight.shape[1] - 1)]).all()


@every_method
def test_apply_changes_neither_its_pixels_nor_its_columns(name: str) -> None:
    plan = plan_of(step(name), (7, 5, 3))
    block, pixels = plan.draw(0, 0), noise(plan, "uint8")
    pixels.flags.writeable = False
    before = {key: column.copy() for key, column in block.columns.items()}
    (_, first), (_, again) = made(plan, block, pixels), made(plan, block, pixels)
    assert np.array_equal(first, again)
    assert all(np.array_equal(before[key], block.columns[key]) for key in before)


@every_method
def test_the_draw_is_pure_and_made_of_the_declared_columns(name: str) -> None:
    plan = plan_of(step(name), (9, 14, 3))
    first, again = plan.draw(0, 0), plan.draw(0, 0)
    declared = {
        f"{name}_{column.name}": column
        for column in methods.load(name).columns(plan.recipe.steps[0].params)
    }
    assert set(first.columns) == set(declared)
    for key, drawn in first.columns.items():
        assert np.array_equal(drawn, again.columns[key])
        assert drawn.dtype == declared[key].dtype
        assert drawn.shape == (plan.n, *declared[key].shape)


@every_method
def test_seed_copy_and_block_each_change_the_draw(name: str) -> None:
    if not methods.load(name).columns(step(name).params):
        return

    def draws(number: int, block: int, **recipe: Any) -> bytes:
        plan = plan_of(step(name), (33, 32, 3), n=200, block_rows=64, copies=2, **recipe)
        columns = plan.draw(number, block).part(0, 64).columns
        return b"".join(column.tobytes() for column in columns.values())

    assert len({draws(0, 0), draws(1, 0), draws(0, 1), draws(0, 0, seed=1)}) == 4


@every_method
@slow_start
@given(data=st.data())
def test_every_parameter_out_of_bounds_is_named(name: str, data: st.DataObject) -> None:
    params = methods.load(name).Params
    if not dataclasses.fields(params):
        return
    field = data.draw(st.sampled_from(dataclasses.fields(params)))
    bounds = bounds_of(field)
    wrong = data.draw(
        st.sampled_from(
            [
                *([bounds.low - 1] if np.isfinite(bounds.low) else []),
                *([bounds.above] if np.isfinite(bounds.above) else []),
                *([bounds.high + 1] if np.isfinite(bounds.high) else []),
                *([bounds.below] if np.isfinite(bounds.below) else []),
                *(["nonsense"] if bounds.choices else []),
                float("nan"),
            ]
        )
    )
    pair = "tuple" in str(get_type_hints(params)[field.name])
    with pytest.raises(UsageError, match=field.name):
        step(name, **{field.name: (wrong, wrong) if pair else wrong})


@every_method
def test_the_kernels_it_calls_are_those_it_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are compiled before workers start; another would be compiled in each of them."""
    called = set()
    real = builtins.__import__

    def spy(module: str, *rest: Any, **more: Any) -> Any:
        if module.startswith("augtool.kernels."):
            called.add(module.rpartition(".")[2])
        return real(module, *rest, **more)

    plan = plan_of(step(name), (9, 14, 3))
    pixels = noise(plan, "uint8")
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", spy)
        made(plan, plan.draw(0, 0), pixels)
    reached = {one for one in called if not one.startswith("_")}
    assert reached <= set(methods.load(name).KERNELS) | _imported_by(methods.load(name).KERNELS)


def _imported_by(kernels: tuple[str, ...]) -> set[str]:
    """Kernels that these kernels' modules import, so that they come along."""
    modules = [importlib.import_module(f"augtool.kernels.{name}") for name in kernels]
    text = "".join(inspect.getsource(module) for module in modules)
    return set(re.findall(r"from augtool\.kernels\.(\w+) import", text))


@every_method
def test_a_method_says_what_it_is(name: str) -> None:
    method = methods.load(name)
    summary = inspect.cleandoc(method.__doc__ or "").splitlines()[0]
    assert summary.endswith(".")
    assert method.PAPER
    assert 0 <= method.PROB <= 1
    assert all(bounds_of(field).help.endswith(".") for field in dataclasses.fields(method.Params))


@every_method
def test_its_parameters_have_option_names_of_their_own(name: str) -> None:
    (point,) = entry_points(group="console_scripts", name="augtool")
    group = import_module(point.module).augtool
    command = group.get_command(click.Context(group), name)
    given = [option for param_ in command.params for option in param_.opts]
    assert len(given) == len(set(given))


@every_method
def test_the_draws_are_those_of_the_committed_hash(name: str) -> None:
    """A dependency that changes the draws fails here: outputs would no longer be reproducible."""
    plan = plan_of(step(name), (32, 48, 3), n=3000, block_rows=512, seed=20)
    digest = hashlib.sha256()
    for number in range(plan.blocks):
        block = plan.draw(0, number)
        for values_ in (block.src, block.weight, *block.columns.values()):
            digest.update(
                np.ascontiguousarray(values_).astype(values_.dtype.newbyteorder("<")).tobytes()
            )
    golden = Path(__file__).parent / "golden" / f"{name}.txt"
    assert golden.is_file(), f"not committed: write {digest.hexdigest()} into {golden}"
    assert digest.hexdigest() == golden.read_text().strip()


@every_method
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 3), (7, 5, 3), (33, 32, 3)])
def test_what_is_drawn_is_within_the_limits_of_its_columns(
    name: str, shape: tuple[int, ...]
) -> None:
    """So that a stored plan that is not can be refused, before a kernel meets it."""
    plan = plan_of(step(name), shape)
    block, _ = made(plan, plan.draw(0, 0), noise(plan, "uint8"))
    (option,) = block.links[0].steps
    for column in option.columns:
        values = block.draws[f"{option.name}_{column.name}"]
        assert not wrong(column, values, shape).any()
        limited = column.within or column.low is not None or column.high is not None
        assert limited or column.dtype == "uint64", "say what the column's values can be"
        if column.within == "box":
            assert wrong(column, values - 40, shape).all()
            assert wrong(column, values + 40, shape).all()
        if column.dtype == "float32":
            assert wrong(column, np.full_like(values, np.nan), shape).all()
