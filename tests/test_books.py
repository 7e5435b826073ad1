"""The books: everything unfinished in one folder, one run at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from augtool.books import open_books
from augtool.errors import OutputError, OutputExists, UsageError


def test_the_output_has_its_name_only_when_it_is_published(tmp_path: Path) -> None:
    output = tmp_path / "o.h5"
    with open_books(output) as books:
        books.unfinished.write_text("whole")
        assert not output.exists()
        books.publish()
        assert output.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [output]


def test_nothing_is_left_when_the_run_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_books(tmp_path / "o.h5") as books:
        books.unfinished.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_of_the_same_output_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    output = tmp_path / "o.h5"
    with open_books(output) as books:
        books.unfinished.write_text("first")
        with pytest.raises(OutputExists, match="another run"), open_books(output):
            pass
        assert books.unfinished.read_text() == "first"


def test_what_a_killed_run_has_left_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / ".o.h5.augtool"
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "names.npy").write_text("old")
    (folder / "output").write_text("old")
    (folder / "lock").touch()
    with open_books(tmp_path / "o.h5") as books:
        assert list(books.scratch.iterdir()) == []
        assert not books.unfinished.exists()


def test_a_folder_that_is_missing_or_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"), open_books(tmp_path / "no" / "o.h5"):
        pass
    (tmp_path / ".o.h5.augtool").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write beside it"), open_books(tmp_path / "o.h5"):
        pass
