"""Tasks run in worker processes of this machine.

Workers come from a fork server that has imported the kernels (so nothing is compiled twice), or
are spawned where there is none. They never import the caller's main module, ignore Ctrl-C, which
the parent handles, and end when the parent does.
"""

from __future__ import annotations

import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from augtool import kernels
from augtool.isolate import bare_main, end_with_parent, process_context

_warmed: set[str] = set()  # kernels that workers have or find in the cache


class ProcessExecutor(ProcessPoolExecutor):
    """A pool of up to ``workers`` processes."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, mp_context=process_context(), initializer=_begin)

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As in ``concurrent.futures``; also `BrokenProcessPool` when the fork server is gone."""
        try:
            with bare_main():
                return super().submit(function, *args, **kwargs)
        except (EOFError, ConnectionError) as error:
            raise BrokenProcessPool("the fork server ended") from error

    def stop(self) -> None:
        """End the workers without waiting for their tasks."""
        processes = list((getattr(self, "_processes", None) or {}).values())
        self.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


def warm_up(kernel_names: tuple[str, ...]) -> None:
    """Have workers made ready, with these kernels in them, while the parent is busy."""
    context = process_context()
    if _warmed or context.get_start_method() != "forkserver":
        # The server, if any, began with other kernels: workers find these in the cache on disk.
        if not _warmed.issuperset(kernel_names):
            kernels.load(kernel_names)
    else:
        from multiprocessing import forkserver

        modules = [f"{kernels.__name__}.{name}" for name in kernel_names]
        with bare_main():
            context.set_forkserver_preload(["augtool.worker", *modules])
            forkserver.ensure_running()
    _warmed.update(kernel_names)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None)):
        if number is not None:
            signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=end_with_parent, daemon=True).start()
