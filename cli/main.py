"""The group, lazily loaded, and the only place where errors become messages and exit codes."""

from __future__ import annotations

import ast
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import click

from augtool import _modules
from augtool.errors import AugtoolError

_COMMANDS = Path(__file__).parent / "commands"
_METHODS = Path(_modules.__file__).parent / "methods"
_PIPE_CLOSED = 141


class Stopped(BaseException):
    """A signal asked the run to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Lazy(click.Group):
    """A group whose commands are files, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands by file name, the methods first."""
        own = sorted(p.stem for p in _COMMANDS.glob("*.py") if not p.stem.startswith("_"))
        return [*_modules.names("methods"), *own]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; `main` has the errors of a broken plug-in."""
        if (_COMMANDS / f"{cmd_name}.py").is_file() and not cmd_name.startswith("_"):
            command: click.Command = import_module(f".commands.{cmd_name}", __package__).command
            return command
        if cmd_name in _modules.names("methods"):
            from .commands import _run

            return _run.command(cmd_name)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest name when there is none."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from augtool.params import did_you_mean

            raise click.UsageError(
                f"there is no command {name!r}{did_you_mean(name, self.list_commands(ctx))}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Methods and other commands with the first line of their docstrings; none is imported."""
        groups: dict[str, list[tuple[str, str]]] = {"Methods": [], "Commands": []}
        for name in self.list_commands(ctx):
            group = "Methods" if name in _modules.names("methods") else "Commands"
            groups[group].append((name, _summary(name)))
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl(rows)


def _summary(name: str) -> str:
    """The first line of a command's docstring, read without importing it."""
    for folder in (_COMMANDS, _METHODS):
        file = folder / f"{name}.py"
        if file.is_file():
            text = ast.get_docstring(ast.parse(file.read_bytes())) or ""
            return text.split("\n", 1)[0]
    return "A method of another distribution."


@click.group(
    cls=Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="augtool METHOD --in data/ --out mixed.h5; augtool METHOD --help for its options.",
)
@click.option("--version", is_flag=True, help="Print the version.")
@click.option(
    "--json", "as_json", is_flag=True, help="With --version: all that a bug report needs."
)
@click.pass_context
def augtool(ctx: click.Context, version: bool, as_json: bool) -> None:
    """Turn a labelled image data set into a mixed one, with exact soft labels."""
    if version:
        _print_version(as_json)
    elif ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _print_version(as_json: bool) -> None:
    from augtool import versions

    if not as_json:
        click.echo(versions.of("augtool"))
        return
    import json

    click.echo(json.dumps(versions.report(), indent=2))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _stop)
    code = _code_of(given)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _stdout_failed(error)
    sys.exit(code)


def _code_of(given: list[str]) -> int:
    try:
        result = augtool.main(given, prog_name="augtool", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _said("stopped by Ctrl-C; nothing was left behind", 128 + signal.SIGINT)
    except Stopped as stopped:
        name = signal.Signals(stopped.number).name
        return _said(f"stopped by {name}; nothing was left behind", 128 + stopped.number)
    except Exception as error:
        if "--debug" in given:
            raise
        return _code_of_error(error)


def _code_of_error(error: Exception) -> int:
    if isinstance(error, AugtoolError):
        return _said(str(error), error.exit_code)
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        where = f" (see {context.command_path} --help)" if context else ""
        return _said(error.format_message() + where, error.exit_code)
    if isinstance(error, OSError) and error.filename is None:
        return _stdout_failed(error)
    if isinstance(error, MemoryError):
        return _said("out of memory; use fewer --workers or smaller images", 1)
    kind = type(error).__name__
    return _said(f"{kind}: {error}; this is a bug: please report it with --debug", 1)


def _stdout_failed(error: OSError) -> int:
    """Quiet when the reader went away; one line when the device is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno in (errno.EPIPE, errno.EINVAL):
        return _PIPE_CLOSED
    return _said(f"writing to stdout failed: {error.strerror}", 1)


def _said(message: str, code: int) -> int:
    text = " ".join(message.split())
    with contextlib.suppress(OSError):  # when stderr is gone the exit code has to do
        click.echo(f"augtool: {text}", err=True)
    return code


def _stop(number: int, _frame: FrameType | None) -> Any:
    raise Stopped(number)
