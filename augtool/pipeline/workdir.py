"""The books of a run: a dot-directory beside the output that holds all that is unfinished.

``.mixed.h5.augtool/`` beside ``mixed.h5`` has the lock, the listing, the job for the workers and
the output under construction. The only step that gives the output its name is `Books.publish`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augtool.errors import KEPT, NO_ROOM, InputChanged, OutputError, OutputExists, UsageError
from augtool.pipeline.journal import Journal, Past, differences, past_of
from augtool.system import handover, inventory, mounts, private, publishing
from augtool.system.fsync import flush, flush_all
from augtool.system.handover import Kept
from augtool.system.inventory import MANIFEST
from augtool.system.locks import WORKERS, locked
from augtool.system.private import LOCK, MARK, Folder
from augtool.system.scratch import temporary
from augtool.system.signals import SignalsWait

REPLACED = "replaced"  # the folder that stood where the output goes, in the books
JOURNAL, UNFINISHED, _PIECES = "journal", "output", "pieces-"
_OF_THE_PAST = (JOURNAL, UNFINISHED, _PIECES, REPLACED)  # what a run goes on with
_THERE = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)
_UNMOVABLE = (errno.EXDEV, errno.EBUSY)
_MOVED = "replaced-files"  # the files of one that cannot be renamed
_IN_A_MOUNT = ".work.augtool"  # the books, where a file system is mounted at the output


@dataclass
class Books:
    """An open dot-directory, locked for this run.

    folder
        The dot-directory, as all processes of this run reach it.
    work
        The same by its descriptor; None for a folder of the system's for temporary things.
    past
        What an earlier run has left to go on with; None once it is decided that nothing is.
    journal
        Which tasks this run has finished, from the moment the output is laid out.
    useless
        No run can go on with what this one has finished.
    damaged
        What an earlier run has left is not what it wrote: nothing is told of going on with it.
    named_before
        An earlier run has given the output its name, and its books are gone.
    """

    folder: Path
    output: Path
    work: Folder | None = None
    past: Past | None = None
    journal: Journal | None = None
    published: bool = False
    useless: bool = False
    damaged: bool = False
    named_before: bool = False
    _name: str = field(default_factory=lambda: f"{WORKERS}{secrets.token_hex(4)}", repr=False)

    @property
    def scratch(self) -> Path:
        """For what the source keeps while it is in use."""
        return self.folder / "source"

    @property
    def unfinished(self) -> Path:
        """The output while it is being made."""
        return self.folder / UNFINISHED

    @property
    def locks(self) -> Path:
        """The file that all workers of this run hold a lock on; none can once it is gone."""
        return self.folder / self._name

    def settle(self, job: Mapping[str, Any] | None, *, resume: bool, overwrite: bool) -> None:
        """Decide what becomes of an earlier run's work: it stays in ``past`` when this ``job``
        goes on with it, or is cleared away.

        Raises `OutputExists` when it must stay, and this run must not go on with it.
        """
        if self.past is None or (overwrite and not resume):
            self._start_afresh()
            return
        rows = f"{self.past.rows:,} of {self.past.job['rows']:,} rows"
        done = f"{self.output}: a run that was stopped has made {rows}"
        if job is None or (differ := differences(self.past.job, {**job, "boot": ""})):
            how = f" ({'; '.join(differ)})" if job is not None else ""
            raise OutputExists(
                f"{done}, and was another job{how}; "
                "give its options and --resume, or start afresh with --overwrite"
            )
        if not resume:
            raise OutputExists(f"{done}; go on with --resume, or start afresh with --overwrite")

    def begin(self, job: Mapping[str, Any]) -> Journal:
        """Open the journal: a new one, or the past's."""
        self.journal = Journal(self.folder / JOURNAL, job["rows"])
        if self.past is None:
            self.journal.begin(job)
        else:
            self.journal.go_on(self.past)
        return self.journal

    def forget_past(self) -> None:
        """Go on with nothing that an earlier run has left."""
        self._start_afresh()

    def _start_afresh(self) -> None:
        self.past = None
        keep = (LOCK, MARK, self._name, self.scratch.name, handover.PREFIX)
        _clear(self.work or private.plain(self.folder), keep)

    def keep(self, value: Any) -> Kept:
        """What the workers need to know, to be handed to them; see `handover`."""
        return handover.keep(value, self.folder)

    def has_its_name(self) -> bool:
        """Whether an earlier run that we go on with has given the output its name."""
        if self.named_before:
            return True
        complete = self.past is not None and self.past.complete
        return complete and not os.path.lexists(self.unfinished)

    def withdraw(self) -> None:
        """Take the name back from an output that was published where nothing had been."""
        if self.folder.parent == self.output:  # its files were moved, one by one
            self.unfinished.mkdir(exist_ok=True)
            (self.folder / _MOVED).mkdir(exist_ok=True)
            publishing.take_back(self.output, self.unfinished, self.folder / _MOVED)
        else:
            self.output.replace(self.unfinished)
        self.published = False

    def publish(self, overwrite: bool = False) -> None:
        """Give the finished output its name: flush, rename, flush the folder.

        Raises `OutputExists` when, without ``overwrite``, a file of that name has come meanwhile.
        """
        if self.has_its_name():
            self.published = True
            return
        check_free(self.output, overwrite)
        if self.work is not None and not self.work.in_place():
            raise OutputError(
                f"{self.work.path}: was moved or exchanged while the run worked in it; run it again"
            )
        try:
            flush_all(self.unfinished)
            with SignalsWait():
                publishing.keep_modes(self.unfinished, self.output)
                self._put(overwrite)
                self.published = True
        except OSError as error:
            if error.errno in _THERE:
                also = "" if overwrite else ", or use --overwrite"
                raise OutputExists(
                    f"{self.output}: exists already: it came while this run worked; "
                    f"move it elsewhere{also}"
                ) from error
            raise OutputError(f"{self.output}: {error.strerror}; choose another --out") from error
        try:
            if os.name == "posix":
                flush(self.output.parent)
        except OSError as error:
            raise OutputError(
                f"{self.output}: is complete, but the disk does not confirm its name "
                f"({error.strerror}); check the disk, then augtool verify {self.output}"
            ) from error

    def _put(self, overwrite: bool) -> None:
        """Rename the output, or move its files where a folder cannot be renamed."""
        if not self.unfinished.is_dir():
            if overwrite:
                self.unfinished.replace(self.output)
            else:
                publishing.put(self.unfinished, self.output)
            return
        if self.folder.parent != self.output:
            away = _moved_away(self.output, self.folder / REPLACED)
            try:
                with away if overwrite or os.name == "nt" else contextlib.nullcontext():
                    self.unfinished.rename(self.output)  # replaces nothing but an empty folder
                return
            except OSError as error:
                if error.errno not in _UNMOVABLE:
                    raise
        publishing.move_in(self.unfinished, self.output, self.folder / _MOVED, overwrite=overwrite)


