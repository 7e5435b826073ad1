"""What the fork server does before it answers: it imports what its workers need.

It is imported there alone, and told what to load by `augtool.system.child.start_server`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import shutil
from pathlib import Path

from augtool import kernels, methods
from augtool.codecs import decode
from augtool.errors import UsageError
from augtool.system import child


def prepare(asked: str) -> None:
    """Load kernels, those named or those of a method, and say that it is done."""
    names, method, said = json.loads(asked)
    atexit.register(_remove, Path(said).parent, (os.getpid(), os.getppid()))
    with contextlib.suppress(UsageError):  # a broken plug-in: the parent says so
        kernels.load(names if method is None else methods.load(method).KERNELS)
    with contextlib.suppress(OSError):  # the parent, which reads, has ended meanwhile
        pipe = os.open(said, os.O_WRONLY | os.O_NONBLOCK)
        os.write(pipe, b"!")
        os.close(pipe)


def _remove(folder: Path, server_and_parent: tuple[int, int]) -> None:
    """Remove the folder of the server's socket when the server ends because its parent was killed:
    else the parent does."""
    server, parent = server_and_parent
    if os.getpid() == server and os.getppid() != parent:
        shutil.rmtree(folder, ignore_errors=True)


# What nearly every worker needs for its first task: imported there, each would do it once more,
# and while its task waits. NumPy imports its masked arrays when it first looks for what is unique.
_NEEDED = (
    "augtool.pipeline.worker",
    "augtool.kernels.crc",
    "augtool.sinks._positional_writer",
    "augtool.sources.hdf5",
    "augtool.sources.folder",
    "numpy.ma",
)

# All that is here stays: a worker whose garbage collector looked through it would make the memory
# that it shares its own. Nor is there garbage while modules are imported.
gc.disable()
with contextlib.suppress(Exception):  # as without memory: who needs it says so, in one line
    for _name in _NEEDED:
        importlib.import_module(_name)
    decode.load_decoder()
    if child.ASKED in os.environ:  # not when a server that was killed is started again
        prepare(os.environ.pop(child.ASKED))
gc.freeze()
gc.enable()
