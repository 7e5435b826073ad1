"""What an output holds, as a digest: pixels, masks, labels and plan, whatever file holds them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import signal
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
from golden_jobs import Job

import augtool

FILE = Path(__file__).with_name("digests.txt")
_STOPS = {"SIGINT", "SIGTERM", "SIGHUP"}
_SIGNALS = [number for number in signal.Signals if number.name in _STOPS]


def stored() -> dict[str, str]:
    """By name of a job: the digest that its content had when it was last written deliberately."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ") for line in lines if not line.startswith("#"))


def digest_of(job: Job, inputs: Path) -> str:
    """Run a job where the inputs are, and remove what it makes: the sha256 of its outputs."""
    with only_for_now(inputs):
        for command in job.commands:
            run(command, inputs)
        content = "\n".join(content_of(inputs / name) for name in job.outputs)
    return hashlib.sha256(content.encode()).hexdigest()


@contextlib.contextmanager
def only_for_now(folder: Path) -> Iterator[None]:
    """Remove what is made in a folder meanwhile."""
    before = set(folder.iterdir())
    try:
        yield
    finally:
        for path in set(folder.iterdir()) - before:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def run(command: str, folder: Path) -> None:
    """Run a command line in a folder; it must succeed."""
    code = exit_code(command, folder)
    if code:
        raise RuntimeError(f"exit code {code}: augtool {command}")


def exit_code(command: str, folder: Path) -> int:
    """Run a command line in this process, in a folder: its exit code. ``> FILE`` at its end takes
    its standard output."""
    arguments = shlex.split(command)
    (point,) = entry_points(group="console_scripts", name="augtool")
    with contextlib.chdir(folder), _surroundings_kept(), contextlib.ExitStack() as stack:
        if ">" in arguments:
            *arguments, _, name = arguments
            stream = stack.enter_context(Path(name).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(stream))
        try:
            point.load()(arguments)
        except SystemExit as end:
            return int(end.code or 0)
    raise AssertionError("the command line ends with an exit code")


@contextlib.contextmanager
def _surroundings_kept() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    environment = dict(os.environ)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.environ.clear()
        os.environ.update(environment)


def content_of(path: Path) -> str:
    """A line for each field: its name, type, shape and the sha256 of its values in C order."""
    if path.suffix == ".csv":  # a plan: the line before the table says what it belongs to
        table = path.read_bytes().split(b"\n", 1)[1]
        return f"table {hashlib.sha256(table).hexdigest()}\n"
    with augtool.open(path) as output:
        lines = []
        fields = {name for name in output.fields if not name.startswith(("labels", "classes"))}
        for name in sorted(fields):
            values = np.asarray(output.field(name)[:])
            if name == "images" and output.layout == "NCHW":
                values = np.moveaxis(values, 1, -1)
            lines.append(_line(name, values))
        for target in output.targets:
            lines.append(_line(f"labels {target}", np.asarray(output.labels_of(target)[:])))
            lines.append(f"classes {target} {output.class_names_of(target)}\n")
    return "".join(lines)


def _line(name: str, values: np.ndarray) -> str:
    ordered = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    content = hashlib.sha256(ordered.tobytes()).hexdigest()
    return f"{name} {ordered.dtype.str} {ordered.shape} {content}\n"


def write(digests: dict[str, str]) -> None:
    """Replace the stored digests."""
    header = "# name digest: written by python tests/golden --write; see CONTRIBUTING.md\n"
    lines = (f"{name} {digest}\n" for name, digest in digests.items())
    FILE.write_text(header + "".join(lines), encoding="utf-8")