def publish_all(several: Sequence[Books], overwrite: bool = False) -> None:
    """Give all finished outputs their names, or none of them, as far as that can be: what replaced
    an older output stays. Raises as `Books.publish`."""
    for one in several:
        if not one.has_its_name():
            check_free(one.output, overwrite)
    with contextlib.ExitStack() as taken_back:
        for one in several:
            named_before = one.has_its_name()
            one.publish(overwrite)
            if not overwrite and not named_before:
                taken_back.callback(one.withdraw)
        taken_back.pop_all()


@contextlib.contextmanager
def _moved_away(output: Path, aside: Path) -> Iterator[None]:
    """A folder that stands where an output goes is out of the way, and back when that fails or
    somebody has put a file of their own into it; else it goes with the books."""
    if not output.is_dir() or output.is_symlink():
        yield
        return
    output.replace(aside)
    try:
        inventory.check_only_ours(aside)
        yield
    except BaseException:
        aside.replace(output)
        raise


def size_of(path: Path) -> int:
    """The bytes in a file, or in all files of a folder."""
    if not path.is_dir():
        return path.stat().st_size
    with os.scandir(path) as found:
        return sum(
            size_of(path / one.name) if one.is_dir() else one.stat().st_size for one in found
        )


def check_place(output: Path, *, folder: bool = False) -> None:
    """Raise `UsageError` when ``output`` is in no folder; when it is a file where a ``folder`` is
    meant, or the other way round; when it is a link to a folder, or a file that is a mount; and
    when it is a folder that augtool has not made."""
    if output.is_dir() and not folder:
        raise UsageError(f"{output}: is a folder; give a file name such as {output / 'mixed.h5'}")
    if folder and output.is_symlink():
        goal = os.path.realpath(output)
        raise UsageError(f"{output}: is a link; give the folder that it leads to, --out {goal}")
    if folder and output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file, where a folder is to be; choose another --out")
    if not folder and mounts.is_mount(output):
        raise UsageError(
            f"{output}: is a mount, which nothing can replace; choose a name in a folder"
        )
    if folder and output.is_dir() and not (output / MANIFEST).is_file() and not _is_free(output):
        raise UsageError(
            f"{output}: is a folder that augtool has not made; choose another --out, or remove it"
        )
    _check_folder(output)


def _is_free(output: Path) -> bool:
    """Whether there is nothing in a folder, or only what a run has begun to move into it."""
    work = books_of(output)
    if (work / _MOVED).is_dir():
        return True  # the run that opens these books moves all back first
    return next(inventory.strangers(output, work.name), None) is None


