"""What lies in the folder that a command is started in does not run, whatever its name.

``python -c``, by which children are started, would look there first.
"""

from __future__ import annotations

import importlib.metadata
import sys
import tarfile
import time
from pathlib import Path

import pytest

COMMANDS = {
    "cutmix": ["cutmix", "--in", "sample:?n=600&size=32", "--out", "new.h5", "--workers", 2],
    "small": ["cutmix", "--in", "sample:?n=20&size=8", "--out", "new.npz"],
    "mix": ["mix", "flip", "mixup", "--in", "arrays.h5", "--out", "new.tar", "--workers", 2],
    "preview": ["cutmix", "--in", "photos", "--size", 16, "--out", "new.h5", "--preview", "p.png"],
    "plan": ["plan", "cutmix", "--in", "arrays.h5", "--out", "plan.csv"],
    "render": ["render", "arrays.h5", "--in", "sample:?n=60&size=16", "--out", "new.h5"],
    "check": ["check", "--in", "photos"],
    "inspect": ["inspect", "arrays.h5", "--row", 1, "--in", "sample:?n=60&size=16"],
    "verify": ["verify", "arrays.h5", "--in", "sample:?n=60&size=16", "--sample", 5],
    "look": ["preview", "arrays.h5", "--out", "p.png"],
    "figure": ["figure", "--in", "photos", "--size", 16, "--out", "g.png", "--methods", "mixup"],
    "merge": ["merge", "arrays.h5", "more.h5", "--out", "new.h5"],
    "names": ["check", "--in", "photos", "--label-from-name", "^([a-z]+)"],
    "methods": ["methods"],
    "version": ["--version", "--json"],
    "help": ["cutmix", "--help"],
}
MODULE = """\
import builtins
with builtins.open({mark!r}, "a") as file:
    file.write({name!r} + "\\n")
print("OWNED by {name}")
"""


def every_name() -> list[str]:
    """What can be imported: a child may come to need any of it."""
    own = {"augtool", "augtool_cli", "sitecustomize", "usercustomize", "__main__"}
    return sorted(own | sys.stdlib_module_names | {*importlib.metadata.packages_distributions()})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos and outputs of augtool."""
    import augtool

    folder = tmp_path_factory.mktemp("inputs")
    recipe = augtool.Recipe((augtool.step("cutmix"),))
    for name in ("arrays.h5", "more.h5"):
        augtool.run(augtool.Job("sample:?n=60&size=16", str(folder / name), recipe))
    augtool.run(
        augtool.Job("sample:?n=60&size=16", str(folder / "images"), recipe, format="folder")
    )
    photos = sorted((folder / "images").rglob("*.png"))
    for number, photo in enumerate(photos[:12]):
        place = folder / "photos" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(photo.read_bytes())
    return folder


@pytest.fixture
def folder(inputs: Path, place: Path, victim) -> Path:
    """The victim's own folder of data, which has modules in it, too."""
    folder = victim.home / "data"
    folder.mkdir()
    for source in (path for path in inputs.rglob("*") if path.is_file()):
        if source.is_relative_to(inputs / "images"):
            continue
        target = folder / source.relative_to(inputs)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    for name in every_name():
        module = folder / f"{name}.py"
        module.write_text(MODULE.format(mark=str(place / "marks"), name=name))
    (place / "marks").touch()
    (place / "marks").chmod(0o666)
    victim.owns(folder)
    return folder


def marks(place: Path) -> list[str]:
    return (place / "marks").read_text().splitlines()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_imports_from_the_folder_it_is_started_in(
    name: str, folder: Path, place: Path, victim
) -> None:
    ended = victim.augtool(*COMMANDS[name], cwd=folder)
    assert ended.code == 0, ended.err
    assert marks(place) == []
    assert "OWNED" not in ended.out.decode() + ended.err


def test_a_stream_on_stdout_is_what_it_is_elsewhere(folder: Path, place: Path, victim) -> None:
    command = ["cutmix", "--in", "sample:?n=600&size=32", "--out", "-", "--format", "tar"]
    here, there = (victim.augtool(*command, cwd=cwd) for cwd in (folder, victim.home))
    assert here.code == there.code == 0, here.err
    assert here.out == there.out
    assert marks(place) == []
    (place / "stream.tar").write_bytes(here.out)
    with tarfile.open(place / "stream.tar") as archive:
        assert any(name.endswith(".png") for name in archive.getnames())


