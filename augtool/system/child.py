"""Starting processes, and running one function in a child process that may die.

HDF5 files from outside can crash the library that reads them, so they are looked at in a process
whose death costs nothing but an error message.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from augtool.errors import SourceError
from augtool.system.importing import children_import_safely, server_finds_this
from augtool.system.signals import SignalsWait
from augtool.system.trust import distrusted

if TYPE_CHECKING:  # Windows has no forkserver to import
    from multiprocessing.context import ForkServerContext, SpawnContext

if sys.platform != "win32":
    import resource
    from multiprocessing import forkserver, resource_tracker, util

_HINT = "the file may be damaged: copy or convert it again"

P = ParamSpec("P")
R = TypeVar("R")

_CAUSES = {
    "SIGKILL": "was killed, perhaps because memory ran out",
    "SIGXCPU": "did not come to an end",
}

ASKED = "_AUGTOOL_SERVER"  # the environment variable that tells the fork server what to load
_PATIENCE = 0.3  # seconds: about what a process of one's own takes to import as much

_LONGEST = 84  # bytes of the name of a folder with sockets: systems take 104 with theirs
_FOLDER = "pymp-01234567"  # what multiprocessing calls it

_start_lock = threading.RLock()
_server_says: list[int] = []  # a pipe that has a byte once the fork server answers


class ChildDied(Exception):
    """A child process ended before it answered. ``killed``: by a signal that says nothing of what
    it did, as the system sends one when memory runs out."""

    def __init__(self, exitcode: int) -> None:
        super().__init__(exitcode)
        self.exitcode = exitcode

    @property
    def killed(self) -> bool:
        return self.exitcode == -getattr(signal, "SIGKILL", 9)

    def __str__(self) -> str:
        """How it ended: "crashed (SIGSEGV)"."""
        if self.exitcode >= 0:
            return f"ended with exit code {self.exitcode}"
        name = signal.Signals(-self.exitcode).name
        return _CAUSES.get(name, f"crashed ({name})")


def isolated(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """``function(*args, **kwargs)``, as `in_child` does it.

    Raises `SourceError` when the child dies before it answers; the first argument then stands in
    the message as what was being read.
    """
    try:
        return in_child(function, *args, **kwargs)
    except ChildDied as death:
        subject = str(args[0]) if args else "the input"
        raise SourceError(f"{subject}: the process that read it {death}; {_HINT}") from None


def in_child(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """``function(*args, **kwargs)``, run in a fresh child process.

    The function is importable by name from a module other than ``__main__``; arguments and result
    can be pickled. What it raises is raised here, with the child's traceback as a note. Raises
    `ChildDied` when the child dies before it answers. What it logs is logged here.
    """
    # A fork server that has kernels to compile would keep this waiting.
    context = process_context() if _server_answers() else multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(writer, function, args, kwargs), daemon=True)
    with reader:
        with writer, bare_main():
            child.start()
        try:
            answer = _received(reader, child.sentinel)
        except BaseException:  # Ctrl-C too: nothing that was started is left running
            child.kill()
            raise
        finally:
            child.join()
    if answer is None:
        raise ChildDied(child.exitcode or 0)
    succeeded, value = answer
    if not succeeded:
        raise value
    return value  # type: ignore[no-any-return]


def process_context() -> ForkServerContext | SpawnContext:
    """How processes are started: never by a bare fork, which copies other threads' held locks."""
    if "forkserver" in multiprocessing.get_all_start_methods() and _server_can_be():
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


def start_server(kernels: tuple[str, ...] = (), method: str | None = None) -> bool:
    """Have the fork server get ready, if there is one and it has not been started: with these
    kernels, or those of a method. Returns whether it was started now."""
    if _server_says or process_context().get_start_method() != "forkserver":
        return False
    said = os.path.join(util.get_temp_dir(), "ready")  # noqa: PTH118 (what multiprocessing gives)
    os.mkfifo(said)
    _server_says.append(os.open(said, os.O_RDONLY | os.O_NONBLOCK))
    os.environ[ASKED] = json.dumps((kernels, method, said))
    try:
        with bare_main():
            process_context().set_forkserver_preload(["augtool.engines._server"])
            forkserver.ensure_running()
    finally:
        del os.environ[ASKED]
    return True


