"""Two users of one machine: ``python -m pytest tests/neighbour``.

The victim runs the installed command; the neighbour may do what the system lets another user do.
As root both are real users of their own; else the victim is whoever runs the tests, and what
needs a second user is skipped.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = os.name == "posix" and os.geteuid() == 0
COMMAND = Path(sys.executable).with_name("augtool")
_VICTIM, _NEIGHBOUR = 61_001, 61_002


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The plain suite leaves these out; they run when they are asked for by their path."""
    del collection_path
    return True if config.args_source is pytest.Config.ArgsSource.TESTPATHS else None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where everything was skipped, nothing was tested: that is no success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and exitstatus == 0 and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: bytes
    err: str


@dataclass
class User:
    """A user of the machine, with a home and a folder for temporary files of their own."""

    uid: int
    home: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        """What this user's shell would hand on, and ``more``."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
        own = {"HOME": str(self.home), "TMPDIR": str(self.home / "tmp"), "USER": f"u{self.uid}"}
        return {**kept, **own, **more}

    def start(
        self,
        *arguments: object,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        command: tuple[str, ...] = (str(COMMAND),),
        umask: int = 0o022,
        **given: Any,
    ) -> subprocess.Popen[bytes]:
        """Start the installed command, or another, as this user."""
        streams: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        run = subprocess.Popen(
            [*_as_user(self.uid), *command, *map(str, arguments)],
            cwd=cwd or self.home,
            env=self.environment(**(env or {})),
            start_new_session=True,
            umask=umask,
            **{**streams, **given},
        )
        self.started.append(run)
        return run

    def augtool(self, *arguments: object, timeout: float = 120, **given: Any) -> Ended:
        """Run the installed command as this user, to its end."""
        run = self.start(*arguments, **given)
        out, err = run.communicate(timeout=timeout)
        return Ended(run.returncode, out or b"", (err or b"").decode())

    def python(self, program: str, *arguments: object, **given: Any) -> Ended:
        """Run a Python program as this user."""
        return self.augtool("-c", program, *arguments, command=(sys.executable,), **given)

    def act(self, do: Callable[[], object]) -> None:
        """Call a function as this user, in a process of its own; what it raises fails the test."""
        if self.uid == os.geteuid():
            do()
            return
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.setgroups([])
                os.setresgid(self.uid, self.uid, self.uid)
                os.setresuid(self.uid, self.uid, self.uid)
                do()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def owns(self, path: Path, mode: int | None = None) -> Path:
        """Give a file, or a folder and all in it, to this user."""
        if ROOT:
            for each in (path, *(path.rglob("*") if path.is_dir() else ())):
                os.chown(each, self.uid, self.uid, follow_symlinks=False)
        if mode is not None:
            path.chmod(mode)
        return path

    def close(self) -> None:
        """End what this user has started."""
        for run in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
            run.communicate()


def _as_user(uid: int) -> tuple[str, ...]:
    """What goes before a command to run it as a user, who may find the interpreter in a folder
    that only root may enter: then it is seen through a mount of the command's own."""
    if not ROOT:
        return ()
    change = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
    closed = _closed_folders()
    if not closed:
        return change
    moves = "\n".join(
        f"m=$(mktemp -d); mount --bind {shlex.quote(inside)} $m; "
        f"mount -t tmpfs -o mode=755 none {shlex.quote(outside)}; "
        f"mkdir -p {shlex.quote(inside)}; mount --move $m {shlex.quote(inside)}; rmdir $m"
        for outside, inside in closed
    )
    return ("unshare", "-m", "sh", "-ec", f'{moves}\nexec {shlex.join(change)} "$@"', "sh")


def _closed_folders() -> list[tuple[str, str]]:
    """Folders that others must not enter, each with the one below it that they need."""
    needed = {Path(sys.base_prefix), Path(sys.prefix), HERE.parents[1]}
    closed = dict[str, str]()
    for path in sorted(map(Path.resolve, needed)):
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                closed.setdefault(str(folder), str(path))
                break
    return list(closed.items())


@pytest.fixture(scope="session")
def _place() -> Iterator[Path]:
    """A folder that all users may enter: pytest's own is for its user alone."""
    with tempfile.TemporaryDirectory(prefix="augtool-neighbour-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def place(_place: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of this test's, with homes in it and ``shared``, where everybody may write."""
    here = Path(tempfile.mkdtemp(prefix=f"{request.node.name[:20].strip('[]')}-", dir=_place))
    here.chmod(0o755)
    (here / "shared").mkdir()
    (here / "shared").chmod(0o1777)
    yield here
    shutil.rmtree(here, ignore_errors=True)


@pytest.fixture
def shared(place: Path) -> Path:
    """A folder like /tmp: everybody may make files in it, and remove their own."""
    return place / "shared"


def _user(place: Path, name: str, uid: int) -> Iterator[User]:
    home = place / name
    (home / "tmp").mkdir(parents=True)
    user = User(uid, home)
    user.owns(home, 0o755)
    yield user
    user.close()


@pytest.fixture
def plain_victim(place: Path) -> Iterator[User]:
    """Who runs augtool, for the first time."""
    yield from _user(place, "victim", _VICTIM if ROOT else os.geteuid())


@pytest.fixture
def victim(plain_victim: User, _place: Path) -> User:
    """Who runs augtool. Kernels are compiled once for all tests, though each has a home of its
    own."""
    cache, environment = _place / f"cache-{plain_victim.uid}", plain_victim.environment
    if not cache.exists():
        cache.mkdir()
        plain_victim.owns(cache, 0o700)

    def with_cache(**more: str) -> dict[str, str]:
        return environment(**{"XDG_CACHE_HOME": str(cache), **more})

    plain_victim.environment = with_cache  # type: ignore[method-assign]
    return plain_victim


@pytest.fixture
def neighbour(place: Path) -> Iterator[User]:
    """Another user, who is hostile. Skips the test where the system allows only one."""
    if not ROOT:
        pytest.skip("needs a second user: run as root")
    yield from _user(place, "neighbour", _NEIGHBOUR)
