"""Labels beside images: each image gets the label that the table gives its name, or none."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import _tables, open_source
from augtool.sources._contract import Source
from augtool.targets import UNKNOWN

pytestmark = pytest.mark.usefixtures("inline")

NAMES = ("a.png", "deep/b.png", "deep/er/c.png", "d.png", "e.png")
Opened = Callable[..., Source]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five images in no class folders; the pixels of image i are i."""
    for value, name in enumerate(NAMES):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 6, 3), value, np.uint8)).save(path)
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tables, "isolated", lambda function, *args: function(*args))


@pytest.fixture
def opened(data: Path, tmp_path: Path) -> Opened:
    def open_it(labels: Path | None = None, **reading: Any) -> Source:
        scratch = tmp_path / f"scratch{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        return open_source(str(data), Reading(**reading), scratch, labels and str(labels))

    return open_it


def put_csv(path: Path, *rows: tuple[Any, ...]) -> Path:
    with path.open("w", newline="", errors="surrogateescape") as file:
        csv.writer(file).writerows(rows)
    return path


def put_json(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def classes(source: Source) -> dict[int, str]:
    """{pixel value of an image: its class}: pixels and labels meet nowhere else."""
    (target,) = source.targets
    assert target.class_names is not None
    assert source.shape is not None
    pixels = np.empty((source.n, *source.shape), np.uint8)
    source.read(np.arange(source.n), pixels)
    ids = target.values.tolist()
    return {int(pixels[row, 0, 0, 0]): target.class_names[ids[row]] for row in range(source.n)}


EXPECTED = {0: "cat", 1: "dog", 2: "cat", 3: "emu", 4: "dog"}


def written(path: Path, suffix: str) -> Path:
    file = path / f"metadata{suffix}"
    shuffled = [(NAMES[row], EXPECTED[row]) for row in (3, 0, 4, 2, 1)]
    if suffix == ".csv":
        return put_csv(file, ("file_name", "label"), *shuffled)
    if suffix == ".jsonl":
        return put_json(file, *({"file_name": name, "label": word} for name, word in shuffled))
    import pyarrow as pa
    import pyarrow.parquet as pq

    names, words = zip(*shuffled, strict=True)
    pq.write_table(pa.table({"file_name": names, "label": words}), file)
    return file


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_table_called_metadata_labels_the_images_around_it(
    data: Path, opened: Opened, suffix: str
) -> None:
    written(data, suffix)
    source = opened()
    assert classes(source) == EXPECTED
    assert [source.name(row) for row in range(5)] == sorted(NAMES)
    assert not source.notes.left_out
    assert source.notes.warnings == ()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_named_table_beats_the_one_in_the_folder(
    data: Path, opened: Opened, tmp_path: Path, suffix: str
) -> None:
    put_csv(data / "metadata.csv", ("file_name", "label"), *((name, "x") for name in NAMES))
    assert classes(opened(written(tmp_path, suffix))) == EXPECTED


def test_names_may_lack_extension_and_folders_and_begin_with_a_dot(
    opened: Opened, tmp_path: Path
) -> None:
    names = ("./a.png", "deep/b", "c.png", "d", "e.png")
    rows = zip(names, EXPECTED.values(), strict=True)
    assert classes(opened(put_csv(tmp_path / "l.csv", ("id", "class"), *rows))) == EXPECTED


def test_a_table_needs_no_headings_and_may_be_parted_by_tabs(
    opened: Opened, tmp_path: Path
) -> None:
    lines = (f"{name}\t{word}\n" for name, word in zip(NAMES, EXPECTED.values(), strict=True))
    (tmp_path / "l.csv").write_text("".join(lines))
    assert classes(opened(tmp_path / "l.csv")) == EXPECTED


def test_the_name_of_another_folder_is_not_the_image_of_that_name(
    opened: Opened, tmp_path: Path
) -> None:
    rows = [*zip(NAMES, "vwxyz", strict=True), ("other/a.png", "w")]
    source = opened(put_csv(tmp_path / "l.csv", ("file", "label"), *rows))
    assert classes(source) == dict(enumerate("vwxyz"))
    (warning,) = source.notes.warnings
    assert "1 of 6 names have no image" in warning
    assert "'other/a.png'" in warning


def test_a_name_that_several_images_have_is_refused(
    data: Path, opened: Opened, tmp_path: Path
) -> None:
    (data / "other").mkdir()
    (data / "other" / "c.png").write_bytes((data / "a.png").read_bytes())
    table = put_csv(tmp_path / "l.csv", ("file", "label"), ("c.png", 1), ("a.png", 0))
    with pytest.raises(UsageError, match=r"names are those of several images, such as 'c.png'"):
        opened(table)


def test_images_without_a_label_are_left_out_and_counted(opened: Opened, tmp_path: Path) -> None:
    source = opened(put_csv(tmp_path / "l.csv", ("file", "label"), ("a.png", "x"), ("d.png", "y")))
    assert classes(source) == {0: "x", 3: "y"}
    assert source.notes.left_out == {"without label": 3}
    (warning,) = source.notes.warnings
    assert "3 of 5 images have no label" in warning
    assert "'deep/b.png', 'deep/er/c.png', 'e.png'" in warning


def test_more_missing_images_than_others_stop_with_counts(opened: Opened, tmp_path: Path) -> None:
    rows = [(f"no{number}.png", 0) for number in range(6)]
    table = put_csv(tmp_path / "l.csv", ("file", "label"), *rows, ("a.png", 0))
    with pytest.raises(UsageError, match=r"6 of 7 names have no image in .*'no0.png'.*'a.png'"):
        opened(table)


def test_an_image_that_is_listed_twice_is_named(opened: Opened, tmp_path: Path) -> None:
    table = put_csv(tmp_path / "l.csv", ("file", "label"), ("a.png", 1), ("a", 1), ("d.png", 0))
    with pytest.raises(UsageError, match=r"1 images are listed more than once, such as 'a.png'"):
        opened(table)


def test_columns_are_chosen_by_name_and_several_are_several_targets(
    opened: Opened, tmp_path: Path
) -> None:
    rows = [(f"n{i}", name, i % 2, 2.5 * i) for i, name in enumerate(NAMES)]
    table = put_csv(tmp_path / "l.csv", ("what", "where", "side", "age"), *rows)
    source = opened(table, name_column="where", label_column=("side", "age"))
    side, age = source.targets
    order = [NAMES.index(source.name(row)) for row in range(5)]
    assert (side.name, side.kind, age.name, age.kind) == ("side", "classes", "age", "values")
    assert side.values.tolist() == [row % 2 for row in order]
    assert age.values[:, 0].tolist() == [2.5 * row for row in order]


def test_columns_that_are_not_there_or_not_found_list_what_there_is(
    opened: Opened, tmp_path: Path
) -> None:
    table = put_csv(tmp_path / "l.csv", ("file", "a", "b"), ("a.png", 1, 2))
    with pytest.raises(UsageError, match=r"--label-column c: .* choose from file, a, b"):
        opened(table, label_column=("c",))
    with pytest.raises(UsageError, match=r"say which of 'a', 'b' with --label-column"):
        opened(table)
    other = put_csv(tmp_path / "m.csv", ("u", "v"), ("a.png", 1))
    with pytest.raises(UsageError, match=r"say which of 'u', 'v' it is with --name-column"):
        opened(other)


def test_several_classes_in_a_cell_are_multihot(opened: Opened, tmp_path: Path) -> None:
    cells = ("sun|sea", "sea", "", "tree | sun", "sun")
    rows = zip(NAMES, cells, strict=True)
    source = opened(put_csv(tmp_path / "l.csv", ("file", "tags"), *rows), label_sep="|")
    (target,) = source.targets
    assert (target.kind, target.class_names) == ("multihot", ("sea", "sun", "tree"))
    by_name = {source.name(row): target.values[row].tolist() for row in range(5)}
    assert by_name["a.png"] == [1, 1, 0]
    assert by_name["deep/er/c.png"] == [0, 0, 0]
    assert by_name["d.png"] == [0, 1, 1]


def test_lists_are_vectors_when_numbers_and_sets_of_classes_when_words(
    opened: Opened, tmp_path: Path
) -> None:
    soft = [{"file_name": name, "label": [0.25, 0.75]} for name in NAMES]
    (target,) = opened(put_json(tmp_path / "soft.jsonl", *soft)).targets
    assert (target.kind, target.values.tolist()) == ("soft", [[0.25, 0.75]] * 5)
    sets = [{"file_name": name, "label": ["b", "a"][: i % 3]} for i, name in enumerate(NAMES)]
    source = opened(put_json(tmp_path / "sets.jsonl", *sets))
    (target,) = source.targets
    assert (target.kind, target.class_names) == ("multihot", ("a", "b"))
    by_name = {source.name(row): target.values[row].tolist() for row in range(5)}
    assert [by_name[name] for name in NAMES] == [[0, 0], [0, 1], [1, 1], [0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("cells", "missing", "kind", "expected"),
    [
        ((1, 0, "NA", 1, 0), "NA", "classes", [1, 0, UNKNOWN, 1, 0]),
        ((1, 0, "", 1, "nan"), "nan", "classes", [1, 0, UNKNOWN, 1, UNKNOWN]),
        (("u", "v", "?", "u", "v"), "?", "classes", [0, 1, UNKNOWN, 0, 1]),
        ((1, 0, -1, 1, 0), "-1", "classes", [1, 0, UNKNOWN, 1, 0]),
        ((0.5, 1, "", 2, 3), "nan", "values", [0.5, 1, np.nan, 2, 3]),
    ],
)
def test_what_stands_for_an_unknown_label_is_unknown(
    opened: Opened, tmp_path: Path, cells: Any, missing: str, kind: str, expected: list[float]
) -> None:
    table = put_csv(tmp_path / "l.csv", ("file", "label"), *zip(NAMES, cells, strict=True))
    source = opened(table, label_missing=missing)
    (target,) = source.targets
    by_name = {source.name(row): target.values.reshape(-1)[row] for row in range(5)}
    assert target.kind == kind
    assert np.array_equal([by_name[name] for name in NAMES], expected, equal_nan=True)


def test_an_empty_label_is_an_error_that_names_the_option(opened: Opened, tmp_path: Path) -> None:
    table = put_csv(tmp_path / "l.csv", ("file", "label"), *zip(NAMES, "ab cd", strict=True))
    with pytest.raises(UsageError, match=r"1 of 5 images have an empty label.*--label-missing nan"):
        opened(table)


def test_numbers_with_leading_zeros_are_names(opened: Opened, tmp_path: Path) -> None:
    cells = ("007", "010", "007", "010", "007")
    table = put_csv(tmp_path / "l.csv", ("file", "label"), *zip(NAMES, cells, strict=True))
    assert set(classes(opened(table)).values()) == {"007", "010"}


def test_an_array_has_a_label_for_each_image_in_the_order_of_their_paths(
    opened: Opened, tmp_path: Path
) -> None:
    np.save(tmp_path / "labels.npy", np.array([3, 1, 0, 2, 3]))
    source = opened(tmp_path / "labels.npy")
    assert source.targets[0].values.tolist() == [3, 1, 0, 2, 3]
    np.save(tmp_path / "few.npy", np.arange(4))
    with pytest.raises(UsageError, match=r"has shape \(4,\), and there are 5 images"):
        opened(tmp_path / "few.npy")


def test_an_array_of_objects_is_never_loaded(opened: Opened, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "boom"),))

    np.save(tmp_path / "l.npy", np.array([Bomb()] * 5, object), allow_pickle=True)
    with pytest.raises(UsageError, match="not readable as npy"):
        opened(tmp_path / "l.npy")
    assert not (tmp_path / "boom").exists()


