"""Parquet files of images: columns keep their meaning, and images are copied once."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augtool.errors import BrokenInput, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import parquet
from augtool.sources._contract import Source
from augtool.system.child import isolated
from augtool.targets import UNKNOWN

pytestmark = pytest.mark.usefixtures("inline")

H, W = 4, 6


def png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((H, W, 3), value, np.uint8)).save(stream, "png")
    return stream.getvalue()


def structs(n: int) -> list[dict[str, Any]]:
    return [{"bytes": png(row), "path": f"{row}.png"} for row in range(n)]


def put(path: Path, features: dict[str, Any] | None = None, **columns: Any) -> Path:
    table = pa.table(columns)
    if features is not None:
        said = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": said})
    pq.write_table(table, path, row_group_size=3)
    return path


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "isolated", lambda function, *args: function(*args))


def opened(*paths: Path, **reading: Any) -> Source:
    scratch = paths[0].parent / f"scratch{len(list(paths[0].parent.iterdir()))}"
    scratch.mkdir()
    return parquet.open_all([str(path) for path in paths], Reading(**reading), scratch)


def values(source: Source) -> list[int]:
    out = np.empty((source.n, H, W, 3), np.uint8)
    source.read(np.arange(source.n), out)
    return [int(value) for value in out[:, 0, 0, 0]]


NAMES = {"label": {"_type": "ClassLabel", "names": ["cat", "dog", "emu"]}}


def test_images_and_classes_are_read_as_hugging_face_has_them(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", NAMES, image=structs(8), label=[0, 1] * 4)
    source = opened(path)
    (target,) = source.targets
    assert (source.n, source.shape) == (8, (H, W, 3))
    assert (target.kind, target.width, target.class_names) == ("classes", 3, ("cat", "dog", "emu"))
    assert target.values.tolist() == [0, 1] * 4
    assert values(source) == list(range(8))
    assert [source.name(row) for row in (0, 7)] == ["0 0.png", "7 7.png"]


def test_plain_bytes_are_images_too(tmp_path: Path) -> None:
    columns = {"jpg": [png(row) for row in range(4)], "y": [0, 1, 1, 0]}
    assert values(opened(put(tmp_path / "a.parquet", **columns))) == [0, 1, 2, 3]


def test_files_are_one_source_in_the_order_given(tmp_path: Path) -> None:
    parts = [
        put(tmp_path / f"train-{part}.parquet", NAMES, image=structs(rows), label=[part] * rows)
        for part, rows in enumerate((1, 2, 3))
    ]
    source = opened(*parts)
    assert values(source) == [0, 0, 1, 0, 1, 2]
    assert source.targets[0].values.tolist() == [0, 1, 1, 2, 2, 2]
    assert source.column("label").tolist() == [0, 1, 1, 2, 2, 2]
    assert source.name(1) == "train-1.parquet/0 0.png"


def test_files_of_other_classes_are_refused(tmp_path: Path) -> None:
    other = {"label": {"_type": "ClassLabel", "names": ["cat", "cow", "emu"]}}
    first = put(tmp_path / "a.parquet", NAMES, image=structs(2), label=[0, 1])
    second = put(tmp_path / "b.parquet", other, image=structs(2), label=[0, 1])
    with pytest.raises(UsageError, match=r"b.parquet: the classes of label are not those of"):
        opened(first, second)
    third = put(tmp_path / "c.parquet", NAMES, image=structs(2), label=["x", "y"])
    with pytest.raises(UsageError, match=r"c.parquet: label is string, and in .*a.parquet"):
        opened(first, third)


@pytest.mark.parametrize(
    ("labels", "kind", "expected"),
    [
        (pa.array([[0.5, 0.5], [1, 0]], pa.list_(pa.float32(), 2)), "soft", [[0.5, 0.5], [1, 0]]),
        (pa.array([[2.0, -1], [1, 0]]), "values", [[2, -1], [1, 0]]),
        (pa.array([["u"], ["u", "v"]]), "multihot", [[1, 0], [1, 1]]),
        (pa.array([0.5, 3.0]), "values", [[0.5], [3]]),
        (pa.array(["b", "a"]), "classes", [1, 0]),
        (pa.array([True, False]), "classes", [1, 0]),
    ],
)
def test_labels_are_what_their_type_says(
    tmp_path: Path, labels: Any, kind: str, expected: Any
) -> None:
    (target,) = opened(put(tmp_path / "a.parquet", image=structs(2), label=labels)).targets
    assert (target.kind, target.values.tolist()) == (kind, expected)


def test_a_label_that_is_null_is_unknown_when_that_is_said(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", NAMES, image=structs(3), label=pa.array([0, None, 2]))
    source = opened(path, label_missing="nan")
    assert source.targets[0].values.tolist() == [0, UNKNOWN, 2]
    with pytest.raises(UsageError, match="1 of 3 images have an empty label"):
        opened(path)


def test_several_label_columns_are_several_targets(tmp_path: Path) -> None:
    columns = {"image": structs(4), "fine": [0, 1, 2, 3], "coarse": [0, 0, 1, 1]}
    source = opened(put(tmp_path / "a.parquet", **columns), label_key=("fine", "coarse"))
    assert [(one.name, one.width) for one in source.targets] == [("fine", 4), ("coarse", 2)]


def test_it_says_what_there_is_when_columns_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no column holds images \(bytes\); it has a, label"):
        opened(put(tmp_path / "a.parquet", a=[1, 2], label=[0, 1]))
    with pytest.raises(UsageError, match=r"choose one of u, v with --label-key"):
        opened(put(tmp_path / "b.parquet", image=structs(2), u=[0, 1], v=[0, 1]))
    pair = {"p": [png(0)] * 2, "q": [png(1)] * 2, "label": [0, 1]}
    with pytest.raises(UsageError, match=r"p, q could be the images"):
        opened(put(tmp_path / "c.parquet", **pair))
    assert values(opened(tmp_path / "c.parquet", image_key="q")) == [1, 1]
    with pytest.raises(UsageError, match=r"label is int64; images are bytes"):
        opened(tmp_path / "c.parquet", image_key="label")


def test_rows_without_an_image_are_an_error_that_says_where(tmp_path: Path) -> None:
    images = [*structs(2), {"bytes": None, "path": "/data/x.png"}]
    path = put(tmp_path / "a.parquet", image=images, label=[0, 1, 0])
    with pytest.raises(SourceError, match=r"row 2 has no image, only the path '/data/x.png'"):
        opened(path)


def test_a_damaged_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", image=structs(50), label=[0, 1] * 25)
    data = bytearray(path.read_bytes())
    (tmp_path / "cut.parquet").write_bytes(data[:-9])
    with pytest.raises(SourceError, match=r"cut.parquet: not readable as Parquet"):
        opened(tmp_path / "cut.parquet")
    data[10:200] = b"\xff" * 190
    (tmp_path / "hit.parquet").write_bytes(data)
    with pytest.raises(SourceError, match="damaged"):
        opened(tmp_path / "hit.parquet")


def test_a_broken_image_is_named_by_its_row(tmp_path: Path) -> None:
    images = [*structs(3), {"bytes": b"\x89PNG nothing", "path": None}]
    source = opened(put(tmp_path / "a.parquet", image=images, label=[0, 1, 0, 1]))
    with pytest.raises(BrokenInput, match=r"^3: ") as broken:
        values(source)
    assert broken.value.row == 3


def test_the_source_stays_small_and_needs_the_file_no_more(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", NAMES, image=structs(8), label=[0, 1] * 4)
    data = pickle.dumps(opened(path))
    path.unlink()
    assert len(data) < 2000
    assert values(pickle.loads(data)) == list(range(8))


def test_the_library_is_loaded_by_a_child_process_only(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", image=structs(2), label=[0, 1])
    code = (
        "import sys; from pathlib import Path; from augtool.recipe.recipe import Reading\n"
        "from augtool.sources import open_source\n"
        "source = open_source(sys.argv[1], Reading(), Path(sys.argv[2]))\n"
        "print(source.n, source.column('name'), 'pyarrow' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path)]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("2 ['0 0.png' '1 1.png'] False\n", "")


def test_a_file_that_crashes_the_library_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parquet, "isolated", isolated)
    lists = pa.array([[0.5, 0.5]], pa.list_(pa.float32(), 2))
    table = pa.table({"image": [b"x"], "labels": lists})
    pq.write_table(table, tmp_path / "a.parquet", compression="none")
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[-630] = 0  # the list repeats no more: pyarrow 26 calls abort()
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(SourceError, match=r"a\.parquet: (the process that read it|not readable)"):
        opened(tmp_path / "a.parquet")
    assert capfd.readouterr().err == ""


def test_without_pyarrow_the_error_names_the_extra(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", image=structs(2), label=[0, 1])
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "pyarrow.py").write_text("raise ImportError")
    code = (
        "import sys; from pathlib import Path; from augtool.recipe.recipe import Reading\n"
        "from augtool.sources import open_source\n"
        "open_source(sys.argv[1], Reading(), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path)]
    said = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "none")},
    ).stderr
    assert "pip install 'augtool[parquet]'" in said
