"""Figures: the same partner under all methods, rows as their plan makes them, SVG and PNG."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import augtool
from augtool import methods
from augtool.errors import SourceError, UsageError
from augtool.job import Job
from augtool.recipe.recipe import Reading, Recipe, step
from augtool.report.drawing import png_of, save_figure, svg_of
from augtool.report.figure import method_columns, of_methods, of_rows, shown_methods, sweep
from augtool.verification.rerender import Input

SOURCE = "sample:?n=40&size=12x20&classes=5"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Every row of the sample, with a box."""
    path = tmp_path / "mixed.h5"
    augtool.run(Job(SOURCE, str(path), Recipe((step("cutmix"),)), workers=0))
    return path


def test_the_partner_is_the_same_under_all_methods() -> None:
    columns = [("half", step("mixup", prob=1, lam=0)), ("all", step("cutmix", prob=1, lam=0))]
    a, b, blended, pasted = of_methods([SOURCE], columns, rows=3).columns
    assert [column.heading for column in (a, b)] == ["A", "B"]
    for row in range(3):
        assert a.panels[row].caption != b.panels[row].caption
        assert np.array_equal(blended.panels[row].pixels, b.panels[row].pixels)
        ((y0, x0, y1, x1),) = pasted.panels[row].boxes
        inside = pasted.panels[row].pixels[y0:y1, x0:x1]
        assert np.array_equal(inside, b.panels[row].pixels[y0:y1, x0:x1])


def test_each_lambda_says_what_is_drawn_and_what_is_seen() -> None:
    figure = of_methods([SOURCE], sweep("cutmix", [0.1, 0.9], box_sampler="inside"), rows=1)
    for column, lam in zip(figure.columns[2:], ("0.1", "0.9"), strict=True):
        seen = re.fullmatch(rf"λ {lam} drawn, (0\.\d\d) seen", column.heading)
        assert seen
        ((y0, x0, y1, x1),) = column.panels[0].boxes
        assert abs(float(seen[1]) - (1 - (y1 - y0) * (x1 - x0) / 240)) <= 0.00501
    with pytest.raises(UsageError, match="flip has no lam"):
        sweep("flip", [0.5])


def test_every_method_that_changes_pixels_has_a_column() -> None:
    names = shown_methods()
    assert set(methods.names()) - set(names) == {"smooth"}
    figure = of_methods([SOURCE], method_columns(names), rows=1)
    assert [column.heading for column in figure.columns] == ["A", "B", *names]
    svg = svg_of(figure, outline=True, wrap=5)
    ElementTree.fromstring(svg)
    assert svg.count("<image ") == len(names) + 2


def test_the_mask_has_the_weights_of_the_label() -> None:
    columns = [("cutmix", step("cutmix", prob=1, lam=0.5))]
    figure = of_methods([SOURCE], columns, rows=2, mask=True)
    mixed, owners = figure.columns[2:]
    for row in range(2):
        base = (owners.panels[row].pixels == (236, 232, 222)).all(axis=2).mean()
        said = float(mixed.panels[row].caption.split()[1])
        assert abs(base - said) <= 0.00501


def test_rows_of_an_output_are_made_again_beside_their_sources(mixed: Path) -> None:
    output = augtool.open(mixed)
    figure = of_rows(output, [7, 3], Input((SOURCE,)))
    headings = [column.heading for column in figure.columns]
    assert headings == ["base", "partner", "owners", "mixed"]
    base, partner, _, made = figure.columns
    for at, row in enumerate([7, 3]):
        assert np.array_equal(made.panels[at].pixels, output.images[row])
        assert made.panels[at].boxes == (tuple(output.field("cutmix_box")[row].tolist()),)
        weight = output.field("weight")[row]
        assert base.panels[at].caption.endswith(f" {weight[0]:.2f}")
        assert partner.panels[at].caption.endswith(f" {weight[1]:.2f}")
    with pytest.raises(UsageError, match="--pick 40"):
        of_rows(output, [40], Input((SOURCE,)))
    with pytest.raises(UsageError, match="another source"):
        of_rows(output, [1], Input(("sample:?n=40&size=12x20&classes=4",)))


