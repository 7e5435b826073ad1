"""Tasks run in worker processes of this machine.

Workers come from a fork server that has imported the kernels (so nothing is compiled twice), or
are spawned where there is none. They never import the caller's main module, ignore Ctrl-C, which
the parent handles, and end when the parent does.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from augtool import kernels
from augtool.isolate import bare_main, end_with_parent, process_context, start_server
from augtool.locks import hold

_warmed: set[str] = set()  # kernels that workers have or find in the cache
_begun_for: list[str] = []  # the method whose kernels the server has, until they are known


class ProcessExecutor(Executor):
    """A pool of up to ``workers`` processes, each of which holds the ``locks`` of its run's
    books."""

    def __init__(self, workers: int, locks: Sequence[Path] = ()) -> None:
        self._workers, self._locks = workers, tuple(locks)
        self._pool = self._opened()

    def _opened(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers,
            mp_context=process_context(),
            initializer=_begin,
            initargs=(self._locks,),
        )

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As in ``concurrent.futures``; also `BrokenProcessPool` when the fork server is gone."""
        try:
            with bare_main():
                return self._pool.submit(function, *args, **kwargs)
        except (EOFError, ConnectionError) as error:
            raise BrokenProcessPool("the fork server ended") from error

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As in ``concurrent.futures``."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def renew(self) -> None:
        """Go on with fresh workers after one has died: what was submitted is forgotten."""
        self.stop()
        self._pool = self._opened()

    def stop(self) -> None:
        """End the workers without waiting for their tasks."""
        processes = list((getattr(self._pool, "_processes", None) or {}).values())
        self.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


def start_early(method: str) -> None:
    """Have the fork server made ready for a run of this method: what it takes to know its kernels
    is not imported yet, and a processor has nothing else to do."""
    if start_server(method=method):
        _begun_for.append(method)


def warm_up(kernel_names: tuple[str, ...]) -> None:
    """Have workers made ready, with these kernels in them, while the parent is busy."""
    if _begun_for:
        from augtool import methods

        _warmed.update(methods.load(_begun_for.pop()).KERNELS)
    if not start_server(kernel_names) and not _warmed.issuperset(kernel_names):
        # The server, if any, began with other kernels: workers find these in the cache on disk.
        kernels.load(kernel_names)
    _warmed.update(kernel_names)


def _begin(locks: tuple[Path, ...]) -> None:
    for one in locks:
        hold(one)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None)):
        if number is not None:
            signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=end_with_parent, daemon=True).start()
