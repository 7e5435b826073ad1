"""The recipe of a run: the ordered steps and all else that changes rows.

A recipe holds no path, worker count, engine or format: two runs with equal recipes over equal
inputs give equal rows. It is stored in every output as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from augtool.errors import UsageError
from augtool.params import ParamsLike, build, is_number
from augtool.recipe.sampling import EVERYTHING, Sampling
from augtool.system import strict_json

Fit = Literal["crop", "stretch", "pad"]
Mode = Literal["L", "RGB", "L16"]
Resample = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
Layout = Literal["NHWC", "NHW", "NCHW"]
Order = Literal["shuffled", "source"]
WeightBy = Literal["area", "masks"]

MAX_PIXELS = 60_000_000
"""Images of more pixels are refused unless that is asked for: a small file can declare any size."""

MOST = 10**18 - 1
"""The largest count that an option or a recipe may give."""

NONE = "none"  # the method of a choice that leaves a row as it is
_WEIGHT_TOLERANCE = 1e-6
_LONGEST_PATTERN = 200
_MOST_STEPS = 1000
_MOST_OPTIONS = 127  # an int8 says which one a row took


@dataclass(frozen=True)
class Reading:
    """How source rows become pixels and targets.

    size
        (H, W) in pixels to bring images to; None keeps them as they are.
    fit
        ``crop``: resize the short side, keep the centre; ``stretch``: resize both sides;
        ``pad``: resize the long side, fill the rest with ``background``.
    background
        R, G, B in 0…255: behind transparent pixels and around padded images.
    mode
        None keeps grey-or-colour arrays as they are and brings folder images to RGB.
    classes
        ((folder, caption), …): fixes ids, order and captions of a folder's classes.
    split
        A folder under the input ("train") to read in its place.
    follow_links
        Whether linked files and folders inside a folder are read.
    image_key, label_key, layout
        HDF5 and npz: the arrays to read and the meaning of the image array's axes. Several label
        keys make several targets, named by the keys' last parts.
    name_column, label_column, label_sep
        Tables of labels: the column that names the images, those that have labels (several are
        several targets), and what stands between several classes in a cell.
    label_from_name
        A regular expression that is looked for in relative paths: its first group is the class.
    label_missing
        What stands for an unknown label: ``nan``, or a number or word besides it ("-1").
    mask_key
        HDF5 and npz: the array of label images; ``none`` leaves them out. None takes ``masks``
        where it is there.
    target
        ``classes`` or ``vector``: overrides how labels are understood.
    num_classes, label_base
        K, and the number of the first class id (0 or 1).
    max_pixels
        Images of more pixels are not decoded.
    max_unpacked
        Bytes that a file of an image, a member or a chunk may have, and that all of a compressed
        archive or array may unpack to; None: 256 MiB, in all 1 GiB or 100 times what it takes.
    """

    size: tuple[int, int] | None = None
    fit: Fit = "crop"
    resample: Resample = "bilinear"
    background: tuple[int, int, int] = (255, 255, 255)
    mode: Mode | None = None
    classes: tuple[tuple[str, str], ...] | None = None
    split: str | None = None
    follow_links: bool = False
    image_key: str | None = None
    label_key: tuple[str, ...] | None = None
    name_column: str | None = None
    label_column: tuple[str, ...] | None = None
    label_sep: str | None = None
    label_from_name: str | None = None
    label_missing: str | None = None
    mask_key: str | None = None
    layout: Layout | None = None
    target: Literal["classes", "vector"] | None = None
    num_classes: int | None = None
    label_base: int = 0
    max_pixels: int = MAX_PIXELS
    max_unpacked: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.label_key, str):  # one key, as a person writes it
            object.__setattr__(self, "label_key", (self.label_key,))
        if self.label_key is not None and not self.label_key:
            raise UsageError("label-key: names no key; leave it out")
        if isinstance(self.label_column, str):
            object.__setattr__(self, "label_column", (self.label_column,))
        if self.label_column is not None and not self.label_column:
            raise UsageError("label-column: names no column; leave it out")
        if len(self.label_from_name or "") > _LONGEST_PATTERN:
            raise UsageError(
                f"label-from-name: has {len(self.label_from_name or ''):,} letters; "
                f"at most {_LONGEST_PATTERN}"
            )
        if self.label_sep == "":
            raise UsageError("label-sep: is empty; give what stands between classes")
        if self.size is not None and min(self.size) < 1:
            raise UsageError(f"size {self.size[0]}x{self.size[1]}: both sides must be at least 1")
        if any(not 0 <= channel <= 255 for channel in self.background):
            raise UsageError(f"background {self.background}: each channel must be in 0…255")
        if self.num_classes is not None and self.num_classes < 1:
            raise UsageError(f"num-classes {self.num_classes}: must be at least 1")
        for name in ("max_pixels", "max_unpacked"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name.replace('_', '-')} {value}: must be at least 1")
        if self.label_base not in (0, 1):
            raise UsageError(f"label-base {self.label_base}: must be 0 or 1")


@dataclass(frozen=True)
class Step:
    """One method with its parameters, applied to each row with probability ``prob``.

    Make one with `step`, which checks the parameters.
    """

    method: str
    params: ParamsLike
    prob: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.prob <= 1:
            raise UsageError(f"{self.method}: prob {self.prob:g}: must be in 0…1")


def step(method: str, *, prob: float | None = None, **params: Any) -> Step:
    """A checked `Step`: ``step("cutmix", alpha=0.5, prob=0.8)``.

    ``prob`` defaults to the method's own. Raises `UsageError` for an unknown method or parameter
    (with the nearest right name) and for a value out of bounds (with the parameter's name).
    """
    from augtool import methods

    module = methods.load(method)
    built = build(module.Params, params, where=method)
    return Step(method, built, module.PROB if prob is None else prob)


@dataclass(frozen=True)
class Choice:
    """One of several steps for each row, drawn by weight; ``None`` leaves the row as it is.

    ``weights`` has one weight a step, from 0, and they sum to 1. Make one with `one_of`.
    """

    steps: tuple[Step | None, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.steps or len(self.steps) != len(self.weights):
            raise UsageError("one_of: give each step a weight")
        if len(self.steps) > _MOST_OPTIONS:
            raise UsageError(f"one_of: {len(self.steps)} options: at most {_MOST_OPTIONS}")
        for number, weight in enumerate(self.weights, start=1):
            if not 0 <= weight <= 1:
                raise UsageError(f"one_of: option {number}: weight {weight:g}: must be in 0…1")
        total = math.fsum(self.weights)
        if abs(total - 1) > _WEIGHT_TOLERANCE:
            raise UsageError(
                f"one_of: the weights sum to {total:g}, not to 1; "
                "give the rest to method 'none', which leaves a row as it is"
            )


def one_of(*options: tuple[float, Step | None]) -> Choice:
    """A `Choice`: ``one_of((0.5, step("cutmix")), (0.3, step("mixup")), (0.2, None))``.

    Raises `UsageError` for weights that are not in 0…1 or do not sum to 1.
    """
    return Choice(tuple(one for _, one in options), tuple(weight for weight, _ in options))


@dataclass(frozen=True)
class Recipe:
    """Everything, besides the input, that decides which rows an output has.

    steps
        What is done to each row, in order: `Step`, or `Choice` between steps.
    seed
        Any whole number from 0.
    copies
        How many mixed passes over the source; ``num`` gives the number of output rows instead.
    keep_originals
        Whether one unmixed pass comes before the mixed ones (and adds to their number).
    limit
        Use only this many source rows, spread evenly over the source.
    order
        ``shuffled``, or ``source``: row c·n + i is based on source row i.
    label_smoothing
        s in [0, 1): targets become y·(1−s) + s/K; multi-hot ones y·(1−s) + s/2.
    label_noise
        P in [0, 1]: each source row is labelled, with this probability, as another class, uniform
        over the others and drawn by the seed. ``label_clean`` keeps the class without it.
    mask_fill
        The class id that masks have where pixels were erased or lie beyond the border.
    weight_by
        ``area``: a source weighs its share of the pixels; ``masks``: the visible share of its
        object, which is where its mask is not 0.
    block_rows
        Rows planned and rendered together (a power of two); None chooses by image size.
    reading
        How source rows become pixels and targets.
    sampling
        Which source rows take part, how often, and which are mixed together.
    """

    steps: tuple[Step | Choice, ...]
    seed: int = 0
    copies: int = 1
    num: int | None = None
    keep_originals: bool = False
    limit: int | None = None
    order: Order = "shuffled"
    label_smoothing: float = 0.0
    label_noise: float = 0.0
    mask_fill: int = 0
    weight_by: WeightBy = "area"
    block_rows: int | None = None
    reading: Reading = Reading()
    sampling: Sampling = EVERYTHING

    def __post_init__(self) -> None:
        least = {"seed": 0, "copies": 1, "num": 1, "limit": 2, "block_rows": 2}
        for name, low in least.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise UsageError(f"{name} {value}: must be at least {low}")
            if value is not None and value > MOST and name != "seed":
                raise UsageError(f"{name} {value}: must be at most {MOST:,}")
        if self.block_rows is not None and self.block_rows & (self.block_rows - 1):
            raise UsageError(f"block_rows {self.block_rows}: must be a power of two")
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"label_smoothing {self.label_smoothing:g}: must be in 0…1, below 1")
        if not 0 <= self.label_noise <= 1:
            raise UsageError(f"label_noise {self.label_noise:g}: must be in 0…1")
        if self.weight_by not in get_args(WeightBy):
            raise UsageError(f"weight_by {self.weight_by}: choose area or masks")
        if self.order == "source" and self.sampling.draws:
            raise UsageError(
                "order source: balance and row-weights draw a row several times or not at all, so "
                "row i cannot be based on source row i; leave one out"
            )
        if not self.steps:
            raise UsageError("a recipe needs at least one step, such as cutmix")

    def as_json(self) -> str:
        """The recipe as one line of JSON, keys in a fixed order."""
        values: dict[str, Any] = {"steps": [step_table(one) for one in self.steps]}
        for field in dataclasses.fields(self)[1:]:
            value = getattr(self, field.name)
            values[field.name] = value
            if dataclasses.is_dataclass(value) and not isinstance(value, type):
                values[field.name] = dataclasses.asdict(value)
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def step_table(one: Step | Choice) -> dict[str, Any]:
    """A step as plain values, the inverse of `step_of`: its parameters stand beside ``method`` and
    ``prob``; those that are None are left out."""
    if isinstance(one, Choice):
        options = [
            {"weight": weight, **(step_table(option) if option else {"method": NONE})}
            for option, weight in zip(one.steps, one.weights, strict=True)
        ]
        return {"one_of": options}
    params = {key: value for key, value in vars(one.params).items() if value is not None}
    return {"method": one.method, "prob": one.prob, **params}


def step_of(table: Mapping[str, Any], where: str = "step") -> Step | Choice:
    """A step from plain values: ``{"method": "cutmix", "alpha": 1.0, "prob": 0.5}``, or
    ``{"one_of": [{"method": "mixup", "weight": 0.5}, {"method": "none", "weight": 0.5}]}``.

    Raises `UsageError` that begins with ``where`` and names the key.
    """
    values = dict(table)
    try:
        if "one_of" not in values:
            return _plain_step(values)
        options = values.pop("one_of")
        if values:
            raise UsageError(f"one_of stands alone, without {next(iter(values))!r}")
        if not isinstance(options, list | tuple) or not all(isinstance(x, dict) for x in options):
            raise UsageError('one_of: give a list such as [{method = "cutmix", weight = 1}]')
        return one_of(*(_option(dict(one), i) for i, one in enumerate(options, start=1)))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _option(values: dict[str, Any], number: int) -> tuple[float, Step | None]:
    try:
        weight = values.pop("weight", None)
        if not is_number(weight):
            raise UsageError(f"{values.get('method', 'a step')} needs a weight, a number")
        if values.get("method") != NONE:
            return float(weight), _plain_step(values)
        if len(values) > 1:
            raise UsageError("method 'none' leaves a row as it is and takes only a weight")
    except UsageError as error:
        raise UsageError(f"option {number}: {error}") from None
    return float(weight), None


def _plain_step(values: dict[str, Any]) -> Step:
    method, prob = values.pop("method", None), values.pop("prob", None)
    if not isinstance(method, str):
        raise UsageError('a step needs a method, such as method = "cutmix"')
    if method == NONE:
        raise UsageError("method 'none' is one of several, in one_of: it leaves a row as it is")
    if prob is not None and not is_number(prob):
        raise UsageError(f"{method}: prob {prob!r}: must be a number in 0…1")
    return step(method, prob=prob, **values)


GRANTS = ("max_pixels", "max_unpacked", "follow_links")
"""The fields of `Reading` that only a person at the command line, or code, grants: limits, and
whether links are followed. What is read from a file of somebody else's never sets them."""


def without_grants(recipe: Recipe) -> Recipe:
    """The recipe with the defaults of `GRANTS`."""
    plain = {name: getattr(Reading(), name) for name in GRANTS}
    return dataclasses.replace(recipe, reading=dataclasses.replace(recipe.reading, **plain))


def recipe_from_json(text: str) -> Recipe:
    """The inverse of `Recipe.as_json`. Raises `UsageError` when a key or a value is not known."""
    return recipe_of(strict_json.loads(text))


def recipe_of(table: Mapping[str, Any]) -> Recipe:
    """A recipe from plain values, as `Recipe.as_json` and TOML files have them.

    Raises `UsageError` that names the step and the key, with the nearest right one.
    """
    values = dict(table)
    given = values.pop("steps", None)
    if not isinstance(given, list | tuple) or not all(isinstance(one, dict) for one in given):
        raise UsageError("recipe: it needs [[steps]] tables")
    if len(given) > _MOST_STEPS:
        raise UsageError(f"recipe: {len(given):,} steps: at most {_MOST_STEPS:,}")
    steps = tuple(step_of(one, where=f"step {i}") for i, one in enumerate(given, start=1))
    tables = {
        name: build(cls, _table(values, name), where=name)
        for name, cls in (("reading", Reading), ("sampling", Sampling))
    }
    return build(Recipe, {**values, "steps": steps, **tables}, where="recipe")


def _table(values: dict[str, Any], name: str) -> Mapping[str, Any]:
    table = values.pop(name, {})
    if not isinstance(table, Mapping):
        raise UsageError(f"recipe: {name} {table!r}: must be a table, [{name}]")
    return table
