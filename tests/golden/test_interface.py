"""Names of the library, commands, options, defaults and exit codes change on purpose only."""

from __future__ import annotations

from pathlib import Path

import golden_interface


def test_the_interface_is_what_it_was(inputs: Path) -> None:
    stored = golden_interface.FILE.read_text(encoding="utf-8")
    assert golden_interface.text(inputs).splitlines() == stored.splitlines(), (
        "if the change is meant, say it in CHANGELOG.md and run: python tests/golden --write"
    )
