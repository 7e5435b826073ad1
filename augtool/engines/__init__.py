"""Where tasks run: anything with the ``concurrent.futures.Executor`` interface, one file each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from augtool.engines.inline import INLINE, InlineExecutor
from augtool.engines.processes import ProcessExecutor
from augtool.errors import WorkerDied


@contextmanager
def open_engine(workers: int, locks: Sequence[Path] = ()) -> Iterator[Executor]:
    """An executor whose workers are being started, each with the ``locks`` of the run's books; on
    an error they are stopped, not waited for."""
    if workers == INLINE:
        yield InlineExecutor()
        return
    engine = ProcessExecutor(workers, locks)
    try:
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
