"""The catalogue: methods as data."""

from __future__ import annotations

import re

import pytest

from augtool import methods
from augtool.errors import UsageError
from augtool.methods import _catalogue


def test_every_method_is_listed_with_its_parameters() -> None:
    entries = {one.name: one for one in _catalogue.entries()}
    assert set(entries) == set(methods.names())
    alpha = next(one for one in entries["cutmix"].parameters if one.name == "alpha")
    assert (alpha.option, alpha.default, alpha.bounds) == ("alpha", "1.0", "above 0")


@pytest.mark.parametrize("name", methods.names())
def test_every_method_is_cited_with_author_title_and_year(name: str) -> None:
    text = _catalogue.bibtex(name)
    assert re.match(r"@\w+\{\w+,\n", text)
    assert re.search(r"author = \{.+\}", text)
    assert re.search(r"title = \{\{.+\}\}", text)
    assert re.search(r"year = \{(19|20)\d\d\}", text)
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("name", methods.names())
def test_a_paper_of_ours_is_cited_in_full(name: str) -> None:
    text = _catalogue.bibtex(name)
    (kind,) = re.findall(r"^@(\w+)\{", text)
    authors = re.findall(r"author = \{(.*)\},", text)[0].split(" and ")
    assert all(" " in author for author in authors)  # full names
    venue = {"inproceedings": "booktitle", "article": "journal", "misc": "eprint"}[kind]
    assert f"  {venue} = {{" in text
    assert ("doi = {10." in text) != (name == "flip")  # which has none
    last = authors[0].rpartition(" ")[2]
    assert methods.load(name).PAPER.startswith(last)
    assert _catalogue.in_text(name).startswith(last)


def test_a_method_of_another_distribution_is_cited_by_its_line() -> None:
    text = _catalogue._from_line("halves", "Doe, Roe. On Halves. ABC 2024. arXiv:2401.00001")
    assert "author = {Doe and Roe}" in text
    assert "eprint = {2401.00001}" in text


def test_an_unknown_method_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'cutmix'"):
        _catalogue.bibtex("cutmux")
