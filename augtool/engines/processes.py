"""Tasks run in worker processes of this machine.

Workers come from a fork server that has imported the kernels (so nothing is compiled twice), or
are spawned where there is none. They never import the caller's main module, ignore Ctrl-C, which
the parent handles, and end when the parent does.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.context import BaseContext
from types import ModuleType
from typing import Any

PRELOAD = ["augtool.engines._preload"]


class ProcessExecutor(ProcessPoolExecutor):
    """A pool of ``workers`` processes that all start with the first task."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, mp_context=context(), initializer=_begin)

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As in ``concurrent.futures``."""
        with main_module_hidden():
            return super().submit(function, *args, **kwargs)

    def stop(self) -> None:
        """End the workers without waiting for their tasks."""
        processes = list((getattr(self, "_processes", None) or {}).values())
        self.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


def context() -> BaseContext:
    """The way workers are started: fork server where there is one, else spawn."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def warm_up() -> None:
    """Have workers made ready while the parent is busy with something else."""
    server = context()
    if server.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        with main_module_hidden():
            server.set_forkserver_preload(PRELOAD)
            forkserver.ensure_running()
    else:
        from augtool.engines import _preload  # noqa: F401  fills the cache on disk


@contextlib.contextmanager
def main_module_hidden() -> Iterator[None]:
    """Keep new processes from importing the caller's main module.

    A script without a ``__main__`` guard would otherwise start itself again in each worker.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None)):
        if number is not None:
            signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
