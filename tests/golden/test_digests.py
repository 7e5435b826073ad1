"""What outputs hold stays as it was, whatever becomes of the code that makes them."""

from __future__ import annotations

from pathlib import Path

import click
import golden_digests
import pytest
from augtool_cli.main import augtool
from golden_jobs import ALIKE, JOBS

STORED = golden_digests.stored()


@pytest.mark.parametrize("name", JOBS)
def test_content_is_what_it_was(name: str, inputs: Path) -> None:
    assert golden_digests.digest_of(JOBS[name], inputs) == STORED.get(name), (
        "if the change of content is meant, run: python tests/golden --write"
    )


def test_every_stored_digest_is_of_a_job() -> None:
    assert list(STORED) == list(JOBS)
    assert len(JOBS) >= 60


@pytest.mark.parametrize("names", ALIKE, ids=lambda names: names[0])
def test_equal_content_has_equal_digests_and_other_content_has_others(
    names: tuple[str, ...],
) -> None:
    assert len({STORED[name] for name in names}) == 1
    others = [digest for name, digest in STORED.items() if name not in names]
    assert STORED[names[0]] not in others


def test_each_method_is_pinned() -> None:
    group = augtool.get_command(click.Context(augtool), "plan")
    assert isinstance(group, click.Group)
    methods = set(group.list_commands(click.Context(group))) - {"mix"}
    assert {f"method-{name}" for name in methods} <= set(JOBS)
