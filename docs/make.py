"""Write what the documentation takes from the program: ``python docs/make.py``.

docs/cli.md from the ``--help`` of every command, and the answers in the README.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from augtool_cli.main import augtool

ROOT = Path(__file__).parent.parent
_WIDTH = 88
_TOP = """\
# The command line

Every command and option, as `--help` prints it. This page is generated: change the help in the
code, then run `python docs/make.py`.

Data goes to stdout, everything else to stderr. An option beats the file given with `--config`,
which beats the default. The keys of that file are the long options without their dashes:

```toml
in = "data/"
out = "mixed.h5"
alpha = 0.5
copies = 4
```

| exit code | meaning |
|---|---|
| 0 | complete |
| 1 | failed |
| 2 | the request cannot be met: a wrong option, an output that exists |
| 3 | finished, but some inputs were skipped (`--on-error skip`) |
| 129, 130, 143 | stopped by SIGHUP, by Ctrl-C, by SIGTERM |
| 141 | the reader of stdout went away |

**Completion with the Tab key.** Add one line to your shell's start-up file:

| shell | start-up file | line |
|---|---|---|
| bash 4.4 or newer | `~/.bashrc` | `eval "$(_AUGTOOL_COMPLETE=bash_source augtool)"` |
| zsh | `~/.zshrc` | `eval "$(_AUGTOOL_COMPLETE=zsh_source augtool)"` |
| fish | `~/.config/fish/config.fish` | `_AUGTOOL_COMPLETE=fish_source augtool \\| source` |

The `augtool` command must be on the `PATH`: activate its virtual environment first.
"""


def cli_page() -> str:
    """docs/cli.md, the same on every terminal."""
    parts = [f"## {name}\n\n```text\n{text}\n```\n" for name, text in helps(augtool, "augtool")]
    return "\n".join([_TOP, *parts])


def helps(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """(name, help) of a command, then of its subcommands."""
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, parent, name, **settings)
    # click 8.1 writes COMMAND where later ones write [COMMAND]
    yield context.command_path, command.get_help(context).replace("[COMMAND]", "COMMAND")
    if isinstance(command, click.Group):
        for one in command.list_commands(context):
            subcommand = command.get_command(context, one)
            assert subcommand is not None
            yield from helps(subcommand, one, context)


def readme(text: str) -> str:
    """The README with the answers that its ``console`` blocks get in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="augtool-") as folder:
        first = re.search(r"\.venv/bin/(augtool .*)", text)
        assert first is not None
        _answer(first[1], folder)
        return re.sub(
            r"^(```console\n\$ (.*)\n)[^`]*",
            lambda block: block[1] + _answer(block[2], folder),
            text,
            flags=re.MULTILINE,
        )


def _answer(line: str, folder: str) -> str:
    command = [sys.executable, "-m", *shlex.split(line)]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=True)
    return done.stdout


if __name__ == "__main__":
    (ROOT / "docs" / "cli.md").write_text(cli_page(), encoding="utf-8")
    front = ROOT / "README.md"
    front.write_text(readme(front.read_text(encoding="utf-8")), encoding="utf-8")
