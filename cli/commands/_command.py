"""The command class of augtool: it says what to do about a stray argument."""

from __future__ import annotations

from typing import Any

import click


class Command(click.Command):
    """A command of options only, or with the arguments it declares."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.allow_extra_args = True
        self.context_settings = {**self.context_settings, "help_option_names": ["-h", "--help"]}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; a leftover argument most likely lacks its ``--in``."""
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            stray = ctx.args[0]
            hint = (
                f"; did you mean --in {stray}?"
                if any(p.name == "input" for p in self.params)
                else ""
            )
            raise click.UsageError(f"unexpected argument {stray!r}{hint}", ctx)
        return rest
