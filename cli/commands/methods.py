"""List the methods with their parameters, or cite one."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Any

import click

from .. import options, stdout
from ._command import Command

_WIDTH = 96


@click.command("methods", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--cite", metavar="METHOD", help="Print BibTeX of this method's paper.")
@options.DEBUG
def command(as_json: bool, cite: str | None, **_given: Any) -> None:
    """List the methods with their parameters, defaults, bounds and papers."""
    from augtool.methods import _catalogue

    if cite is not None:
        stdout.line(_catalogue.bibtex(cite))
    elif as_json:
        stdout.as_json([dataclasses.asdict(one) for one in _catalogue.entries()])
    else:
        for one in _catalogue.entries():
            stdout.line("\n".join(_lines(one)))


def _lines(entry: Any) -> list[str]:
    lines = [f"{entry.name}: {entry.summary}"]
    for one in entry.parameters:
        remarks = "; ".join(
            filter(None, (f"default {one.default}" * bool(one.default), one.bounds))
        )
        text = f"--{one.option}  {one.help}  [{remarks}]"
        lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="      ")
    paper = textwrap.wrap(entry.paper, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    return [*lines, *paper, ""]
