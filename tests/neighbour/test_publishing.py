"""A finished output takes no name that is taken, and keeps the mode of an older one."""

from __future__ import annotations

import stat

import pytest

RUN = ("cutmix", "--in", "sample:?n=40&size=16", "-q")
# Runs the command; when a file or folder of the work folder is flushed, `comes` is called once.
LATE = """
import os, sys
from pathlib import Path
flush, target = os.fsync, Path(sys.argv[1])

def fsync(handle):
    flush(handle)
    if not os.path.lexists(target):
        {comes}

os.fsync = fsync
{before}
from augtool_cli.main import main
main(sys.argv[2:])
"""
LACKING = {
    "all calls": "",
    "no renameat2": "from augtool.system import publishing; publishing._renameat2 = lambda: None",
    "no renameat2 and no links": (
        "import errno\n"
        "from augtool.system import publishing; publishing._renameat2 = lambda: None\n"
        "def link(*_): raise PermissionError(errno.EPERM, 'no links')\n"
        "os.link = link"
    ),
}


def late(comes: str, before: str = "") -> str:
    return LATE.format(comes=comes, before=before)


@pytest.mark.parametrize("lacking", LACKING)
def test_a_file_that_comes_at_the_last_moment_stays(victim, lacking: str) -> None:
    output = victim.home / "m.h5"
    program = late("target.write_text('mine')", LACKING[lacking])
    ended = victim.python(program, output, *RUN, "--out", "m.h5")
    assert ended.code == 2, ended.err
    assert ended.err == (
        "augtool: m.h5: exists already: it came while this run worked; move it elsewhere, "
        "or use --overwrite; 40 of 40 rows are kept: go on with --resume\n"
    )
    assert output.read_text() == "mine"
    output.rename(victim.home / "elsewhere")
    resumed = victim.augtool("cutmix", "--in", "sample:?n=40&size=16", "--out", "m.h5", "--resume")
    assert resumed.code == 0, resumed.err
    assert "40 rows of an earlier run" in resumed.err
    assert victim.augtool("verify", "m.h5").code == 0
    left = {one.name for one in victim.home.iterdir()} - {".cache", "tmp"}
    assert left == {"elsewhere", "m.h5"}


@pytest.mark.parametrize("lacking", LACKING)
def test_an_output_is_made_without_the_calls(victim, lacking: str) -> None:
    program = late("pass", LACKING[lacking])
    for arguments in (("--out", "m.h5"), ("--out", "d", "--format", "hdf5")):
        for overwrite in ((), ("--overwrite",)):
            ended = victim.python(program, "none", *RUN, *arguments, *overwrite)
            assert ended.code == 0, ended.err


def test_a_file_system_that_cannot_is_named(victim) -> None:
    program = late("pass", LACKING["no renameat2 and no links"])
    ended = victim.python(program, "none", *RUN[:-1], "--verbose", "--out", "m.h5")
    assert ended.code == 0
    assert "this file system cannot rename without replacing" in ended.err
    (victim.home / "m.h5").unlink()
    ended = victim.python(program, "none", *RUN[:-1], "--out", "m.h5")
    assert "without replacing" not in ended.err


@pytest.mark.parametrize(
    "comes",
    [
        "target.mkdir(); (target / 'mine').write_text('mine')",
        "target.write_text('mine')",
        "target.symlink_to('nowhere')",
    ],
    ids=["folder", "file", "link"],
)
def test_a_folder_output_replaces_nothing_that_comes(victim, comes: str) -> None:
    run = (*RUN, "--out", "made", "--format", "hdf5", "--shards", "2")
    ended = victim.python(late(comes), victim.home / "made", *run)
    assert ended.code == 2, ended.err
    assert "40 of 40 rows are kept: go on with --resume" in ended.err
    made = victim.home / "made"
    if made.is_dir():
        assert [(one.name, one.read_text()) for one in made.iterdir()] == [("mine", "mine")]
        (made / "mine").unlink()
    else:
        assert made.is_symlink() or made.read_text() == "mine"
        made.unlink()
    assert victim.augtool(*run, "--resume").code == 0
    assert victim.augtool("verify", "made").code == 0


def test_a_users_file_that_comes_into_an_old_output_stays(victim) -> None:
    run = (*RUN, "--out", "made", "--format", "hdf5")
    assert victim.augtool(*run).code == 0
    notes = victim.home / "made" / "notes.txt"
    ended = victim.python(late("target.write_text('mine')"), notes, *run, "--overwrite")
    assert ended.code == 2, ended.err
    assert "holds what augtool has not made (notes.txt)" in ended.err
    assert notes.read_text() == "mine"
    assert (victim.home / "made" / ".augtool" / "manifest.json").is_file()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_what_is_overwritten_keeps_its_mode(victim, mode: int) -> None:
    run = (*RUN, "--out", "m.h5")
    assert victim.augtool(*run, umask=0o027).code == 0
    output = victim.home / "m.h5"
    assert stat.S_IMODE(output.stat().st_mode) == 0o640
    output.chmod(mode)
    assert victim.augtool(*run, "--overwrite").code == 0
    assert stat.S_IMODE(output.stat().st_mode) == mode


def test_a_folder_that_is_overwritten_keeps_its_modes(victim) -> None:
    run = (*RUN, "--out", "made", "--format", "hdf5", "--shards", "2")
    assert victim.augtool(*run).code == 0
    made = victim.home / "made"
    made.chmod(0o700)
    for file in made.glob("*.h5"):
        file.chmod(0o600)
    assert victim.augtool(*run, "--overwrite").code == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in made.glob("*.h5")} == {0o600}


def test_a_link_to_a_file_is_replaced_and_what_it_leads_to_stays(victim) -> None:
    def link() -> None:
        (victim.home / "goal").write_text("mine")
        (victim.home / "m.h5").symlink_to("goal")

    victim.act(link)
    assert victim.augtool(*RUN, "--out", "m.h5").code == 2
    assert victim.augtool(*RUN, "--out", "m.h5", "--overwrite").code == 0
    assert (victim.home / "goal").read_text() == "mine"
    assert not (victim.home / "m.h5").is_symlink()


STOPPED = """
import os, signal, sys
from augtool.preview import preview as look

def stop(*_args):
    signal.raise_signal(signal.SIGINT)

look.preview_of = stop
from augtool_cli.main import main
main(sys.argv[1:])
"""


def test_ctrl_c_during_a_preview_says_that_the_output_is_there(victim) -> None:
    ended = victim.python(STOPPED, *RUN, "--out", "m.h5", "--preview", "p.png")
    assert ended.code == 130
    assert ended.err == (
        "augtool: stopped by SIGINT (Ctrl-C); m.h5 is complete, and has no new --preview\n"
    )
    assert victim.augtool("verify", "m.h5").code == 0


GONE = """
import shutil, signal, sys
from augtool.pipeline import build as product

class Gone(product.Journal):
    def add(self, done):
        super().add(done)
        shutil.rmtree(self._folder if hasattr(self, "_folder") else ".m.h5.augtool")
        signal.raise_signal(signal.SIGINT)

from augtool.pipeline import workdir as books
books.Journal = Gone
from augtool_cli.main import main
main(sys.argv[1:])
"""


def test_nothing_is_said_to_be_kept_where_the_work_folder_is_gone(victim) -> None:
    ended = victim.python(GONE, *RUN, "--out", "m.h5")
    assert ended.code == 130
    assert ended.err == "augtool: stopped by SIGINT (Ctrl-C); nothing was left behind\n"
    assert not (victim.home / "m.h5").exists()
