"""The report in Chromium: it draws itself without a network, and can be used by mouse and keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

import augtool
from augtool.job import Job
from augtool.recipe.recipe import Recipe, one_of, step
from augtool.report import Options
from augtool.verification.rerender import Input

Make = Callable[..., Path]
HOSTILE = ("<img src=x onerror=document.title='broken'>", "</script><b>bold</b>", "a&b\u2028c")
_FORBIDDEN = "return document.querySelectorAll('main img[src=x], main b, dialog b').length"


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 images of three classes whose names are markup, with label images."""
    path = tmp_path_factory.mktemp("source") / "in.h5"
    with h5py.File(path, "w") as file:
        pixels = np.random.default_rng(1).integers(0, 256, (120, 20, 32, 3), dtype=np.uint8)
        file["images"], file["labels"] = pixels, np.arange(120) % 3
        file["masks"] = np.broadcast_to(np.arange(32, dtype=np.uint8) // 8, (120, 20, 32))
        file.attrs["class_names"] = json.dumps(HOSTILE)
    return path


@pytest.fixture(scope="session")
def mixed(source: Path) -> Path:
    """A choice of CutMix, ResizeMix and nothing, after a flip."""
    path = source.with_name("mixed.h5")
    choice = one_of((0.5, step("cutmix")), (0.3, step("resizemix")), (0.2, None))
    augtool.run(Job(str(source), str(path), Recipe((step("flip"), choice), copies=3), workers=0))
    return path


@pytest.fixture
def report(make: Make, mixed: Path, source: Path) -> Path:
    """The report of the mixture, with its source."""
    return make("mixed.html", mixed, Options(source=Input((str(source),))))


def test_it_loads_without_a_network_and_asks_for_nothing(page: Any, report: Path) -> None:
    page.load(report)
    assert page.run("return document.documentElement.dataset.ready") == "yes"
    assert page.complaints() == []
    messages = [json.loads(one["message"])["message"] for one in page.driver.get_log("performance")]
    asked = {
        one["params"]["request"]["url"].partition(":")[0]
        for one in messages
        if one["method"] == "Network.requestWillBeSent"
    }
    assert asked == {"file", "data"}
    headings = [one.text for one in page.all("main h2")]
    assert headings == ["Summary", "Warnings", "Rows", "Labels", "Geometry", "Sources"]
    assert len(page.all(".tile")) == 240


def test_names_from_files_are_text_and_never_markup(page: Any, report: Path) -> None:
    page.load(report)
    assert HOSTILE[0] in page.text("#labels")
    assert HOSTILE[1] in page.text("#rows")
    page.run("document.querySelectorAll('.tile')[0].click()")
    assert any(name in page.text("#details") for name in HOSTILE)
    assert page.run(_FORBIDDEN) == 0
    assert page.run("return document.title") == "mixed.h5 · augtool report"
    assert page.complaints() == []


def test_a_script_that_is_not_the_page_s_own_does_not_run(page: Any, report: Path) -> None:
    page.load(report)
    page.run(
        "const made = document.createElement('script'); made.textContent = 'window.ran = 1';"
        "document.body.append(made)"
    )
    assert page.run("return window.ran === undefined")
    assert any("Content Security Policy" in one["message"] for one in page.complaints())


def test_rows_are_filtered_and_sorted(page: Any, report: Path, mixed: Path) -> None:
    page.load(report)
    page.choose("#by-branch", "cutmix")
    rows = augtool.open(mixed)
    shown = [index * len(rows) // 240 for index in range(240)]
    took = [row for row in shown if rows.field("choice_option")[row] == 0]
    assert len(page.all(".tile")) == len(took)
    assert page.text("#row-count").startswith(f"{len(took)} of 240 rows")
    page.choose("#by-class", "1")
    both = [row for row in took if rows.labels[row][1] > 0]
    assert len(page.all(".tile")) == len(both)
    page.choose("#by-branch", "")
    page.choose("#by-class", "")
    page.choose("#least", "0.25")
    page.choose("#most", "0.75")
    weight = np.array([rows.field("weight")[row, 0] for row in shown])
    assert len(page.all(".tile")) == int(((weight >= 0.25) & (weight <= 0.75)).sum())
    page.one("button[type=reset]").click()
    page.choose("#by-branch", "cutmix")
    page.choose("#order", "-lam")
    first = page.text(".tile .row")
    lam = {row: rows.field("cutmix_lam")[row] for row in took}
    assert first == f"row {max(lam, key=lambda row: (lam[row], -row))}"


def test_a_row_s_details_show_what_it_is_made_of(page: Any, report: Path, mixed: Path) -> None:
    page.load(report)
    rows = augtool.open(mixed)
    box, weight = rows.field("cutmix_box"), rows.field("weight")
    shown = [index * len(rows) // 240 for index in range(240)]
    at = next(i for i, row in enumerate(shown) if 0.2 < weight[row, 0] < 0.8 and box[row].any())
    row = shown[at]
    page.run("document.querySelectorAll('.tile')[arguments[0]].click()", at)
    text = page.text("#details")
    y0, x0, y1, x1 = box[row].tolist()
    assert f"rows {y0}–{y1 - 1}, columns {x0}–{x1 - 1}" in text
    assert f"Base, weight {weight[row, 0]:.4f}row {rows.field('src')[row, 0]}" in text
    assert f"augtool figure mixed.h5 --in DATA --pick {row} " in text
    captions = [one.text for one in page.all("#details figcaption")]
    assert len(captions) == 5  # base, partner, owners, mixed, label image
    assert page.run(
        "return [...document.querySelectorAll('#details img')].every(i => i.naturalWidth)"
    )


def test_keys_are_enough(page: Any, report: Path) -> None:
    page.load(report)
    page.run("document.querySelectorAll('.tile')[3].focus()")
    page.keys(Keys.ENTER)
    first = page.text("#details-title")
    page.keys(Keys.ARROW_RIGHT)
    second = page.text("#details-title")
    page.keys(Keys.ARROW_LEFT)
    assert page.text("#details-title") == first != second
    page.keys(Keys.ESCAPE)
    assert not page.run("return document.getElementById('details').open")
    assert page.run("return document.activeElement === document.querySelectorAll('.tile')[3]")


def test_a_narrow_screen_needs_no_sideways_scrolling(page: Any, report: Path) -> None:
    page.load(report, width=360)
    assert page.run("return document.documentElement.scrollWidth") == 360
    page.run("document.querySelectorAll('.tile')[0].click()")
    width = page.run(
        "const d = document.getElementById('details'); return [d.scrollWidth, d.clientWidth]"
    )
    assert width[0] == width[1]


@pytest.mark.parametrize("width", [1280, 360])
def test_it_follows_the_reader_s_colours(
    page: Any, report: Path, tmp_path: Path, width: int
) -> None:
    corners = {}
    for dark in (False, True):
        page.load(report, width=width, dark=dark)
        file = tmp_path / f"{width}-{'dark' if dark else 'light'}.png"
        page.screenshot(file)
        with Image.open(file) as picture:
            assert picture.width == width
            corners[dark] = picture.convert("L").getpixel((2, 2))
    assert corners[False] > 200
    assert corners[True] < 60


def test_an_input_is_shown_too(page: Any, make: Make, source: Path) -> None:
    page.load(make("input.html", source))
    assert page.complaints() == []
    headings = [one.text for one in page.all("main h2")]
    assert headings == ["Summary", "Warnings", "Rows", "Labels", "Sources"]
    page.choose("#by-class", "2")
    assert len(page.all(".tile")) == 40


def test_a_thousand_classes_are_shown(page: Any, make: Make, tmp_path: Path) -> None:
    output = tmp_path / "many.h5"
    recipe = Recipe((step("cutmix"),))
    augtool.run(Job("sample:?n=1500&size=12&classes=1000", str(output), recipe, workers=0))
    page.load(make("many.html", output))
    assert page.complaints() == []
    assert len(page.all("#labels tbody tr")) >= 1000
    assert "The 60 largest of 1,000 classes." in page.text("#labels")