def check_free(output: Path, overwrite: bool) -> None:
    """Raise `OutputExists` when ``output`` exists and must not be overwritten, or when there is
    something in it that augtool has not made."""
    if output.is_symlink() or not output.is_dir():
        if not overwrite and os.path.lexists(output):
            raise OutputExists(f"{output}: exists already; use --overwrite or choose another --out")
        return
    work = books_of(output)
    if (work / _MOVED).is_dir():
        return
    if overwrite:
        inventory.check_only_ours(output, work.name)
    elif os.path.lexists(output / MANIFEST) or not _is_free(output):
        raise OutputExists(f"{output}: exists already; use --overwrite or choose another --out")


def books_of(output: Path) -> Path:
    """Where the books of an output are: beside it, or inside a folder that is a mount, which cannot
    be renamed, nor what is in it leave it."""
    if output.is_dir() and mounts.is_mount(output):
        return output / _IN_A_MOUNT
    return output.parent / f".{output.name}.augtool"


def _put_back(folder: Path, output: Path) -> None:
    """Undo what a run has begun that was killed while it gave the output its name."""
    unfinished = folder / "output"
    if (folder / REPLACED).exists() and not os.path.lexists(output):
        (folder / REPLACED).replace(output)
    if (folder / _MOVED).is_dir() and output.is_dir():
        publishing.move_back(unfinished, output, folder / _MOVED)
    if unfinished.is_file() and output.is_file() and unfinished.samefile(output):
        unfinished.unlink()  # it had two names


@contextlib.contextmanager
def open_books(output: Path) -> Iterator[Books]:
    """Open the books of a run that makes ``output``. Afterwards they are gone, save when the run
    failed and has finished tasks, or did not decide on those of an earlier one.

    No signal comes between making the folder and having its removal certain, nor while it is
    removed. Raises `UsageError` when the folder of the output is missing, `OutputError` when it
    cannot be written, `OutputExists` when another run is at it.
    """
    path = books_of(output)
    _check_folder(output)
    with SignalsWait() as signals, locked(path, output) as work:
        folder = work.inside
        books = Books(folder, output, work)
        try:
            _put_back(folder, output)
            books.past = past_of(folder / JOURNAL)
            kept_back = _OF_THE_PAST if books.past is not None else ()
            _clear(work, (LOCK, MARK, *kept_back))
            books.scratch.mkdir(mode=0o700)
            books.locks.touch(mode=0o600)
            with signals.heeded():
                yield books
        except BaseException as error:
            _say_what_is_kept(books, error)
            _name_by_path(work, error)
            if isinstance(error, OSError) and error.errno in NO_ROOM:  # what a run writes is here
                raise _no_room(output, error) from error
            raise
        finally:
            _leave(books, work)


def _name_by_path(work: Folder, error: BaseException) -> None:
    """Have an error of the system name a file by a path that users know."""
    if isinstance(error, OSError) and isinstance(error.filename, str):
        inside = f"{work.inside}/"
        if error.filename.startswith(inside):
            error.filename = str(work.path / error.filename.removeprefix(inside))


def _no_room(output: Path, error: OSError) -> OutputError:
    """What to say of a full disk; what is kept is told on."""
    told = OutputError(f"{output}: {error.strerror}; free some space or choose another --out")
    for note in getattr(error, "__notes__", ()):
        told.add_note(note)
    return told


def _say_what_is_kept(books: Books, error: BaseException) -> None:
    """Note on an error what the next run can go on with."""
    books.useless = books.journal is not None and isinstance(error, InputChanged)
    if books.published:
        error.add_note(f"{KEPT}{books.output} is complete")
    elif (
        books.journal is not None
        and _is_kept(books)
        and not books.damaged
        and (books.folder / JOURNAL).is_file()
    ):
        rows = f"{books.journal.rows:,} of {books.journal.total:,} rows"
        error.add_note(f"{KEPT}{rows} are kept: go on with --resume")


def _is_kept(books: Books) -> bool:
    if books.published or books.useless:
        return False
    return books.past is not None or (books.journal is not None and books.journal.tasks > 0)


def _leave(books: Books, work: Folder) -> None:
    """Close the journal, and remove what no later run can use."""
    if books.journal is not None:
        books.journal.close()
    if _is_kept(books):
        with contextlib.suppress(OSError):
            _clear(work, (LOCK, MARK, *_OF_THE_PAST))
    else:
        _remove(work)


@contextlib.contextmanager
def open_notes() -> Iterator[Books]:
    """Books for a run that writes to stdout: a folder of the system's for temporary things."""
    with temporary() as folder:
        books = Books(folder, Path("-"))
        books.scratch.mkdir(mode=0o700)
        books.locks.touch(mode=0o600)
        yield books


def _check_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent}: no such folder; create it or change --out")


def _clear(work: Folder, keep: tuple[str, ...]) -> None:
    """Remove all that is in the books, save what is, or begins as, one of ``keep``."""
    for name in work.names():
        if not name.startswith(keep):
            work.remove(name)


def _remove(work: Folder) -> None:
    """Remove the books."""
    private.discard(work)
