"""Tasks run in worker processes of this machine.

Workers come from a fork server that has imported the kernels (so nothing is compiled twice), or
are spawned where there is none. They never import the caller's main module, ignore Ctrl-C, which
the parent handles, and end when the parent does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from augtool import kernels
from augtool.engines._channel import Channel, channel
from augtool.system.child import bare_main, end_with_parent, process_context, start_server
from augtool.system.handover import Kept, take
from augtool.system.locks import hold

_AHEAD = 2  # calls that a worker has, with the one that it works on
_PATIENCE = 1.0  # seconds for which a fork server that is starting may hold up the end

_warmed: set[str] = set()  # kernels that workers have or find in the cache
_begun_for: list[str] = []  # the method whose kernels the server has, until they are known


@dataclass(frozen=True)
class _Call:
    """What was submitted."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    future: Future[Any]


@dataclass
class _Worker:
    """A process, what joins us, and the calls that it has and has not answered; ``prepared`` is one
    that need not prepare (any more). ``has`` names the values that it has been handed."""

    process: Any
    channel: Channel
    prepared: bool
    ready: bool = False
    has: set[str] = field(default_factory=set)
    calls: deque[_Call] = field(default_factory=deque)


class ProcessExecutor(Executor):
    """A pool of ``workers`` processes, each of which holds the ``locks`` of its run's books.

    Each has a pipe of its own, so that one which dies, even while it answers, holds up nobody: its
    calls end in `BrokenProcessPool`, and another takes its place. (Workers of the standard
    library's pool share one, in which half an answer blocks all.)

    began
        When the first worker could begin, as ``time.perf_counter`` has it; None until then.
    """

    began: float | None = None

    def __init__(self, workers: int, locks: Sequence[Path] = ()) -> None:
        self._size, self._locks = workers, tuple(locks)
        self._guard = threading.Lock()
        self._waiting: deque[_Call] = deque()
        self._crew: list[_Worker] = []
        self._first: _Call | None = None
        self._closing = self._stopped = self._broken = False
        self._wake, self._waker = Pipe(duplex=False)
        self._manager = threading.Thread(target=self._manage, daemon=True)
        self._manager.start()

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As in ``concurrent.futures``; `BrokenProcessPool` when workers do not even start."""
        call = _Call(function, args, kwargs, Future())
        with self._guard:
            if self._closing or self._stopped:
                raise RuntimeError("the workers have been told to end")
            if self._broken:
                raise BrokenProcessPool("worker processes do not start")
            self._waiting.append(call)
        self._waker.send_bytes(b"!")
        return call.future

    def prepare(self, function: Any, /, *args: Any) -> None:
        """Have each of the workers call this before it goes on with what is submitted. Nobody hears
        of it; one that takes the place of another does without."""
        with self._guard:
            self._first = _Call(function, args, {}, Future())
        self._poke()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As in ``concurrent.futures``."""
        with self._guard:
            self._closing = True
            if cancel_futures:
                for call in self._waiting:
                    call.future.cancel()
        self._poke()
        if wait:
            self._manager.join()

    def stop(self) -> None:
        """End the workers without waiting for their tasks."""
        with self._guard:
            self._stopped = True
            crew = tuple(self._crew)
        for one in crew:
            one.process.kill()
        self._poke()
        self._manager.join(_PATIENCE)

    def _poke(self) -> None:
        with contextlib.suppress(OSError):  # it has ended
            self._waker.send_bytes(b"!")

    def _manage(self) -> None:
        """The life of the pool, in a thread of its own."""
        try:
            while len(self._crew) < self._size and not self._stopped:
                self._hire()
            while not self._stopped and not (self._closing and self._idle()):
                self._hand_out()
                self._listen()
        except (OSError, EOFError):  # the fork server is gone, or no process can be had
            self._broken = True
        finally:
            self._dismiss()

    def _idle(self) -> bool:
        return not self._waiting and not any(one.calls for one in self._crew)

    def _hire(self, prepared: bool = False) -> None:
        ours, its = channel()
        process = process_context().Process(target=_serve, args=(its, self._locks), daemon=True)
        with its, bare_main():
            process.start()
        with self._guard:
            self._crew.append(_Worker(process, ours, prepared))
            if self._stopped:
                process.kill()

    def _hand_out(self) -> None:
        """Give each worker a call, and one more to go on with at once."""
        for one in self._crew:
            if self._first is not None and one.ready and not one.prepared and not one.calls:
                one.prepared = True
                self._give(one, dataclasses.replace(self._first, future=Future()))
        for depth in range(1, _AHEAD + 1):
            for one in self._crew:
                while self._waiting and one.ready and len(one.calls) < depth:
                    if one.calls and _missing(one, self._waiting[0]):
                        break  # what is large must find it listening: see `channel`
                    self._give(one, self._waiting.popleft())

    def _give(self, one: _Worker, call: _Call) -> None:
        if not call.future.set_running_or_notify_cancel():
            return
        try:
            for value in _missing(one, call):
                one.channel.send(value)
                one.has.add(value.name)
            args = [each.bare() if isinstance(each, Kept) else each for each in call.args]
            one.channel.send((call.function, args, call.kwargs))
        except (OSError, EOFError):  # it has died: its end of the pipe will say so
            one.calls.append(call)
        except Exception as error:  # cannot be pickled
            call.future.set_exception(error)
        else:
            one.calls.append(call)

    def _listen(self) -> None:
        """Wait for answers, for the end of a worker, or for something new to do."""
        said = wait([self._wake, *(one.channel.incoming for one in self._crew)])
        if self._wake in said:
            self._wake.recv_bytes()
        for one in [one for one in self._crew if one.channel.incoming in said]:
            try:
                answer = one.channel.receive()
            except (EOFError, OSError):
                self._lose(one)
            else:
                self._take(one, answer)

    def _take(self, one: _Worker, answer: tuple[bool, Any] | None) -> None:
        if answer is None:
            one.ready = True
            self.began = self.began or time.perf_counter()
            return
        succeeded, value = answer
        future = one.calls.popleft().future
        if succeeded:
            future.set_result(value)
        else:
            future.set_exception(value)

    def _lose(self, one: _Worker) -> None:
        """A worker has died: another comes, unless it died before it could do anything."""
        self._crew.remove(one)
        one.process.join()
        one.channel.close()
        for call in one.calls:
            call.future.set_exception(BrokenProcessPool("the worker that had it died"))
        if self._stopped:
            return
        if one.ready:
            self._hire(prepared=True)
        elif not self._crew:
            raise EOFError("no worker is left")

    def _dismiss(self) -> None:
        """End what is left; nobody waits for an answer that never comes."""
        for one in self._crew:
            if self._stopped or self._broken:
                one.process.kill()
            with contextlib.suppress(OSError):
                one.channel.send(None)
        for one in self._crew:
            one.process.join()
            one.channel.close()
        with self._guard:
            self._broken = True
            left = [*self._waiting, *(call for one in self._crew for call in one.calls)]
            self._waiting.clear()
        for call in left:
            if not call.future.done():
                with contextlib.suppress(InvalidStateError):
                    call.future.set_exception(BrokenProcessPool("the workers have ended"))


def _serve(channel: Channel, locks: tuple[Path, ...]) -> None:
    """A worker's whole life: say that it is ready, and answer calls."""
    _begin(locks)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        channel.send(None)
        while (call := channel.receive()) is not None:
            if isinstance(call, Kept):
                take(call)
                continue
            function, args, kwargs = call
            answer: tuple[bool, Any]
            try:
                answer = (True, function(*args, **kwargs))
            except Exception as error:
                error.add_note(f"In the worker process:\n{traceback.format_exc()}")
                answer = (False, error)
            channel.send(answer)
            del call, answer


def _missing(one: _Worker, call: _Call) -> list[Kept]:
    """The values in the arguments of a call that a worker must be handed before."""
    return [each for each in call.args if isinstance(each, Kept) and each.name not in one.has]


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
