"""Reports, pictures and plans are written where nobody can lead them elsewhere, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

RUN = ("cutmix", "--in", "sample:?n=40&size=16", "-q", "--out", "m.h5")
WRITERS = {
    "--errors": ("e.jsonl", (*RUN, "--errors", "e.jsonl")),
    "--preview": ("p.png", (*RUN, "--preview", "p.png")),
    "preview": ("p.png", ("preview", "sample:?n=40&size=16", "--out", "p.png")),
    "figure": ("g.png", ("figure", "--in", "sample:?n=40&size=16", "--out", "g.png")),
    "plan": ("p.csv", ("plan", "cutmix", "--in", "sample:?n=40&size=16", "--out", "p.csv")),
}
# The command, ended by SIGKILL when its report, picture or plan is whole and has no name yet.
KILLED = """
import os, signal, sys
from augtool.system import publishing
publishing.put = lambda source, target: os.kill(os.getpid(), signal.SIGKILL)
from augtool_cli.main import main
main(sys.argv[1:])
"""


def parts(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if one.name.startswith(".augtool-part-")]


@pytest.mark.parametrize("writer", WRITERS)
def test_a_link_under_the_old_temporary_name_is_not_followed(victim, writer: str) -> None:
    name, arguments = WRITERS[writer]

    def link() -> None:
        (victim.home / "goal").write_text("mine")
        (victim.home / f".{name}.part").symlink_to("goal")

    victim.act(link)
    ended = victim.augtool(*arguments)
    assert ended.code == 0, ended.err
    assert (victim.home / "goal").read_text() == "mine"
    assert (victim.home / f".{name}.part").is_symlink()
    assert not parts(victim.home)


@pytest.mark.parametrize("writer", ["preview", "plan"])
def test_a_link_that_is_replaced_leads_to_what_it_was(victim, writer: str) -> None:
    name, arguments = WRITERS[writer]

    def link() -> None:
        (victim.home / "goal").write_text("mine")
        (victim.home / name).symlink_to("goal")

    victim.act(link)
    ended = victim.augtool(*arguments)
    assert ended.code == 2
    assert "exists already" in ended.err
    assert victim.augtool(*arguments, "--overwrite").code == 0
    assert (victim.home / "goal").read_text() == "mine"
    assert not (victim.home / name).is_symlink()


@pytest.mark.parametrize("writer", ["preview", "plan"])
def test_it_is_private_until_it_is_whole_and_what_a_killed_run_left_is_swept(
    victim, writer: str
) -> None:
    name, arguments = WRITERS[writer]
    assert victim.python(KILLED, *arguments).code == -9
    (part,) = parts(victim.home)
    part.chmod(0o600)
    assert not (victim.home / name).exists()

    def add() -> None:
        (victim.home / ".augtool-part-0123456789abcdef").mkdir()  # no regular file
        (victim.home / ".augtool-part-notes").write_text("mine")  # another name

    victim.act(add)
    assert victim.augtool(*arguments, umask=0o027).code == 0
    assert stat.S_IMODE((victim.home / name).stat().st_mode) == 0o640
    left = {one.name for one in parts(victim.home)}
    assert left == {".augtool-part-0123456789abcdef", ".augtool-part-notes"}


def test_it_is_private_while_it_is_written(victim) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from PIL import Image\n"
        "save = Image.Image.save\n"
        "def watched(self, file, *given, **more):\n"
        "    save(self, file, *given, **more)\n"
        "    (part,) = Path().glob('.augtool-part-*')\n"
        "    Path('seen').write_text(oct(part.stat().st_mode & 0o777))\n"
        "Image.Image.save = watched\n"
        "from augtool_cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    assert victim.python(program, *WRITERS["preview"][1]).code == 0
    assert (victim.home / "seen").read_text() == "0o600"
    assert stat.S_IMODE((victim.home / "p.png").stat().st_mode) == 0o644


def test_what_another_user_has_left_is_not_touched(victim, neighbour, shared: Path) -> None:
    name = ".augtool-part-0123456789abcdef"

    def leave() -> None:
        (shared / name).write_text("theirs")
        (shared / name).chmod(0o666)

    neighbour.act(leave)
    run = ("preview", "sample:?n=40&size=16", "--out", shared / "p.png")
    assert victim.augtool(*run).code == 0
    assert (shared / name).read_text() == "theirs"


def test_a_pipe_under_such_a_name_hangs_nothing(victim) -> None:
    victim.act(lambda: os.mkfifo(victim.home / ".augtool-part-0123456789abcdef"))
    assert victim.augtool(*WRITERS["plan"][1], timeout=60).code == 0


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_plan_that_is_overwritten_keeps_its_mode(victim, mode: int) -> None:
    arguments = WRITERS["plan"][1]
    assert victim.augtool(*arguments).code == 0
    (victim.home / "p.csv").chmod(mode)
    assert victim.augtool(*arguments, "--overwrite").code == 0
    assert stat.S_IMODE((victim.home / "p.csv").stat().st_mode) == mode


def test_the_longest_name_of_a_file_works(victim) -> None:
    name = f"{'x' * 251}.png"
    ended = victim.augtool("preview", "sample:?n=40&size=16", "--out", name)
    assert ended.code == 0, ended.err