def test_modules_as_folders_are_not_imported_either(folder: Path, place: Path, victim) -> None:
    for module in folder.glob("*.py"):
        package = module.with_suffix("")
        package.mkdir()
        module.rename(package / "__init__.py")
    victim.owns(folder)
    ended = victim.augtool(*COMMANDS["cutmix"], cwd=folder)
    assert (ended.code, marks(place)) == (0, []), ended.err


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_a_module_that_sleeps_leaves_no_process_behind(folder: Path, victim) -> None:
    for name in ("random", "multiprocessing", "socket", "selectors"):
        (folder / f"{name}.py").write_text("import time\ntime.sleep(600)\n")
    assert victim.augtool(*COMMANDS["cutmix"], cwd=folder).code == 0
    deadline = time.monotonic() + 20
    while left := processes_in(folder):
        assert time.monotonic() < deadline, left


def processes_in(folder: Path) -> list[str]:
    """The command lines of all processes whose current folder it is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or belongs to nobody
            continue
    return found


def test_a_folder_on_pythonpath_is_its_users_own_wish(folder: Path, place: Path, victim) -> None:
    for module in folder.glob("*.py"):
        module.unlink()
    wish = {"PYTHONPATH": str(folder)}
    ended = victim.python(PATHS, cwd=folder, env=wish)
    assert ended.out.decode().splitlines() == ["True", "True"], ended.err
    ended = victim.python(PATHS, cwd=folder)
    assert ended.out.decode().splitlines() == ["False", "False"], ended.err


PATHS = """
import os, sys
from augtool.system.child import in_child
from augtool.engines.processes import ProcessExecutor
look = "__import__('os').getcwd() in __import__('sys').path"
print(in_child(eval, look))
with ProcessExecutor(1) as engine:
    print(engine.submit(eval, look).result())
"""
LIBRARY = """
import os, sys
sys.path.insert(0, {extra!r})
import augtool
from augtool.system.child import in_child
from augtool.engines.processes import ProcessExecutor
recipe = augtool.Recipe((augtool.step("cutmix"),))
job = augtool.Job("sample:?n=600&size=32", "library.h5", recipe, workers=2)
assert augtool.run(job).rows == 600
parent = [place for place in sys.path if place not in ("", os.getcwd())]
assert "" in sys.path or os.getcwd() in sys.path
look = "list(__import__('sys').path)"
assert in_child(eval, look) == parent
with ProcessExecutor(1) as engine:
    assert engine.submit(eval, look).result() == parent
import mine
print(mine.VALUE)
"""


@pytest.mark.parametrize("how", ["-c", "script"])
def test_the_library_works_beside_a_users_own_modules(
    how: str, folder: Path, place: Path, victim
) -> None:
    """A script or notebook has its folder on its path, before all else: it may import from it, and
    children do not. They have everything else that its path has."""
    for module in folder.glob("*.py"):  # it would import these itself
        module.unlink()
    names = ("random", "socket", "selectors", "tarfile", "h5py")
    for name in names:
        (folder / f"{name}.py").write_text(MODULE.format(mark=str(place / "marks"), name=name))
    (folder / "mine.py").write_text("VALUE = 'from my own module'\n")
    # What the script itself would find in its folder is loaded before that counts.
    begin = f"import sys; own = sys.path.pop(0); import {', '.join(names)}; sys.path.insert(0, own)"
    program = begin + LIBRARY.format(extra=str(place / "extra"))
    if how == "script":
        (folder / "job.py").write_text(program)
        victim.owns(folder)
        ended = victim.augtool("job.py", command=(sys.executable,), cwd=folder)
    else:
        ended = victim.python(program, cwd=folder)
    assert ended.code == 0, ended.err
    assert ended.out.decode().splitlines() == ["from my own module"]
    assert marks(place) == []


def test_a_tool_that_ignores_the_environment_starts_children_as_safely(
    folder: Path, place: Path, victim
) -> None:
    """Some systems install commands with ``-E`` in their first line."""
    script = Path(sys.executable).with_name("augtool")
    ended = victim.augtool("-E", script, *COMMANDS["cutmix"], command=(sys.executable,), cwd=folder)
    assert (ended.code, marks(place)) == (0, []), ended.err