@functools.cache
def _server_can_be() -> bool:
    """Whether the fork server would have what this process has, and a place to listen at. Decided
    once: what is started first is what later ones are started by."""
    with _start_lock:
        return server_finds_this() and _listens()


def _listens() -> bool:
    """Have multiprocessing keep its sockets in a folder of this user's with a short name, whatever
    ``TMPDIR`` is: whoever could put another socket there would be sent what workers are sent.
    Returns whether there is such a folder."""
    before = tempfile.tempdir
    for place in (before, os.environ.get("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp"):
        tempfile.tempdir = place
        try:
            if _fits_sockets(Path(tempfile.gettempdir()) / _FOLDER):
                return _fits_sockets(
                    Path(util.get_temp_dir())
                )  # the caller may have begun with one
        except OSError:  # nothing can be written there
            continue
        finally:
            tempfile.tempdir = before
    return False


def _fits_sockets(folder: Path) -> bool:
    if len(os.fsencode(folder)) > _LONGEST:
        return False
    return folder.is_absolute() and not distrusted(folder.parent, sticky=True)


def _server_answers() -> bool:
    """Whether the fork server starts processes at once, or in a moment."""
    return bool(_server_says and wait(_server_says, _PATIENCE))


@contextlib.contextmanager
def bare_main() -> Iterator[None]:
    """Processes started inside do not import the caller's main module, nor anything from the
    current folder, and leave Ctrl-C to it.

    So a script needs no ``__main__`` guard, and a notebook's cells are not looked for. Ctrl-C
    reaches the whole process group: one that is still importing would print a traceback. So would
    one whose start was split by a signal here, so signals wait.
    """
    with SignalsWait(), _start_lock, children_import_safely(), _interrupts_blocked():
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Have processes started inside inherit that SIGINT waits; here it comes a moment later."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # started by the fork server it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def limited(more_bytes: int, cpu_seconds: int) -> Iterator[None]:
    """In the child: what runs inside allocates at most ``more_bytes`` and takes ``cpu_seconds``.

    More memory is a `MemoryError`, or whatever a library makes of it; more time is the child's
    death, because a library that loops listens to nothing. Without effect where the system has no
    such limits.
    """
    limits: dict[int, int] = {}
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[5])
        limits[resource.RLIMIT_DATA] = pages * resource.getpagesize() + more_bytes
    if sys.platform != "win32":
        limits[resource.RLIMIT_CPU] = math.ceil(time.process_time()) + cpu_seconds
    before = {kind: resource.getrlimit(kind) for kind in limits}
    for kind, limit in limits.items():
        resource.setrlimit(kind, (_lowest(limit, *before[kind]), before[kind][1]))
    try:
        yield
    finally:
        for kind, pair in before.items():
            resource.setrlimit(kind, pair)


def _lowest(*limits: int) -> int:
    return min(limit for limit in limits if limit != resource.RLIM_INFINITY)


def _answer(
    writer: Connection,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """Send back what ``function`` returns or raises: the child's whole life."""
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a library's last words; we have our own
    logger = logging.getLogger("augtool")
    logger.setLevel(logging.INFO)
    logger.addHandler(_Telling(writer))
    threading.Thread(target=end_with_parent, daemon=True).start()
    answer: tuple[bool, Any]
    try:
        answer = (True, function(*args, **kwargs))
    except Exception as error:
        error.add_note(f"In the child process:\n{traceback.format_exc()}")
        answer = (False, error)
    writer.send(answer)


def end_with_parent() -> None:
    """A parent that was killed leaves no child unpacking gigabytes behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class _Telling(logging.Handler):
    """In the child: sends on what is logged."""

    def __init__(self, writer: Connection) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Send the words of a record, and how grave it is."""
        self._writer.send((record.levelno, record.getMessage()))


def _received(reader: Connection, sentinel: int) -> tuple[bool, Any] | None:
    """The child's answer; None when it died without one."""
    while True:
        wait([reader, sentinel])
        try:
            answer: tuple[Any, Any] | None = reader.recv() if reader.poll() else None
        except EOFError:
            return None
        if answer is None or isinstance(answer[0], bool):
            return answer
        logging.getLogger("augtool").log(*answer)
