"""The two users of these tests are what they are said to be."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_a_user_runs_the_installed_command(victim, shared: Path) -> None:
    ended = victim.augtool("cutmix", "--in", "sample:?n=40&size=16", "--out", shared / "a.h5")
    assert ended.code == 0, ended.err
    assert (shared / "a.h5").stat().st_uid == victim.uid


def test_a_neighbour_cannot_read_what_is_private(victim, neighbour, shared: Path) -> None:
    private = shared / "private"
    private.write_text("x")
    victim.owns(private, 0o600)
    with pytest.raises(AssertionError):
        neighbour.act(private.read_text)
    victim.act(private.read_text)
