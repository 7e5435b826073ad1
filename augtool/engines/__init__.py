"""Where tasks run: anything with the ``concurrent.futures.Executor`` interface, one file each."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from augtool import worker
from augtool.engines.inline import InlineExecutor
from augtool.engines.processes import ProcessExecutor
from augtool.errors import WorkerDied
from augtool.isolate import server_is_ready
from augtool.job import INLINE


@contextmanager
def open_engine(workers: int) -> Iterator[Executor]:
    """An executor whose workers are being started; on an error they are stopped, not waited for."""
    if workers == INLINE:
        yield InlineExecutor()
        return
    engine = ProcessExecutor(workers)
    try:
        # One for each: a pool starts no process for a task while another waits for one.
        for first in [engine.submit(worker.ready) for _ in range(workers)]:
            first.add_done_callback(_server_answered)
        yield engine
    except BrokenProcessPool as error:
        engine.stop()
        raise WorkerDied(
            "a worker process died (killed, or out of memory); try again with fewer --workers"
        ) from error
    except BaseException:
        engine.stop()
        raise
    engine.shutdown()


def _server_answered(first: Future[Any]) -> None:
    if not first.cancelled() and first.exception() is None:
        server_is_ready()
