"""The command classes of augtool: they say what to do about a stray or misspelt word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from augtool import registry

from .. import config

_HELP_OPTIONS = ["-h", "--help"]


class Command(click.Command):
    """A command of options only, or with the arguments it declares."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_settings = {**self.context_settings, "help_option_names": _HELP_OPTIONS}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; a leftover argument most likely lacks its ``--in`` or ``--out``."""
        if not ctx.resilient_parsing:
            given, rest, _ = self.make_parser(ctx).parse_args(list(args))
            if rest and not set(args) & set(_HELP_OPTIONS):
                raise click.UsageError(f"unexpected argument {rest[0]!r}{self._hint(given, rest)}")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Do the command, once it is said what a file of options grants."""
        config.tell(ctx)
        return super().invoke(ctx)

    def _hint(self, given: Mapping[str, Any], rest: Sequence[str]) -> str:
        missing = [p.opts[0] for p in self.params if p.required and not given.get(p.name or "")]
        options = [option for option in missing if option.startswith("-")]
        meant = " ".join(f"{option} {word}" for option, word in zip(options, rest, strict=False))
        return f"; did you mean {meant}?" if meant else f" (see augtool {self.name} --help)"


class Group(click.Group):
    """A group that imports no command to list it, and names the nearest one for a misspelt name."""

    def sections(self, ctx: click.Context) -> dict[str, list[str]]:
        """The commands by the headings under which help lists them."""
        return {"Methods": self.list_commands(ctx)}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands with the first line of their docstrings."""
        for title, names in self.sections(ctx).items():
            with formatter.section(title):
                formatter.write_dl([(name, _summary(name)) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest name when there is none."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from augtool.params import did_you_mean

            hint = did_you_mean(name, self.list_commands(ctx))
            raise click.UsageError(f"there is no command {name!r}{hint}", ctx)
        return super().resolve_command(ctx, args)


def _summary(name: str) -> str:
    """The first line of a command's docstring, read without importing it."""
    for folder in (Path(__file__).parent, Path(registry.__file__).parent / "methods"):
        file = folder / f"{name}.py"
        if file.is_file():
            text = file.read_text(encoding="utf-8").removeprefix('"""')
            return text.split("\n", 1)[0].removesuffix('"""')
    return "A method of another distribution."
