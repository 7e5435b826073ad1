"""Tasks run at once, in this process: for tiny jobs and for debugging."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

INLINE = 0
"""The number of workers that stands for this process."""


class InlineExecutor(Executor):
    """An executor whose ``submit`` returns when the task is done."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the function and give a finished future; it raises what the function raised."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:  # handed to whoever asks the future
            future.set_exception(error)
        return future
