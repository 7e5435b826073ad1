"""The order of the rooms: each imports only what stands above it, in every line of every file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import augtool

ROOT = Path(augtool.__file__).parent
LEVELS = """
errors  rng  versions
params  fields  targets  text
registry
system
kernels
methods
recipe
job
planning  codecs
sources  sinks  engines
mixing
outputs
pipeline
run  inspection  verification  preview  torch  keras
report
plugin
__init__  __main__
"""
LEVEL = {room: level for level, rooms in enumerate(LEVELS.split("\n")) for room in rooms.split()}
MOST_FILES = 16  # beside the rooms

# Only these do a job, from the first to the last; others get what they need of it.
WITH_JOBS = {"__init__", "run", "pipeline"}


@cache
def modules() -> dict[str, Path]:
    """The path of each module, under its name without the package's: ``planning.plan``."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return found


def room(module: str) -> str:
    return module.partition(".")[0]


@cache
def imports(module: str) -> tuple[str, ...]:
    """The modules of augtool that one imports, wherever in its file that stands: in functions, and
    for type checkers alone, too."""
    return tuple(sorted(set(_imports(ast.parse(modules()[module].read_text(encoding="utf-8"))))))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (_name(alias.name) for alias in node.names if _is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module is not None and _is_ours(node.module):
                for alias in node.names:
                    within = _name(f"{node.module}.{alias.name}")
                    yield within if within in modules() else _name(node.module)


def _is_ours(dotted: str) -> bool:
    return dotted.split(".", maxsplit=1)[0] == "augtool"


def _name(dotted: str) -> str:
    return dotted.partition(".")[2] or "__init__"


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_its_own_room_and_rooms_above_it(module: str) -> None:
    wrong = [
        other
        for other in imports(module)
        if room(other) != room(module) and not LEVEL[room(other)] < LEVEL[room(module)]
    ]
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: {one for one in imports(module) if one != module} for module in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_every_room_has_a_level_and_there_are_few_files_beside_them() -> None:
    rooms = {room(module) for module in modules()}
    assert rooms == set(LEVEL)
    assert len(list(ROOT.glob("*.py"))) <= MOST_FILES


def test_the_plan_reads_no_input() -> None:
    of_plan = [module for module in modules() if room(module) == "planning"]
    read = {room(other) for module in of_plan for other in imports(module)}
    assert read <= {"errors", "rng", "params", "methods", "recipe", "planning"}


def test_few_rooms_know_a_whole_job() -> None:
    assert {room(module) for module in modules() if "job" in imports(module)} == WITH_JOBS


def test_nothing_inside_imports_what_is_for_plug_ins() -> None:
    assert not [module for module in modules() if "plugin" in imports(module)]
