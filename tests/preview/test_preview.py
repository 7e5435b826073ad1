"""What is shown of the rows of an input or an output: captions, boxes, label images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import augtool
from augtool.errors import UsageError
from augtool.job import Job
from augtool.preview import grid, palette
from augtool.preview import preview as look
from augtool.preview.boxes import outlines
from augtool.preview.grid import Cell
from augtool.recipe.recipe import Reading, Recipe, one_of, step

Drawn = list[tuple[list[Cell], dict[str, Any]]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """The cells of all grids, and how they were asked for."""
    seen: Drawn = []
    real = grid.draw_grid

    def spy(cells: Any, *rest: Any, **given: Any) -> Any:
        seen.append((list(cells), given))
        return real(cells, *rest, **given)

    monkeypatch.setattr(grid, "draw_grid", spy)
    return seen


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., str]:
    """Make an output of a chain over arrays; 30 images of 6 × 9, black unless they are given."""

    def make(*steps: Any, reading: Reading | None = None, **arrays: Any) -> str:
        usual = {"images": np.zeros((30, 6, 9, 3), np.uint8), "labels": np.arange(30) % 3}
        with h5py.File(tmp_path / "in.h5", "w") as file:
            for key, values in {**usual, **arrays}.items():
                file[key] = values
        recipe = Recipe(steps or (step("cutmix"),), reading=reading or Reading())
        job = Job(str(tmp_path / "in.h5"), str(tmp_path / "out.h5"), recipe, workers=0)
        augtool.run(job)
        return job.output

    return make


@pytest.mark.parametrize(
    ("labels", "caption"),
    [
        (np.tile([1, 0, 1, 0], (30, 1)), "#0 · #2"),
        (np.full((30, 2), 7.25), "7.25, 7.25"),
        (np.zeros(30, np.int64), "#0"),
    ],
    ids=["multihot", "values", "classes"],
)
def test_an_outputs_labels_are_said_as_what_they_are(
    made: Callable[..., str], drawn: Drawn, labels: np.ndarray, caption: str
) -> None:
    look.preview_of(made(labels=labels), look.View(rows=1, cols=3))
    assert [cell.caption for cell in drawn[0][0]] == [caption] * 3


def test_each_of_several_targets_has_a_line_in_the_order_that_is_said(
    made: Callable[..., str], drawn: Drawn
) -> None:
    reading = Reading(label_key=("shape", "color"))
    arrays = {"labels": np.zeros(3), "shape": np.full(30, 2), "color": np.full((30, 2), 0.5)}
    output = made(reading=reading, **arrays)
    look.preview_of(output, look.View(rows=1, cols=2))
    look.preview_of(str(Path(output).parent / "in.h5"), look.View(rows=1, cols=2), reading)
    for cells, asked in drawn:
        assert [cell.caption for cell in cells] == ["#2\n#0 0.50 · #1 0.50"] * 2
        assert asked["footnote"] == "labels, line by line: shape, color"


def test_a_label_that_is_not_known_is_said_to_be(made: Callable[..., str], drawn: Drawn) -> None:
    labels = np.full(30, -1)
    labels[:15] = np.arange(15) % 3
    reading = Reading(label_missing="-1")
    output = made(step("flip"), labels=labels, reading=reading)
    look.preview_of(output, look.View(rows=5, cols=6))
    look.preview_of(str(Path(output).parent / "in.h5"), look.View(rows=5, cols=6), reading)
    for cells, _ in drawn:
        assert sum(cell.caption == "unknown" for cell in cells) == 15


def test_label_images_are_shown_in_the_colours_of_the_legend(
    made: Callable[..., str], drawn: Drawn
) -> None:
    masks = np.zeros((30, 6, 9), np.uint8)
    masks[:, 2:4, 3:7] = (np.arange(30) % 4 + 1)[:, None, None]
    output = made(masks=masks)
    for path in (output, str(Path(output).parent / "in.h5")):
        look.preview_of(path, look.View(rows=5, cols=6, masks=True))
    stored = np.asarray(augtool.open(output).masks)
    for (cells, asked), ids in zip(drawn, (stored, masks), strict=True):
        colours = {colour: int(name) for colour, name in asked["legend"]}
        assert sorted(colours.values()) == [0, 1, 2, 3, 4]
        for cell, mask in zip(cells, ids, strict=True):
            assert cell.below is not None
            told = [[colours[tuple(pixel)] for pixel in line] for line in cell.below.tolist()]
            assert told == mask.tolist()


def test_many_ids_are_counted_in_place_of_a_legend(made: Callable[..., str], drawn: Drawn) -> None:
    masks = np.arange(30, dtype=np.int32)[:, None, None].repeat(6, 1).repeat(9, 2) * 300
    look.preview_of(made(step("flip"), masks=masks), look.View(rows=5, cols=6, masks=True))
    ((_, asked),) = drawn
    assert asked["legend"] == []
    assert asked["footnote"] == "below: label images with 30 ids, 0 … 8700"


def test_importance_maps_are_shown_as_grey(made: Callable[..., str], drawn: Drawn) -> None:
    maps = np.linspace(0, 1, 54, dtype=np.float32).reshape(1, 6, 9).repeat(30, 0)
    output = made(masks=maps)
    look.preview_of(str(Path(output).parent / "in.h5"), look.View(rows=1, cols=2, masks=True))
    ((cells, asked),) = drawn
    assert cells[0].below is not None
    assert (np.diff(cells[0].below[..., 0].ravel().astype(int)) >= 0).all()
    assert asked["footnote"] == "below: importance"
    with pytest.raises(UsageError, match="has no label images to show"):  # they are not written
        look.preview_of(output, look.View(masks=True))


def test_ids_have_colours_that_differ() -> None:
    some = palette.coloured(np.arange(12)[None])[0].astype(int)
    apart = np.abs(some[:, None] - some[None]).sum(axis=2)
    assert apart[~np.eye(12, dtype=bool)].min() > 60
    all_of_them = palette.coloured(np.arange(256)[None])[0]
    assert len(np.unique(all_of_them, axis=0)) == 256
    assert np.array_equal(palette.coloured(np.array([[-1]])), palette.coloured(np.array([[255]])))


# Boxes


def rows_of(n: int = 30, size: tuple[int, int] = (6, 9)) -> np.ndarray:
    return np.arange(n, dtype=np.uint8)[:, None, None, None].repeat(size[0], 1).repeat(size[1], 2)


def test_the_boxes_hold_what_several_steps_pasted(made: Callable[..., str]) -> None:
    output = made(step("cutmix", prob=0.7), step("cutmix", prob=0.7), images=rows_of())
    opened = augtool.open(output)
    columns = [opened.field(name) for name in ("cutmix_box", "cutmix2_box")]
    for row in range(30):
        boxes = outlines(opened, row)
        outside = np.ones((6, 9), bool)
        for y0, x0, y1, x1 in boxes:
            outside[y0:y1, x0:x1] = False
        foreign = np.asarray(opened.images[row, ..., 0] != opened.field("src")[row, 0])
        assert not foreign[outside].any()
        assert len(boxes) == sum(area(column[row]) for column in columns)


def area(box: np.ndarray) -> bool:
    """Whether a box has pixels."""
    return bool((box[2:] > box[:2]).all())


@pytest.mark.parametrize(
    ("after", "params"), [("flip", {}), ("shift", {"range": 0.5}), ("rotate", {"degrees": 90})]
)
def test_a_box_that_a_later_step_moved_is_not_outlined(
    made: Callable[..., str], after: str, params: dict[str, Any]
) -> None:
    output = made(step("cutmix"), step(after, prob=0.5, **params), images=rows_of())
    opened = augtool.open(output)
    column = next(name for name in opened.fields if name.startswith(f"{after}_"))
    moved = np.asarray(opened.field(column)).reshape(30, -1).any(axis=1)
    assert 0 < moved.sum() < 30
    boxes = opened.field("cutmix_box")[:]
    for row in range(30):
        still = area(boxes[row]) and not moved[row]
        assert list(outlines(opened, row)) == [tuple(boxes[row].tolist())] * still


def test_an_option_that_was_not_taken_has_no_box(made: Callable[..., str]) -> None:
    choice = one_of((0.5, step("cutmix")), (0.25, step("mixup")), (0.25, None))
    opened = augtool.open(made(choice, step("erase"), images=rows_of()))
    took = opened.field("choice_option")[:]
    for row in range(30):
        boxes = outlines(opened, row)
        assert boxes == () or (
            took[row] == 0 and boxes == (tuple(opened.field("cutmix_box")[row]),)
        )
    assert any(outlines(opened, row) for row in range(30))


def test_shown_images_are_written_alone_and_unscaled(
    made: Callable[..., str], tmp_path: Path
) -> None:
    output = made(step("cutmix"), images=rows_of())
    look.preview_of(output, look.View(pick=(7, 3), plain=tmp_path / "plain"))
    assert sorted(one.name for one in (tmp_path / "plain").iterdir()) == ["row-3.png", "row-7.png"]
    with Image.open(tmp_path / "plain" / "row-7.png") as picture:
        grey = np.asarray(picture)[..., :1]
        assert np.array_equal(grey, augtool.open(output).images[7])


def test_a_size_that_is_asked_for_is_shown_for_folders(tmp_path: Path, drawn: Drawn) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "in" / name).mkdir(parents=True)
        Image.new("RGB", (40, 30)).save(tmp_path / "in" / name / "1.png")
    look.preview_of(str(tmp_path / "in"), look.View(), Reading(size=(8, 12)))
    look.preview_of(str(tmp_path / "in"), look.View())
    shapes = [cells[0].pixels.shape for cells, _ in drawn]
    assert shapes == [(8, 12, 3), (30, 40, 3)]
