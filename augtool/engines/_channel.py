"""What joins two processes: objects go one way and the other, and large bytes beside them.

A pickle has the bytes that workers have encoded within it, so that they are copied four times on
their way. Here they follow it as they are, through a pipe that holds more than others, and arrive
in one buffer.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

_PIPE_BYTES = 256 << 10  # a user has a share of 64 MiB in all
_AT_ONCE = 512  # buffers that one call writes; systems take 1,024
_BY_SYSTEM_CALLS = hasattr(os, "writev")  # where a pipe is a descriptor of the system's


@dataclass(frozen=True)
class Channel:
    """One end. It can be sent to a process that is being started."""

    incoming: Connection
    outgoing: Connection

    def send(self, value: Any) -> None:
        """Send an object; what it hands to pickle as a `pickle.PickleBuffer` is not copied before.
        Raises `OSError` when the other end is gone."""
        buffers: list[pickle.PickleBuffer] = []
        text = pickle.dumps(value, 5, buffer_callback=buffers.append)
        parts = [buffer.raw() for buffer in buffers]
        self.outgoing.send_bytes(pickle.dumps([len(part) for part in parts]))
        self.outgoing.send_bytes(text)
        if _BY_SYSTEM_CALLS:
            _write_all(self.outgoing.fileno(), parts)
        else:
            for part in filter(len, parts):
                self.outgoing.send_bytes(part)

    def receive(self) -> Any:
        """The next object that was sent. Raises `EOFError` or `OSError` when the other end is
        gone."""
        sizes = pickle.loads(self.incoming.recv_bytes())
        text = self.incoming.recv_bytes()
        borders = [0, *itertools.accumulate(sizes)]
        memory = memoryview(bytearray(borders[-1]))
        parts = [memory[start:stop] for start, stop in itertools.pairwise(borders)]
        if _BY_SYSTEM_CALLS:
            _read_all(self.incoming.fileno(), memory)
        else:
            for part in filter(len, parts):
                self.incoming.recv_bytes_into(part)
        return pickle.loads(text, buffers=parts)

    def close(self) -> None:
        """Let go of both pipes."""
        self.incoming.close()
        self.outgoing.close()

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def channel() -> tuple[Channel, Channel]:
    """The two ends of a new one.

    A call that is sent while the other end still sends its answer must fit into the pipe, or both
    wait for ever: calls are small.
    """
    (here_in, there_out), (there_in, here_out) = (
        multiprocessing.Pipe(duplex=False) for _ in range(2)
    )
    for writing in (here_out, there_out):
        _widen(writing)
    return Channel(here_in, here_out), Channel(there_in, there_out)


def _widen(pipe: Connection) -> None:
    """Have a pipe hold more, where the system can and the user may."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _write_all(handle: int, parts: Sequence[memoryview]) -> None:
    left = [part for part in parts if len(part)]
    while left:
        written = os.writev(handle, left[:_AT_ONCE])
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def _read_all(handle: int, memory: memoryview) -> None:
    while memory:
        read = os.readv(handle, [memory])
        if read == 0:
            raise EOFError
        memory = memory[read:]
