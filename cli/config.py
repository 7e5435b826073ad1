"""``--config FILE.toml``: options from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from augtool.errors import UsageError
from augtool.params import did_you_mean
from augtool.system import textfile

from . import param_types
from .build_job import CONFIG_FILE
from .report import printable

_NOT_IN_CONFIG = ("config", "help", "debug")
_ASKED_TWICE = ("--out", "--overwrite")
_TOLD = (
    *("--max-pixels", "--max-unpacked", "--max-errors", "--on-error", "--follow-links"),
    *("--errors", "--preview", "--holdout-out", "--listing", "--scratch"),
)


def _load_config(ctx: click.Context, _param: Any, file: Path | None) -> None:
    """Make a TOML file's values the defaults; an option given on the command line beats them."""
    if file is None:
        return
    ctx.meta[CONFIG_FILE] = file
    import tomllib

    try:
        table = tomllib.loads(textfile.text_of(file))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"--config {file}: {error}; it must be a UTF-8 TOML file") from None
    known = {
        option.removeprefix("--"): param
        for param in ctx.command.params
        for option in param.opts
        if option.startswith("--") and param.name not in _NOT_IN_CONFIG
    }
    defaults = {}
    for key, value in table.items():
        param = known.get(key.replace("_", "-"))
        fault = _unknown(key, value, known) if param is None else _fault(ctx, param, value)
        if fault is not None:
            raise UsageError(f"--config {file}: {fault}")
        if param is not None and param.name is not None:
            one_of_many = isinstance(param, click.Option) and param.multiple
            defaults[param.name] = _several(value) if one_of_many else value
    ctx.default_map = {**(ctx.default_map or {}), **defaults}


def tell(ctx: click.Context) -> None:
    """Print each limit, link and place that a file of options sets, whatever else is quiet: the
    file may be somebody else's.

    Raises `UsageError` when it sets where the output goes, or that one is replaced: both need a
    word on the command line.
    """
    if CONFIG_FILE not in ctx.meta:
        return
    file = printable(str(ctx.meta[CONFIG_FILE]))
    for param in ctx.command.params:
        value = ctx.params.get(param.name or "")
        source = ctx.get_parameter_source(param.name or "")
        if source is not ParameterSource.DEFAULT_MAP or value in (None, False):
            continue
        option = param.opts[0]
        given = option if value is True else f"{option} {printable(str(value))}"
        if option in _ASKED_TWICE:
            raise UsageError(
                f"--config {file}: a file of options does not say {given}; give it on the command "
                "line if you mean it"
            )
        if option in _TOLD:
            click.echo(f"--config {file}: sets {given}", err=True)


def _unknown(key: str, value: Any, known: Mapping[str, Any]) -> str:
    if isinstance(value, dict):
        return f"[{key}] is a table; options stand at the top, without one"
    return f"unknown key {key!r}{did_you_mean(key.replace('_', '-'), known)}"


def _fault(ctx: click.Context, param: click.Parameter, value: Any) -> str | None:
    """What is wrong with a TOML value for an option, or None."""
    name = param.opts[0].removeprefix("--")
    if isinstance(param, click.Option) and param.multiple and isinstance(value, list):
        return next((fault for one in value if (fault := _fault(ctx, param, one))), None)
    if isinstance(param, click.Option) and param.is_flag:
        return None if isinstance(value, bool) else f"{name} = {value!r}: use true or false"
    if not isinstance(value, str) and not isinstance(param.type, param_types.Value):
        return f"{name} = {value!r}: use text in quotes"
    try:
        param.type.convert(value, param, ctx)
    except click.BadParameter as error:
        return f"{name} = {value!r}: {error.message.rstrip('.')}"
    return None


def _several(value: Any) -> list[Any]:
    """The values of an option that may be repeated, of which TOML may give one."""
    return value if isinstance(value, list) else [value]


CONFIG = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_load_config,
    is_eager=True,
    expose_value=False,
    metavar="FILE.toml",
    help="Take options from this file (seed = 1); those on the command line win.",
)
