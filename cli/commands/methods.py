"""List the methods with their parameters, or cite one."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from typing import Any

import click

from ._command import Command

_WIDTH = 96


@click.command("methods", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--cite", metavar="METHOD", help="Print BibTeX of this method's paper.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(as_json: bool, cite: str | None, **_given: Any) -> None:
    """List the methods with their parameters, defaults, bounds and papers."""
    from augtool import catalogue

    if cite is not None:
        click.echo(catalogue.bibtex(cite))
    elif as_json:
        entries = [dataclasses.asdict(one) for one in catalogue.entries()]
        click.echo(json.dumps(entries, ensure_ascii=False, indent=2))
    else:
        for one in catalogue.entries():
            click.echo("\n".join(_lines(one)))


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
