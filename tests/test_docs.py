"""The documentation is current, whole and connected; the examples run."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pytest

import augtool
from augtool import registry
from augtool.job import Job
from augtool.sinks.hdf5 import RECORD

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def test_the_command_reference_is_what_help_prints() -> None:
    make = _loaded("docs/make.py")
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == make.cli_page(), "run: python docs/make.py"


def test_every_method_is_explained_pictured_and_compared() -> None:
    make = _loaded("docs/make.py")
    written = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert written == make.methods_page(written), "run: python docs/make.py"
    assert "**Elsewhere.** …" not in written
    pictures = {path.stem for path in (ROOT / "docs" / "images" / "methods").iterdir()}
    assert pictures == set(registry.names("methods"))


def test_the_command_reference_is_as_wide_on_every_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = _loaded("docs/make.py")
    usual = make.cli_page()
    monkeypatch.setenv("COLUMNS", "60")
    assert make.cli_page() == usual


def test_every_option_is_explained() -> None:
    make = _loaded("docs/make.py")
    sections = dict(make.helps(make.augtool, "augtool"))
    for path, command in _commands(make.augtool, "augtool"):
        assert command.help, path
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help, f"{path} {param.opts}"
                assert all(option in sections[path] for option in param.opts), path


def test_links_lead_to_files() -> None:
    for page in PAGES:
        for link in _links(page):
            assert link.exists(), f"{page.name} links to {link}"


def test_every_page_and_picture_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.is_file():
            reached.add(page)
            waiting.extend(_links(page) if page.suffix == ".md" else ())
    shown = {*PAGES, *ROOT.glob("docs/images/**/*.png"), *ROOT.glob("examples/*.py")}
    assert shown <= reached


def test_the_architecture_names_files_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:augtool|cli|tests|docs)/[\w/.]*)`", text))
    assert len(named) > 10
    for name in named:
        assert (ROOT / name).exists(), name


def test_the_schema_page_names_all_that_an_output_holds(job: Callable[..., Job]) -> None:
    import h5py

    text = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    made = job("sample:?n=80&size=8&classes=3")
    augtool.run(made)
    with h5py.File(made.output, "r") as file:
        names = [*file, *file.attrs, *(name for field in file.values() for name in field.attrs)]
    assert RECORD in names
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_shell_completes_options(
    cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_AUGTOOL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "augtool cutmix --box")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert cli()[:2] == (0, "plain,--box-sampler\n")


def test_a_record_can_be_checked_as_the_schema_page_says(
    job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    augtool.run(job("sample:?n=200&size=8&classes=3", copies=2, keep_originals=True))
    monkeypatch.chdir(tmp_path)
    (code,) = _python(ROOT / "docs" / "schema.md")
    exec(code, {})


def test_the_method_that_contributing_adds_is_one(
    job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = _python(ROOT / "CONTRIBUTING.md")
    (tmp_path / "halves.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("halves", "halves", "augtool.methods")
    monkeypatch.setattr(registry, "_plugins", {"methods": {"halves": point}}.get)
    step = augtool.step("halves", cut_range=(0.25, 0.75))
    made = job("sample:?n=80&size=8&classes=3")
    augtool.run(dataclasses.replace(made, recipe=dataclasses.replace(made.recipe, steps=(step,))))
    with augtool.open(made.output) as mixed:
        box, weight = mixed.field("halves_box"), mixed.field("weight")
        assert np.array_equal(np.unique(box[:, 1]), np.arange(2, 7))
        assert np.array_equal(weight[:, 0], (box[:, 1] / 8).astype(np.float32))


def test_the_numpy_example_learns(job: Callable[..., Job]) -> None:
    made = job("sample:?n=300&size=16&classes=3")
    augtool.run(made)
    losses = _loaded("examples/train_numpy.py").train(made.output, epochs=4)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_the_examples_compile() -> None:
    for file in ROOT.glob("examples/*.py"):
        compile(file.read_text(encoding="utf-8"), file.name, "exec")


def _python(page: Path) -> list[str]:
    """The blocks of Python of a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _loaded(path: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """(path, command) of a command and all below it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand is not None
            yield from _commands(subcommand, f"{path} {name}")


def _links(page: Path) -> Iterator[Path]:
    """The files that a page links to."""
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            yield (page.parent / target).resolve()