def test_the_class_can_be_a_part_of_the_name(data: Path, opened: Opened) -> None:
    for file in data.rglob("*.png"):
        file.rename(file.with_name(f"{'cat' if file.stem in 'ac' else 'dog'}.{file.stem}.png"))
    source = opened(label_from_name=r"(\w+)\.\w+\.png$")
    assert classes(source) == {0: "cat", 1: "dog", 2: "cat", 3: "dog", 4: "dog"}
    some = opened(label_from_name=r"deep/.*(cat|dog)\.")
    assert (some.n, some.notes.left_out) == (2, {"without label": 3})


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "is no regular expression"),
        ("cat", "into parentheses"),
        ("(zebra)", "fits none of the names, such as 'a.png'"),
    ],
)
def test_a_pattern_that_is_no_use_is_explained(opened: Opened, pattern: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        opened(label_from_name=pattern)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems restrict names")
def test_names_that_are_no_text_are_found(data: Path, opened: Opened, tmp_path: Path) -> None:
    odd = b"line\nbreak \xe9.png"
    os.link(data / "a.png", os.fsencode(data) + b"/" + odd)
    rows = [*((name, "x") for name in NAMES), (odd.decode("utf-8", "surrogateescape"), "y")]
    table = put_csv(tmp_path / "l.csv", ("file", "label"), *rows)
    source = opened(table)
    labels = {source.name(row): source.targets[0].values[row] for row in range(6)}
    assert labels["line\\nbreak \\xe9.png"] == 1


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("l.csv", "file,label\na.png\n", "row 2 has 1 cells"),
        ("l.csv", "", "is empty"),
        ("l.csv", 'file,label\n"' + "x" * 200_000, "is no CSV"),
        ("l.jsonl", "{", "line 1 is no JSON"),
        ("l.jsonl", "[1]", "is no JSON object"),
        ("l.jsonl", '{"file": "a.png", "label": 1}\n{"file": "d.png"}', "line 2 has no 'label'"),
        ("l.jsonl", "[" * 100_000, "is no JSON"),
        ("l.parquet", "PAR1", "not readable as Parquet"),
        ("l.npy", "nothing", "not readable as npy"),
        ("l.mat", "", "labels are in"),
    ],
)
def test_a_damaged_table_is_an_error_of_one_line(
    opened: Opened, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises((UsageError, SourceError), match=words) as error:
        opened(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_pipe_is_not_opened(opened: Opened, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "l.csv")
    with pytest.raises(UsageError, match="no such file of labels"):
        opened(tmp_path / "l.csv")


def test_the_fingerprint_follows_the_labels(data: Path, opened: Opened, tmp_path: Path) -> None:
    first = opened(written(tmp_path, ".csv")).fingerprint
    assert opened(written(tmp_path, ".jsonl")).fingerprint == first
    rows = zip(NAMES, ("cat", "dog", "cat", "dog", "emu"), strict=True)
    other = opened(put_csv(tmp_path / "o.csv", ("file", "label"), *rows)).fingerprint
    assert other != first


def test_options_for_tables_are_refused_where_folders_are_classes(
    data: Path, opened: Opened
) -> None:
    for name in ("a.png", "d.png", "e.png"):
        (data / name).rename(data / "deep" / name)
    assert opened().class_names == ("deep",)  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="--label-column means nothing where folders are"):
        opened(label_column=("x",))


def test_labels_mean_nothing_for_arrays(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--labels means nothing for an input of kind sample"):
        open_source("sample:?n=9", Reading(), tmp_path, "l.csv")


def test_the_command_line_mixes_what_a_table_labels(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]
) -> None:
    import augtool

    table, out = written(tmp_path, ".csv"), tmp_path / "m.h5"
    code, _, err = cli("cutmix", "--in", data, "--labels", table, "--out", out, "--seed", 1)
    assert code == 0, err
    with augtool.open(out) as mixed:
        assert mixed.class_names == ("cat", "dog", "emu")
        assert str(tmp_path) not in mixed.attributes["recipe"]
        pixels = mixed.images[:]
        for row in range(5):
            shares = np.zeros(3)
            for value in range(5):
                share = (pixels[row] == value).all(axis=-1).mean()
                shares[["cat", "dog", "emu"].index(EXPECTED[value])] += share
            assert np.allclose(mixed.labels[row], shares, atol=1e-6)


def test_importing_the_source_loads_no_reader_of_tables() -> None:
    code = "import sys, augtool.sources.folder; assert not {'pyarrow'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
