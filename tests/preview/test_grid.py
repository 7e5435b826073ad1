"""A grid shows the pixels of the file, each with its caption, whatever its size and its names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from augtool.errors import OutputError, UsageError
from augtool.preview import captions as captioned
from augtool.preview import fonts, grid
from augtool.preview.captions import caption_for, captions
from augtool.preview.grid import Cell, draw_grid
from augtool.preview.to_uint8 import to_display

PAGE, EDGE = grid._PAGE, grid._EDGE
DARK, WHITE = grid._BOX_OUTSIDE, grid._BOX_INSIDE
CORNER = grid._MARGIN
GREY = (120, 130, 140)


@pytest.fixture
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(fonts, "_folders", list)
    fonts._system_font_files.cache_clear()
    fonts._typeface.cache_clear()
    yield
    fonts._system_font_files.cache_clear()
    fonts._typeface.cache_clear()


def flat(height: int, width: int, colour: tuple[int, int, int] = GREY) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(
        0, 256, (height, width, 3), np.uint8
    )


def pixels_of(image: Image.Image) -> np.ndarray:
    assert image.mode == "RGB"
    return np.asarray(image)


# Captions


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ([0.62, 0.38, 0, 0], "cat 0.62 · dog 0.38"),
        ([0.2, 0.8, 0, 0], "dog 0.80 · cat 0.20"),
        ([0, 0, 1, 0], "owl"),
        ([0.004, 0.996, 0, 0], "dog"),
        ([0.006, 0.988, 0.006, 0], "dog 0.98 · cat 0.01 · owl 0.01"),
        ([0.25, 0.25, 0.25, 0.25], "cat 0.25 · dog 0.25 · owl 0.25 · yak 0.25"),
        ([0.425, 0.575, 0, 0], "dog 0.57 · cat 0.43"),
        ([0.6, 0.001, 0.001, 0.398], "cat 0.60 · yak 0.40"),
        ([0, 0, 0, 0], ""),
    ],
)
def test_a_label_is_said_heaviest_first(label: list[float], said: str) -> None:
    assert caption_for(np.float32(label), ["cat", "dog", "owl", "yak"]) == said


def test_the_class_of_the_base_is_said_first_where_weights_tell_it() -> None:
    label, names = np.float32([0.3, 0.7, 0]), ["cat", "dog", "owl"]
    assert caption_for(label, names, weights=[0.3, 0.7]) == "cat 0.30 · dog 0.70"
    assert caption_for(label, names, weights=[0.7, 0.3]) == "dog 0.70 · cat 0.30"
    assert caption_for(np.float32([1, 0, 0]), names, weights=[0.4, 0.6]) == "cat"


def test_what_smoothing_gives_all_classes_is_said_once() -> None:
    label = np.full(10, np.float32(0.01))
    label[3], label[7] = 0.37, 0.55
    names = [f"c{one}" for one in range(10)]
    said = caption_for(label, names, weights=[0.4, 0.6])
    assert said == "c3 0.37 · c7 0.55 · 8 others 0.01 each"
    assert caption_for(np.full(4, 0.25), names[:4]).count("0.25") == 4


def test_without_names_a_class_is_its_id() -> None:
    label = np.zeros(1000, np.float32)
    label[[17, 999]] = 0.7, 0.3
    assert caption_for(label, None) == "#17 0.70 · #999 0.30"


def test_a_multi_hot_label_names_what_is_there() -> None:
    assert caption_for([1, 0, 1], ["cat", "dog", "owl"], "multihot") == "cat · owl"
    assert caption_for([1, 0.4, 0.6], ["cat", "dog", "owl"], "multihot") == (
        "cat · owl 0.60 · dog 0.40"
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.5], "0.5"),
        ([-12.34567], "-12.35"),
        ([123456.0], "123456"),
        ([1, 2, 3, 4, 5], "1, 2, 3, 4, +1 more"),
        (7, "7"),
    ],
)
def test_a_regression_target_is_its_numbers(values: object, said: str) -> None:
    assert caption_for(values, None, "values") == said  # type: ignore[arg-type]


def test_what_is_not_named_is_counted() -> None:
    names = [f"c{number}" for number in range(30)]
    assert caption_for(np.full(30, 1 / 30), names) == (
        "c0 0.03 · c1 0.03 · c2 0.03 · c3 0.03 · +26 more"
    )
    said = caption_for(np.ones(30), names, "multihot")
    assert said == " · ".join([*names[:24], "+6 more"])
    assert caption_for([1, np.nan, 0.5, np.nan], names[:4], "multihot") == (
        "c0 · c2 0.50 · 2 unknown"
    )


def test_a_name_that_cannot_be_drawn_is_its_class_id(no_system_fonts: None) -> None:
    rows = [[0.6, 0.4, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    names = ["cat", "猫", "café", " \n"]
    assert captions(rows, names) == ["cat 0.60 · #1 0.40", "#2", "#3"]


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_gives_one_line(one: str, other: str) -> None:
    said = caption_for([0.6, 0.4], [one, other])
    assert said.splitlines() == [said]
    assert said.endswith("0.40")


# Pixels


def test_uint8_is_shown_as_it_is() -> None:
    image = noise(5, 7)
    (shown,), note = to_display([image])
    assert np.array_equal(shown, image)
    assert note == ""


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_other_numbers_are_stretched_between_percentiles_and_it_is_said(dtype: type) -> None:
    image = np.linspace(1000, 3000, 10_000).reshape(100, 100).astype(dtype)
    (shown,), note = to_display([image])
    assert shown.dtype == np.uint8
    assert shown[0, 0, 0] == 0
    assert shown[-1, -1, 0] == 255
    assert abs(int(shown[50, 0, 0]) - 128) <= 1
    assert note.startswith(f"{np.dtype(dtype).name} stretched: 10")
    assert "percentiles 1 and 99" in note


def test_floats_of_0_to_1_are_shown_as_they_are() -> None:
    image = np.linspace(0.2, 0.8, 54, dtype=np.float32).reshape(6, 9)
    (shown,), note = to_display([image])
    assert note == ""
    assert np.array_equal(shown[..., 0], (image.astype(np.float64) * 255 + 0.5).astype(np.uint8))
    assert "stretched" in to_display([image, image + 1])[1]


def test_images_are_stretched_together_and_outliers_do_not_matter() -> None:
    dark = np.full((50, 50), 0.25, np.float32)
    light = np.full((50, 50), 0.75, np.float32)
    dark[0, :3] = np.inf, -np.inf, np.nan
    light[0, 0] = 1e30
    (dark_shown, light_shown), _ = to_display([dark, light])
    assert np.all(dark_shown[1:] == 0)
    assert np.all(light_shown[1:] == 255)
    assert light_shown[0, 0, 0] == 255


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_an_image_of_one_value_can_be_shown(value: float) -> None:
    (shown,), _ = to_display([np.full((4, 4), value)])
    assert len(np.unique(shown)) == 1


@pytest.mark.parametrize(
    ("channels", "expected", "note"),
    [
        (1, [0, 0, 0], ""),
        (2, [0, 0, 0], "channel 1 of 2 is shown"),
        (3, [0, 1, 2], ""),
        (4, [0, 1, 2], "channel 1-3 of 4 is shown"),
    ],
)
def test_one_to_four_channels_can_be_shown(channels: int, expected: list[int], note: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 5, channels), np.uint8)
    (shown,), said = to_display([image])
    assert np.array_equal(shown, image[..., expected])
    assert said == note


def test_what_is_no_image_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match=r"rows of shape \(10,\) cannot be shown"):
        draw_grid([Cell(np.zeros(10))], 2)


# The grid


def test_small_images_are_enlarged_by_whole_factors() -> None:
    image = noise(32, 30)
    page = pixels_of(draw_grid([Cell(image, "cat")], 4))
    shown = page[CORNER : CORNER + 160, CORNER : CORNER + 150]
    assert np.array_equal(shown, image.repeat(5, axis=0).repeat(5, axis=1))


def test_images_of_a_good_size_are_shown_pixel_by_pixel() -> None:
    image = noise(400, 500)
    page = pixels_of(draw_grid([Cell(image, "cat")], 4))
    assert np.array_equal(page[CORNER : CORNER + 400, CORNER : CORNER + 500], image)


def test_very_large_images_are_made_smaller() -> None:
    page = draw_grid([Cell(flat(3000, 1500), "cat", ((0, 0, 1500, 750),))], 4, outline=True)
    assert page.height < 700
    assert pixels_of(page)[CORNER + 250, CORNER + 128].tolist() == list(DARK)


def test_scale_is_obeyed() -> None:
    image = noise(600, 20)
    page = pixels_of(draw_grid([Cell(image)], 1, scale=2))
    expected = image.repeat(2, axis=0).repeat(2, axis=1)
    left = CORNER + (grid._LEAST_CELL - 40) // 2  # in the middle of its cell
    assert np.array_equal(page[CORNER : CORNER + 1200, left : left + 40], expected)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_outline_runs_exactly_along_the_border_of_the_box(shade: int) -> None:
    """Just inside white, just outside dark, the rest untouched: seen on any background."""
    factor, box = 6, (3, 5, 11, 20)
    cell = Cell(flat(24, 30, (shade, shade, shade)), "cat", (box,))
    page = pixels_of(draw_grid([cell], 1, outline=True, scale=factor))
    y0, x0, y1, x1 = (CORNER + factor * edge for edge in box)
    owner = np.full((24 * factor, 30 * factor, 3), shade, np.uint8)
    ys, xs = np.mgrid[CORNER : CORNER + 24 * factor, CORNER : CORNER + 30 * factor]
    inside = (ys >= y0) & (ys < y1) & (xs >= x0) & (xs < x1)
    deeper = (ys > y0) & (ys < y1 - 1) & (xs > x0) & (xs < x1 - 1)
    around = (ys >= y0 - 1) & (ys <= y1) & (xs >= x0 - 1) & (xs <= x1)
    owner[around & ~inside] = DARK
    owner[inside & ~deeper] = WHITE
    assert np.array_equal(page[CORNER : CORNER + 24 * factor, CORNER : CORNER + 30 * factor], owner)


def test_a_box_at_the_border_of_the_image_is_outlined_all_round() -> None:
    page = pixels_of(
        draw_grid([Cell(flat(40, 50), "", ((0, 0, 40, 50),))], 1, outline=True, scale=4)
    )
    for y, x in ((CORNER - 1, 60), (60, CORNER - 1), (CORNER + 160, 60), (60, CORNER + 200)):
        assert page[y, x].tolist() == list(DARK)


@pytest.mark.parametrize("boxes", [(), ((3, 3, 3, 9),), ((5, 5, 5, 5), (50, 50, 60, 60))])
def test_no_box_no_outline(boxes: tuple[tuple[int, int, int, int], ...]) -> None:
    with_box = draw_grid([Cell(flat(30, 30), "cat", boxes)], 1, outline=True)
    assert with_box.tobytes() == draw_grid([Cell(flat(30, 30), "cat")], 1).tobytes()


def test_boxes_are_drawn_on_request_only() -> None:
    with_box = Cell(flat(30, 30), "cat", ((2, 2, 9, 9),))
    assert draw_grid([with_box], 1).tobytes() == draw_grid([Cell(flat(30, 30), "cat")], 1).tobytes()


LONG = "American Staffordshire terrier, Staffordshire terrier, Pneumonoultramicroscopic"


@pytest.mark.parametrize("side", [8, 32, 100, 512])
@pytest.mark.parametrize(
    "caption", ["cat", "W" * 300, f"{LONG} 0.62 · {LONG} 0.31 · cat 0.07", "a b " * 200, ""]
)
def test_captions_never_reach_their_neighbours(side: int, caption: str) -> None:
    page = pixels_of(draw_grid([Cell(flat(side, side), caption)] * 6, 3))
    cell = max(side * -(-144 // side), 120)
    width = cell + grid._GAP
    assert page.shape[1] == 2 * CORNER + 3 * cell + 2 * grid._GAP
    for column in range(1, 3):
        end = CORNER + column * width
        between = page[:, end - grid._GAP + 2 : end - 2]
        assert np.all(between == PAGE)
    assert np.all(page[:, : CORNER - 2] == PAGE)
    assert np.all(page[:, -CORNER + 2 :] == PAGE)
    assert np.all(page[: CORNER - 1] == PAGE)
    assert np.all(page[-CORNER // 2 :] == PAGE)


def test_captions_lie_below_their_own_row() -> None:
    page = pixels_of(draw_grid([Cell(flat(144, 144), f"{LONG} 0.6 · {LONG} 0.4")] * 4, 2))
    is_image = np.all(page == GREY, axis=2).any(axis=1)
    is_text = ((page < 200) & (page != GREY)).all(axis=2).any(axis=1)
    assert is_image.sum() == 2 * 144
    assert not (is_image & is_text).any()
    first_row, last_row = np.nonzero(is_image)[0][[143, 144]]
    assert is_text[first_row:last_row].any()
    assert is_text[last_row + 144 :].any()
    assert not is_text[last_row - 12 : last_row].any()


def test_a_long_name_is_cut_and_its_share_kept() -> None:
    face = fonts.typeface([LONG, "…0123456789.·"], 13)
    lines = grid._caption_lines(f"{LONG} 0.62 · {LONG} 0.31 · cat 0.07", face, 160)
    assert [line[-5:] for line in lines] == [" 0.62", " 0.31", " 0.07"]
    assert all("…" in line for line in lines[:2])
    assert all(120 < face.length(line) <= 160 for line in lines[:2])


def test_short_entries_share_a_line() -> None:
    face = fonts.typeface(["abcdefghijklmnopqrstuvwxyz0123456789.·…"], 13)
    assert grid._caption_lines("cat 0.62 · dog 0.38", face, 160) == ["cat 0.62 · dog 0.38"]


@given(
    st.lists(st.integers(1, 30).map(lambda size: "n" * size), min_size=1, max_size=24),
    st.integers(0, 9),
    st.sampled_from([1, 2, 6]),
)
def test_no_entry_of_a_caption_is_hidden_without_a_count(
    names: list[str], hidden: int, most: int
) -> None:
    face = fonts.typeface(["n0123456789.·…+more"], 13)
    said = " · ".join([*names, *captioned.more(hidden)])
    lines = grid._lines(said, face, 160, most)
    assert 1 <= len(lines) <= most
    assert all(face.length(line) <= 160 for line in lines)
    entries = " · ".join(lines).split(" · ")
    counted = re.fullmatch(r"\+(\d+) more", entries[-1])
    shown = len(entries) - bool(counted)
    assert shown >= 1
    assert shown + (int(counted[1]) if counted else 0) == len(names) + hidden


def test_images_of_different_sizes_stand_on_one_line() -> None:
    cells = [Cell(flat(h, w), "x") for h, w in ((32, 32), (400, 500), (64, 200), (900, 600))]
    page = pixels_of(draw_grid(cells, 4))
    for column in range(4):
        x = CORNER + column * (500 + grid._GAP) + 250
        assert np.nonzero(np.all(page[:, x] == GREY, axis=1))[0].max() == CORNER + 511


def test_a_white_image_has_a_visible_end() -> None:
    page = pixels_of(draw_grid([Cell(flat(28, 28, WHITE), "")], 1))
    assert page[CORNER - 1, CORNER + 50].tolist() == list(EDGE)


def test_stretching_is_said_below_the_grid() -> None:
    ramp = np.arange(900, dtype=np.uint8).reshape(30, 30)
    plain = draw_grid([Cell(ramp, "cat")] * 4, 4)
    stretched = draw_grid([Cell(ramp.astype(np.float32), "cat")] * 4, 4)
    assert stretched.height > plain.height + 20
    assert (pixels_of(stretched)[plain.height - CORNER :] < 200).any()


def test_title_and_footnote_stay_on_the_page() -> None:
    words = "a rather long line of words " * 5
    page = pixels_of(draw_grid([Cell(flat(32, 32), "cat")], 5, title=words, footnote=words))
    assert page.shape[1] == 2 * CORNER + 160
    assert np.all(page[:, -CORNER + 1 :] == PAGE)


def test_names_of_any_script_can_be_given(no_system_fonts: None) -> None:
    names = ["café", "λόγος", "кошка", "猫", "کتاب", "🐱", "\ud800", "a\u0300\u200d\n"]
    page = draw_grid([Cell(flat(20, 20), name) for name in names], 4)
    assert page.width > 500


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    cells = [Cell(noise(32, 32), "cat 0.62 · dog 0.38", ((1, 2, 9, 9),))] * 3
    for name in ("a.png", "b.png"):
        grid.save(draw_grid(cells, 2, outline=True, title="mixed"), tmp_path / name)
    one, other = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert one == other
    assert b"tIME" not in one
    assert one.count(b"tEXt") == 1  # the mark by which a later picture may replace it
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no[/\\]g\.png: cannot be written \(No such file"):
        grid.save(draw_grid([Cell(flat(9, 9))], 1), tmp_path / "no" / "g.png")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cells": []}, "no images"),
        ({"cols": 0}, "cols 0: must be at least 1"),
        ({"scale": 0}, "scale 0: must be at least 1"),
        ({"font": Path("no.ttf")}, "no.ttf: there is no such font file"),
    ],
)
def test_a_wrong_request_is_one_clear_line(asked: dict[str, object], message: str) -> None:
    given_cells = asked.pop("cells", [Cell(flat(9, 9), "cat")])
    with pytest.raises(UsageError, match=message):
        draw_grid(given_cells, **{"cols": 2, **asked})  # type: ignore[arg-type]


# Several targets, what is drawn below, legends


def test_several_targets_have_one_line_each() -> None:
    face = grid.typeface([LONG, "·…."], 13, None)
    said = f"cat 0.62 · dog 0.38\n{LONG} 0.51 · {LONG} 0.49\n#1"
    lines = grid._caption_lines(said, face, 160)
    assert (lines[0], lines[2], len(lines)) == ("cat 0.62 · dog 0.38", "#1", 3)
    assert lines[1].endswith("… 0.51 · +1 more")
    assert face.length(lines[1]) <= 160


def test_targets_that_have_no_line_are_counted() -> None:
    face = grid.typeface([LONG, "·…."], 13, None)
    lines = grid._caption_lines("\n".join(f"#{number}" for number in range(9)), face, 160)
    assert lines == ["#0", "#1", "#2", "#3", "#4", "+4 more"]


def test_what_is_below_an_image_is_as_large_and_its_colours_are_kept() -> None:
    below = np.array([[[9, 8, 7], [1, 2, 3]], [[4, 5, 6], [7, 8, 9]]], np.uint8)
    page = pixels_of(draw_grid([Cell(flat(2, 2), "", below=below)], 1, scale=10))
    y = CORNER + 20 + grid._BELOW_GAP
    left = CORNER + (grid._LEAST_CELL - 20) // 2
    assert np.array_equal(page[y : y + 20, left : left + 20], below.repeat(10, 0).repeat(10, 1))
    assert np.array_equal(page[CORNER : CORNER + 20, left : left + 20], flat(20, 20))


def test_a_legend_has_every_colour_and_fits_the_page() -> None:
    colours = [(10 * one, 200, 255 - 10 * one) for one in range(12)]
    legend = [(colour, f"name {one}") for one, colour in enumerate(colours)]
    page = pixels_of(draw_grid([Cell(flat(30, 30), "cat")] * 2, 2, legend=legend))
    for colour in colours:
        assert (page == colour).all(axis=2).sum() >= 100
    assert (page[:, : CORNER - 1] == PAGE).all()
    assert (page[:, -CORNER + 1 :] == PAGE).all()