def test_a_damaged_plan_is_not_drawn(mixed: Path) -> None:
    import h5py

    with h5py.File(mixed, "r+") as file:
        file["cutmix_box"][3] = (0, 0, 1000, 1000)
    output = augtool.open(mixed)
    with pytest.raises(SourceError, match="cutmix_box has values that no plan can have"):
        of_rows(output, [3], Input((SOURCE,)))
    of_rows(output, [4], Input((SOURCE,)))


def test_an_svg_holds_the_very_pixels_and_one_typeface(mixed: Path) -> None:
    output = augtool.open(mixed)
    svg = svg_of(of_rows(output, [3], Input((SOURCE,)), title="a < b"), outline=True)
    images = re.findall(r'href="data:image/png;base64,([^"]*)"', svg)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(images[-1]))))
    assert np.array_equal(pixels, output.images[3])
    assert svg.count("font-family") == 1
    root = ElementTree.fromstring(svg)
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:3] == ["a < b", "base", "partner"]


def test_wrapped_columns_stand_under_each_other() -> None:
    figure = of_methods([SOURCE], method_columns(["cutmix", "mixup"]), rows=1, title="Two")
    wide, narrow = png_of(figure), png_of(figure, wrap=2)
    assert narrow.width < wide.width
    assert narrow.height > wide.height


def test_a_png_stores_its_resolution(tmp_path: Path) -> None:
    figure = of_methods([SOURCE], method_columns(["cutmix"]), rows=1)
    save_figure(figure, tmp_path / "f.png", dpi=300)
    with Image.open(tmp_path / "f.png") as picture:
        assert round(picture.info["dpi"][0]) == 300


def test_single_images_of_several_sizes_are_their_own_classes(tmp_path: Path) -> None:
    for name, size in (("cat", (30, 50)), ("dog", (64, 20))):
        Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(tmp_path / f"{name}.jpg")
    files = [str(tmp_path / "cat.jpg"), str(tmp_path / "dog.jpg")]
    figure = of_methods(files, method_columns(["cutmix"]))
    assert [panel.caption for panel in figure.columns[0].panels] == ["cat", "dog"]
    assert {panel.pixels.shape for panel in figure.columns[2].panels} == {(224, 224, 3)}
    with pytest.raises(UsageError, match="2 images"):
        of_methods(files, method_columns(["mosaic"]))


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    columns = method_columns(["cutmix"])
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(UsageError, match="no partner"):
        of_methods([str(tmp_path / "broken.jpg")], columns)
    with pytest.raises(SourceError, match=r"broken\.jpg: cannot be read"):
        of_methods([str(tmp_path / "broken.jpg")] * 2, columns)
    with pytest.raises(UsageError, match="check --in"):
        of_methods([str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")], columns)
    with pytest.raises(UsageError, match="--pick 99"):
        of_methods([SOURCE], columns, pick=[99], reading=Reading())


def test_the_same_figure_is_drawn_each_time() -> None:
    def drawn(seed: int) -> str:
        return svg_of(of_methods([SOURCE], method_columns(["cutmix"]), seed=seed))

    assert drawn(4) == drawn(4) != drawn(5)


@pytest.mark.parametrize("name", ["f.svg", "f.png"])
def test_the_command_writes_a_figure_and_plain_images(
    tmp_path: Path, mixed: Path, cli: Cli, name: str
) -> None:
    plain = tmp_path / "plain"
    given: tuple[Any, ...] = ("--in", SOURCE, "--out", tmp_path / name)
    assert cli("figure", mixed, *given, "--pick", "3,7", "--plain", plain)[0] == 0
    assert (tmp_path / name).stat().st_size > 1000
    with Image.open(plain / "7-mixed.png") as picture:
        assert np.array_equal(np.asarray(picture), augtool.open(mixed).images[7])
    steps = ("--step", "cutmix alpha=0.2", "--step", "0.5 cutmix | 0.5 mixup")
    code, _, err = cli("figure", *given, *steps, "--methods", "fmix", "--rows", 2)
    assert code == 0
    assert "5 columns, 2 rows" in err


@pytest.mark.parametrize(
    "options",
    [
        ("--lam", "0.5", "--methods", "cutmix,mixup"),
        ("--box-sampler", "inside"),
        ("--scale", "2"),
        ("--step", "cutmix alpha=-1"),
        ("--out", "f.gif"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("figure", "--in", SOURCE, *options)[0] == 2
