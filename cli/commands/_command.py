"""The command classes of augtool: they say what to do about a stray or misspelt word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

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

    def _hint(self, given: Mapping[str, Any], rest: Sequence[str]) -> str:
        missing = [p.opts[0] for p in self.params if p.required and not given.get(p.name or "")]
        options = [option for option in missing if option.startswith("-")]
        meant = " ".join(f"{option} {word}" for option, word in zip(options, rest, strict=False))
        return f"; did you mean {meant}?" if meant else f" (see augtool {self.name} --help)"


class Group(click.Group):
    """A group that names the nearest command when there is none of the name."""

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
