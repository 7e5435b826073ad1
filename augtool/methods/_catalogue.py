"""The methods as data: what each is, its parameters, its paper."""

from __future__ import annotations

import dataclasses
import inspect
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from augtool import methods
from augtool.params import bounds_of, shown


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method; ``option`` is its name on the command line."""

    name: str
    option: str
    help: str
    default: str
    bounds: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """A method. ``prob`` is the share of rows it is applied to by default, ``slots`` how many
    source rows one output row is made of."""

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    prob: float
    slots: int
    paper: str


def entries() -> list[Entry]:
    """All methods, by name."""
    return [entry(name) for name in methods.names()]


def entry(name: str) -> Entry:
    """One method. Raises `UsageError`, with the nearest name, when there is none."""
    method = methods.load(name)
    return Entry(
        name=name,
        summary=inspect.cleandoc(method.__doc__ or "").split("\n", 1)[0],
        parameters=tuple(_parameter(field) for field in dataclasses.fields(method.Params)),
        prob=method.PROB,
        slots=method.SLOTS,
        paper=method.PAPER,
    )


def bibtex(name: str) -> str:
    """A BibTeX entry of a method's paper: that in ``methods/papers.bib``, or, for a method of
    another distribution, what its line says: "Authors. Title. Venue Year. arXiv:Id"."""
    paper = methods.load(name).PAPER
    return _entries().get(name) or _from_line(name, paper)


def in_text(name: str) -> str:
    """A method's paper as a text refers to it: "Yun et al., 2019"."""
    entry = bibtex(name)
    authors, year = (re.search(rf"{key} = {{(.*)}}", entry) for key in ("author", "year"))
    names = authors[1].split(" and ") if authors else [name]
    last = [one.rpartition(" ")[2] if "," not in one else one.partition(",")[0] for one in names]
    said = f"{last[0]} et al." if len(last) > 2 else " and ".join(last)
    return f"{said}, {year[1]}" if year else said


@cache
def _entries() -> dict[str, str]:
    """The entries of ``methods/papers.bib``, by the methods that the line above each names."""
    text = (files("augtool.methods") / "papers.bib").read_text(encoding="utf-8")
    found = re.findall(r"^% ([\w ]+)\n(@\w+\{.*?^\})$", text, re.MULTILINE | re.DOTALL)
    return {name: entry for named, entry in found for name in named.split()}


def _from_line(name: str, paper: str) -> str:
    authors, title, *rest = paper.split(". ")
    year = re.search(r"\b(19|20)\d\d\b", " ".join(rest))
    arxiv = re.search(r"arXiv:([\d.]+\d)", paper)
    fields = {
        "title": f"{{{title}}}",
        "author": " and ".join(authors.split(", ")),
        "howpublished": rest[0].rstrip(".") if rest else "",
        "year": year[0] if year else "",
        "eprint": arxiv[1] if arxiv else "",
        "archivePrefix": "arXiv" if arxiv else "",
    }
    lines = [f"  {key} = {{{value}}}," for key, value in fields.items() if value]
    key = f"{authors.split(',')[0].lower()}{year[0] if year else ''}{name}"
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _parameter(field: dataclasses.Field[Any]) -> Parameter:
    bounds = bounds_of(field)
    default = bounds.shown_default or ("" if field.default is None else shown(field.default))
    return Parameter(
        name=field.name,
        option=field.name.replace("_", "-"),
        help=bounds.help,
        default=default,
        bounds=", ".join(bounds.choices) or bounds.words(),
        choices=bounds.choices,
    )
