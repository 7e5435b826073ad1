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


def test_an_unknown_method_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'cutmix'"):
        _catalogue.bibtex("cutmux")
