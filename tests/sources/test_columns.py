"""Values beside the targets: one for each row, from the source or from a file that names rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augtool
from augtool.errors import InputChanged, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import folder, open_source, sample
from augtool.sources._columns import column_of, rows_of

N = 6
BASE = {"images": np.zeros((N, 7, 9, 3), np.uint8), "labels": np.arange(N) % 2}
COLUMNS: dict[str, Any] = {
    "patient": np.array([3, 3, 1, 1, 2, 2], np.int16),
    "big": np.arange(N, dtype=">f8") / 7,
    "flag": np.arange(N) % 2 == 0,
    "site": np.array(["Köln", "a", "", "b", "Köln", "a"]),
    "code": np.array([b"x", b"y", b"x", b"", b"\xff", b"y"], "S2"),
    "box": np.arange(N * 4).reshape(N, 4),
}
Arrays = Callable[..., Any]


def test_every_array_of_as_many_rows_is_a_column(arrays: Arrays) -> None:
    source = arrays({**BASE, **COLUMNS})
    for key in ("patient", "big", "flag", "box", "labels", "images"):
        found = source.column(key)
        expected = {**BASE, **COLUMNS}[key]
        assert np.array_equal(found, expected)
        assert found.dtype == expected.dtype.newbyteorder("=")
    assert source.column("site").tolist() == ["Köln", "a", "", "b", "Köln", "a"]
    assert source.column("code").tolist() == ["x", "y", "x", "", "\\xff", "y"]


def test_what_is_no_column_is_refused_with_what_there_is(arrays: Arrays) -> None:
    source = arrays({**BASE, **COLUMNS, "other": np.arange(5), "z": np.zeros(N, np.complex64)})
    with pytest.raises(UsageError, match="'patients'; did you mean 'patient'"):
        source.column("patients")
    with pytest.raises(UsageError, match=r"'q'.*(holds|choose from).*patient"):
        source.column("q")
    with pytest.raises(UsageError, match="other has 5 rows, the images have 6"):
        source.column("other")
    with pytest.raises(UsageError, match="z is complex64; a column holds numbers or strings"):
        source.column("z")


def test_a_column_of_a_file_that_has_changed_is_not_read(own: Arrays, tmp_path: Path) -> None:
    source = own({**BASE, **COLUMNS, "site": np.arange(N), "code": np.arange(N)}, {})
    with (tmp_path / "own.h5").open("ab") as file:
        file.write(b"more")
    with pytest.raises(InputChanged):
        source.column("patient")


def test_the_plan_in_an_own_output_is_there_as_columns(tmp_path: Path) -> None:
    recipe = augtool.Recipe((augtool.step("cutmix"),))
    output = str(tmp_path / "o.h5")
    augtool.run(augtool.Job("sample:?n=20&size=12", output, recipe, workers=0))
    (tmp_path / "scratch").mkdir()
    source = open_source(output, Reading(), tmp_path / "scratch")
    made = augtool.open(output)
    for key in ("src", "weight", "cutmix_box", "label"):
        assert np.array_equal(source.column(key), made.field(key))


@pytest.fixture
def pictures(tmp_path: Path) -> Any:
    for name in ("cat/a.png", "cat/scene 1/b.png", "dog/c.png", "dog/été.png"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "data" / name)
    (tmp_path / "scratch").mkdir(exist_ok=True)
    return folder.open(str(tmp_path / "data"), Reading(), tmp_path / "scratch")


def test_a_folder_has_the_names_of_its_files_and_folders(pictures: Any) -> None:
    assert pictures.column("name").tolist() == [pictures.name(row) for row in range(4)]
    assert pictures.column("folder").tolist() == ["cat", "cat/scene 1", "dog", "dog"]
    with pytest.raises(UsageError, match=r"no column 'patient'; choose name .* or folder"):
        pictures.column("patient")


def test_drawn_shapes_have_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sample: has no column 'name'"):
        sample.open("sample:?n=4", Reading(), tmp_path).column("name")


def put(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1\n2\n3\n4\n", [1, 2, 3, 4]),
        ("1\r\n2.5\r\n3\r\n-4\r\n", [1, 2.5, 3, -4]),
        ("p1\np2\np1\n1_0\n", ["p1", "p2", "p1", "1_0"]),
        ("0,5\n3,8\n1,6\n2,7\n", [5, 6, 7, 8]),
        (
            "name,weight\ndog/c.png,7\ncat/a.png,5\ncat/scene 1/b.png,6\ndog/été.png,8.5\n",
            [5, 6, 7, 8.5],
        ),
        ('\ufeffrow,group\n3,x\n"1",y\n0,"a, b"\n\n2,z\n', ["a, b", "y", "z", "x"]),
    ],
)
def test_a_text_file_gives_each_row_its_value(
    pictures: Any, tmp_path: Path, text: str, values: list[Any]
) -> None:
    found = column_of(pictures, put(tmp_path / "w.csv", text))
    assert found.tolist() == values
    assert found.dtype.kind == np.array(values).dtype.kind


def test_an_npy_file_or_a_key_gives_each_row_its_value(
    pictures: Any, arrays: Arrays, tmp_path: Path
) -> None:
    for values in (np.arange(4, dtype=">f4"), np.arange(4).reshape(4, 1), np.array(list("abca"))):
        np.save(tmp_path / "w.npy", values)
        found = column_of(pictures, str(tmp_path / "w.npy"))
        assert found.tolist() == values.reshape(4).tolist()
        assert found.dtype.isnative
    assert column_of(pictures, "folder").tolist()[1] == "cat/scene 1"
    source = arrays({**BASE, **COLUMNS, "wide": np.arange(N).reshape(N, 1)})
    assert column_of(source, "wide").tolist() == list(range(N))
    assert column_of(source, "patient").tolist() == COLUMNS["patient"].tolist()
    with pytest.raises(UsageError, match=r"box: has shape \(6, 4\), and 6 rows need one value"):
        column_of(source, "box")
    rows = "\n".join(f"row {row},{row * 2}" for row in range(N))
    assert column_of(source, put(tmp_path / "w.txt", rows)).tolist() == list(range(0, 2 * N, 2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\n2\n3\n", "holds 3 values, the source has 4 rows"),
        ("", "its lines are not all one value"),
        ("1\n2,3\n", "its lines are not all one value"),
        ("0,1\n1,1\n2,1\n", r"1 of 4 rows have no value, such as dog/été\.png"),
        ("0,1\n1,1\n2,1\n3,1\n4,1\n", "1 of 5 names are not in the source, such as '4'"),
        ("cat/a,1\ndog/c,1\n2,1\n3,1\n", "2 of 4 names are not in the source, such as 'cat/a'"),
        ("0,1\n1,1\n2,1\n3,1\ncat/a.png,2\n", r"1 rows are listed more than once, such as cat/a"),
    ],
)
def test_a_file_that_does_not_fit_the_rows_says_how(
    pictures: Any, tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        column_of(pictures, put(tmp_path / "w.csv", text))
    assert str(caught.value).startswith(str(tmp_path / "w.csv: "))


def test_files_that_cannot_be_read_are_named(pictures: Any, tmp_path: Path) -> None:
    for name in ("none.csv", "none.npy"):
        with pytest.raises(UsageError, match=f"{name}: .*check the path"):
            column_of(pictures, str(tmp_path / name))
    put(tmp_path / "text.npy", "text")
    with pytest.raises(UsageError, match="not readable as npy"):
        column_of(pictures, str(tmp_path / "text.npy"))
    np.save(tmp_path / "short.npy", np.arange(3))
    with pytest.raises(UsageError, match=r"short\.npy: has shape \(3,\), and 4 rows need"):
        column_of(pictures, str(tmp_path / "short.npy"))
    np.save(tmp_path / "odd.npy", np.zeros(4, np.complex64))
    with pytest.raises(UsageError, match="holds complex64"):
        column_of(pictures, str(tmp_path / "odd.npy"))


def test_a_list_of_rows_holds_names_or_numbers_in_any_order(pictures: Any, tmp_path: Path) -> None:
    listed = put(tmp_path / "rows", "dog/c.png\n\n0\r\ncat/scene 1/b.png\n")
    assert rows_of(pictures, listed).tolist() == [0, 1, 2]
    assert rows_of(pictures, listed).dtype == np.int64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists no rows"),
        ("7\ndog/x.png\n1\n", "2 of 3 names are not in the source, such as '7'; its first row is"),
        ("-1\n", "1 of 1 names"),
        ("0\n2\ncat/a.png\n", r"1 rows are listed more than once, such as cat/a\.png; list each"),
    ],
)
def test_a_list_with_strangers_or_doubles_is_refused(
    pictures: Any, tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        rows_of(pictures, put(tmp_path / "rows", text))
    with pytest.raises(UsageError, match="nowhere: cannot be read"):
        rows_of(pictures, str(tmp_path / "nowhere"))
