"""The group, lazily loaded, and the only place where errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType

import click

from augtool import registry
from augtool.errors import KEPT, AugtoolError, UsageError

from . import stdout
from .commands._command import Group
from .report import printable

_COMMANDS = Path(__file__).parent / "commands"
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_PIPE_CLOSED = 141
_ONE_PRESS = 0.5  # seconds in which several signals are one: a terminal's and a parent's


class Stopped(BaseException):
    """A signal asked the run to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Lazy(Group):
    """A group whose commands are files, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands by file name, the methods first."""
        own = sorted(p.stem for p in _COMMANDS.glob("*.py") if not p.stem.startswith("_"))
        return [*registry.names("methods"), *own]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; `main` has the errors of a broken plug-in."""
        if cmd_name in {p.stem for p in _COMMANDS.glob("[!_]*.py")}:
            command: click.Command = import_module(f".commands.{cmd_name}", __package__).command
            return command
        if cmd_name in registry.names("methods"):
            from .commands import _run

            return _run.command(cmd_name)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's; what a run takes longest to load is begun before anything else is."""
        if _asks_for_a_run(args):
            from augtool.engines.processes import start_early

            start_early(args[0])
        return super().resolve_command(ctx, args)

    def sections(self, ctx: click.Context) -> dict[str, list[str]]:
        """Methods, and other commands."""
        methods = registry.names("methods")
        names = self.list_commands(ctx)
        return {
            "Methods": [name for name in names if name in methods],
            "Commands": [name for name in names if name not in methods],
        }


def _asks_for_a_run(arguments: Sequence[str]) -> bool:
    """Whether, at a glance, a command line is for one method and makes something by processes."""
    given = {argument.partition("=")[0] for argument in arguments[1:]}
    return (
        not given.isdisjoint({"--in", "-i"})
        and not given.isdisjoint({"--out", "-o"})
        and given.isdisjoint({"--help", "-h", "--dry-run"})
        and arguments[0] in registry.names("methods")
    )


@click.group(
    cls=Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First try: augtool cutmix --in sample: --out mixed.h5 --preview grid.png",
)
@click.option("--version", is_flag=True, help="Print the version.")
@click.option(
    "--json", "as_json", is_flag=True, help="With --version: all that a bug report needs."
)
@click.pass_context
def augtool(ctx: click.Context, version: bool, as_json: bool) -> None:
    """Turn a labelled image data set into a mixed one, with exact soft labels."""
    if as_json and not version:
        raise UsageError("--json goes with --version, or after a command")
    if version:
        _print_version(as_json)
    elif ctx.invoked_subcommand is None:
        stdout.line(ctx.get_help())


def _print_version(as_json: bool) -> None:
    from augtool import versions

    if as_json:
        stdout.as_json(versions.report())
    else:
        stdout.line(versions.of("augtool"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # NumPy's linear algebra, which nothing here uses, would begin by keeping a second processor
    # busy for some hundredths of a second, in each process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _mend_streams()
    if "_AUGTOOL_COMPLETE" in os.environ:  # a shell asks for completions
        augtool.main(prog_name="augtool")
    _heed_signals()
    code = _code_of(given)
    _heed_no_more()
    try:
        stdout.flush()
    except stdout.StdoutFailed as failure:
        code = _stdout_failed(failure.error) if code == 0 else code
    sys.exit(code)


def _mend_streams() -> None:
    """Streams that were closed go nowhere; characters that a stream lacks are escaped."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # opened in this order, each takes its own number again
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="backslashreplace")


class _Stop:
    """The handler of signals that ask a run to stop: the first raises `Stopped`; a later one ends
    this process at once, and what it leaves the next run knows."""

    def __init__(self) -> None:
        self._first = math.inf  # when one was heeded
        self._noted = math.inf  # or came while signals wait

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self._first == math.inf:
            # Those that were noted have had their say: of two at once the second is no hurry.
            self._first, self._noted = time.monotonic(), math.inf
            raise Stopped(number)
        self.meanwhile(number)

    def meanwhile(self, number: int) -> None:
        """Called in place of the handler while signals wait, see `SignalsWait`."""
        now = time.monotonic()
        if now - min(self._first, self._noted) > _ONE_PRESS:
            os._exit(128 + number)
        self._noted = min(self._noted, now)


def _heed_signals() -> None:
    """Turn the signals that ask a run to stop into `Stopped`, save those ignored, as by nohup."""
    stop = _Stop()
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _heed_no_more() -> None:
    """What is left is to end, with a code that is known: a signal now would be a traceback."""
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)  # what is ignored is inherited


def _code_of(given: list[str]) -> int:
    """Do what is asked for. `click.Command.main` would have its own way with Ctrl-C and pipes."""
    try:
        with augtool.make_context("augtool", list(given)) as context:
            code = augtool.invoke(context)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except Stopped as stopped:
        name = signal.Signals(stopped.number).name
        key = " (Ctrl-C)" if stopped.number == signal.SIGINT else ""
        left = _kept(stopped) or "nothing was left behind"
        return _said(f"stopped by {name}{key}; {left}", 128 + stopped.number)
    except Exception as error:
        if "--debug" in given:
            import traceback

            traceback.print_exc()
        return _code_of_error(error)


def _code_of_error(error: Exception) -> int:
    if isinstance(error, stdout.StdoutFailed):
        return _stdout_failed(error.error)
    if isinstance(error, BrokenPipeError):
        return _stdout_failed(error)
    said, code = _verdict(error)
    kept = _kept(error)
    return _said(f"{said}; {kept}" if kept else said, code)


def _kept(error: BaseException) -> str | None:
    """What is left for the next run, if a note on the error says so."""
    notes = getattr(error, "__notes__", ())
    return next((one.removeprefix(KEPT) for one in notes if one.startswith(KEPT)), None)


def _verdict(error: Exception) -> tuple[str, int]:
    """The one line and the exit code of an error."""
    if isinstance(error, AugtoolError):
        return str(error), error.exit_code
    if isinstance(error, click.ClickException):
        return _words(error), error.exit_code
    if isinstance(error, MemoryError):
        return "out of memory; use fewer --workers or smaller images", 1
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        if error.errno == errno.ENAMETOOLONG:
            return f"{where}{error.strerror}; give a shorter one", 2
        return f"{where}{error.strerror or error}; check the disk and permissions", 1
    said = f"{type(error).__name__}: {error}"
    return f"{said}; this is a bug: run it again with --debug and report what it prints", 1


def _words(error: click.ClickException) -> str:
    """What click says, in one style, with where to read more."""
    said = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption):
        near = f"; did you mean {error.possibilities[0]}?" if error.possibilities else ""
        said = f"there is no option {error.option_name}{near}"
    context = getattr(error, "ctx", None)
    return f"{said} (see {context.command_path} --help)" if context else said


def _stdout_failed(error: OSError) -> int:
    """Quiet when the reader went away; one line when the device is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what the interpreter flushes at its end
    if error.errno in (errno.EPIPE, errno.EINVAL):
        return _PIPE_CLOSED
    return _said(f"stdout: {error.strerror}; free some space or write elsewhere", 1)


def _said(message: str, code: int) -> int:
    text = printable(" ".join(message.split()))
    with contextlib.suppress(OSError):  # when stderr is gone the exit code has to do
        click.echo(f"augtool: {text}", err=True)
    return code
