"""Several inputs are one source: rows one after another, when what they hold goes together."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import augtool
from augtool import registry
from augtool.errors import BrokenInput, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import open_source
from augtool.sources._contract import Source
from augtool.sources._globs import expanded


def h5(path: Path, low: int, n: int, **sets: Any) -> str:
    """An HDF5 file of ``n`` images; the pixels of image i are ``low`` + i, its class is i % 3."""
    values = np.arange(low, low + n, dtype=np.uint8)
    given = {
        "images": np.broadcast_to(values[:, None, None, None], (n, 5, 6, 3)),
        "labels": np.arange(n) % 3,
        **sets,
    }
    with h5py.File(path, "w") as file:
        file.update(given)
    return str(path)


def folder(path: Path, low: int, names: str = "ab", size: tuple[int, int] = (5, 6)) -> str:
    for value, name in enumerate(names, low):
        (path / name).mkdir(parents=True)
        Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path / name / "x.png")
    return str(path)


def opened(specs: list[str], path: Path, **reading: Any) -> Source:
    scratch = path / f"scratch{len(list(path.iterdir()))}"
    scratch.mkdir()
    return open_source(specs, Reading(**reading), scratch)


def values(source: Source, rows: Any = None) -> list[int]:
    rows = np.arange(source.n) if rows is None else np.array(rows)
    assert source.shape is not None
    out = np.empty((len(rows), *source.shape), source.dtype)
    source.read(rows, out)
    return [int(value) for value in out[:, 0, 0, 0]]


def test_rows_follow_one_another_in_the_order_given(tmp_path: Path) -> None:
    parts = [h5(tmp_path / f"{low}.h5", low, n) for low, n in ((50, 4), (10, 3), (90, 5))]
    source = opened(parts, tmp_path)
    expected = [50, 51, 52, 53, 10, 11, 12, 90, 91, 92, 93, 94]
    assert (source.n, source.shape, source.pixels) == (12, (5, 6, 3), None)
    assert values(source) == expected
    rows = [11, 0, 5, 5, 3, 7]
    assert values(source, rows) == [expected[row] for row in rows]
    assert [int(source.image(row)[0, 0, 0]) for row in rows] == [expected[row] for row in rows]
    (target,) = source.targets
    assert target.values.tolist() == [0, 1, 2, 0, 0, 1, 2, 0, 1, 2, 0, 1]
    assert source.column("labels").tolist() == target.values.tolist()
    assert source.name(4).endswith("10.h5: row 0")
    assert values(pickle.loads(pickle.dumps(source))) == expected


def test_formats_that_are_loaded_do_not_hide_what_the_package_uses(tmp_path: Path) -> None:
    for name in registry.names("sources"):
        registry.load("sources", name)
    parts = [h5(tmp_path / f"{low}.h5", low, 4) for low in (0, 9)]
    assert values(opened(parts, tmp_path)) == [0, 1, 2, 3, 9, 10, 11, 12]


def test_folders_and_files_of_different_kinds_go_together(tmp_path: Path) -> None:
    first = folder(tmp_path / "one", 3)
    with tarfile.open(tmp_path / "two.tar", "w") as archive:
        for key, word in (("k", b"a"), ("l", b"b")):
            png = io.BytesIO()
            Image.fromarray(np.full((5, 6, 3), 9, np.uint8)).save(png, "png")
            for name, data in ((f"{key}.png", png.getvalue()), (f"{key}.cls", word)):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    source = opened([first, str(tmp_path / "two.tar")], tmp_path)
    assert values(source) == [3, 4, 9, 9]
    assert source.targets[0].class_names == ("a", "b")


def test_ids_without_names_may_go_further_in_one_part(tmp_path: Path) -> None:
    parts = [h5(tmp_path / "a.h5", 0, 2), h5(tmp_path / "b.h5", 9, 6)]
    (target,) = opened(parts, tmp_path).targets
    assert (target.width, target.values.tolist()) == (3, [0, 1, 0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ({"images": np.zeros((4, 5, 6, 3), np.float32)}, "pixels are float32, and in .* uint8"),
        ({"labels": np.full((4, 2), 0.5)}, "labels are soft, and in .* classes"),
        ({"masks": np.zeros((4, 5, 6), np.uint8)}, r"masks are \(5, 6\), and in .* not there"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, sets: Any, words: str) -> None:
    parts = [h5(tmp_path / "a.h5", 0, 4), h5(tmp_path / "b.h5", 0, 4, **sets)]
    with pytest.raises(UsageError, match=words):
        opened(parts, tmp_path)


def test_class_lists_that_disagree_are_refused_with_the_difference(tmp_path: Path) -> None:
    parts = [folder(tmp_path / "one", 0, "abc"), folder(tmp_path / "two", 0, "acd")]
    with pytest.raises(UsageError, match=r"only in .*two: 'd'; only in .*one: 'b'"):
        opened(parts, tmp_path)


def test_images_of_several_sizes_are_explained(tmp_path: Path) -> None:
    parts = [folder(tmp_path / "one", 1), folder(tmp_path / "two", 5, size=(9, 9))]
    source: Any = opened(parts, tmp_path)
    assert source.shape is None
    assert "rows are 9x9x3, and in" in str(source.sizes_error())
    assert values(opened(parts, tmp_path, size=(3, 3))) == [1, 2, 5, 6]


def test_masks_are_read_from_each_part(tmp_path: Path) -> None:
    masks = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
    parts = [h5(tmp_path / f"{at}.h5", 0, 4, masks=masks + 100 * at) for at in (0, 1)]
    found = opened(parts, tmp_path).masks
    assert found is not None
    out = np.empty((3, 5, 6), np.uint8)
    found.read(np.array([5, 0, 7]), out)
    assert np.array_equal(out, np.stack([masks[1] + 100, masks[0], masks[3] + 100]))


def test_a_broken_row_has_its_number_among_all(tmp_path: Path) -> None:
    parts = [folder(tmp_path / "one", 1), folder(tmp_path / "two", 5)]
    broken = tmp_path / "two" / "b" / "x.png"
    data = broken.read_bytes()
    broken.write_bytes(data[:20] + bytes(len(data) - 20))
    source = opened(parts, tmp_path)
    with pytest.raises(BrokenInput) as error:
        values(source)
    assert (error.value.row, error.value.name) == (3, "b/x.png")


def test_the_fingerprint_is_of_parts_and_order_not_of_places(tmp_path: Path) -> None:
    prints = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        parts = [h5(tmp_path / place / f"{i}.h5", i, 3 + i) for i in (0, 1)]
        prints += [opened(parts, tmp_path).fingerprint, opened(parts[::-1], tmp_path).fingerprint]
    assert prints[:2] == prints[2:]
    assert prints[0] != prints[1]


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        (["{008..011}.t"], ["008.t", "009.t", "010.t", "011.t"]),
        (["{8..11}.t"], ["8.t", "9.t", "10.t", "11.t"]),
        (["a{b,c}{1..2}"], ["ab1", "ab2", "ac1", "ac2"]),
        (["z", "a"], ["z", "a"]),
        (["sample:?n=3&x=*"], ["sample:?n=3&x=*"]),
    ],
)
def test_braces_are_a_shells(specs: list[str], expected: list[str]) -> None:
    assert list(expanded(specs)) == expected


def test_a_glob_is_sorted_and_a_name_with_such_characters_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.h5", "a.h5", "c[1].h5", "x{1..2}"):
        Path(name).touch()
    assert expanded(["*.h5"]) == ("a.h5", "b.h5", "c[1].h5")
    assert expanded(["c[1].h5", "x{1..2}"]) == ("c[1].h5", "x{1..2}")
    with pytest.raises(UsageError, match=r"--in no/\*.h5: no/\*.h5 fits no file"):
        expanded(["no/*.h5"])
    with pytest.raises(UsageError, match=r"a.h5: is given twice"):
        expanded(["*.h5", "a.h5"])
    with pytest.raises(UsageError, match=r"\{5\.\.3\} is no range"):
        expanded(["{5..3}"])


def test_the_command_line_takes_several_and_patterns(
    tmp_path: Path, cli: Callable[..., Any]
) -> None:
    for low in (0, 30, 60):
        h5(tmp_path / f"part-{low:02}.h5", low, 20)
    runs = {
        "each": [one for low in (0, 30, 60) for one in ("--in", tmp_path / f"part-{low:02}.h5")],
        "glob": ["--in", tmp_path / "part-*.h5"],
        "range": ["--in", tmp_path / "part-{00,30,60}.h5"],
    }
    made = []
    for name, inputs in runs.items():
        code, _, err = cli("cutmix", *inputs, "--out", tmp_path / f"{name}.out.h5", "--seed", 3)
        assert code == 0, err
        with augtool.open(tmp_path / f"{name}.out.h5") as mixed:
            assert len(mixed) == 60
            made.append(mixed.images[:].tobytes() + mixed.labels[:].tobytes())
    assert made[0] == made[1] == made[2]
    over = tmp_path / "part-30.h5"
    code, _, err = cli("cutmix", *runs["glob"], "--out", over, "--overwrite")
    assert (code, f"--out {over}" in err, f"--in {over}" in err) == (2, True, True)


def test_the_format_can_be_named(tmp_path: Path, cli: Callable[..., Any]) -> None:
    path = h5(tmp_path / "a.h5", 0, 12)
    assert open_source(path, Reading(), tmp_path, kind="hdf5").n == 12
    arrays = tmp_path / "arrays"
    arrays.mkdir()
    np.save(arrays / "x_train.npy", np.zeros((3, 5, 6, 3), np.uint8))
    np.save(arrays / "y_train.npy", np.arange(3))
    assert open_source(str(arrays), Reading(), tmp_path).n == 3
    with pytest.raises(UsageError, match=r"holds no images \(not read: 2 .npy\)"):
        open_source(str(arrays), Reading(), tmp_path, kind="folder")
    os.mkfifo(tmp_path / "pipe")
    for spec in (str(arrays), str(tmp_path / "pipe")):
        with pytest.raises(UsageError, match="cannot be of kind tar; leave --in-format out"):
            open_source(spec, Reading(), tmp_path, kind="tar")
    with pytest.raises(UsageError, match=r"there is no input format 'tra'.*tar"):
        open_source(path, Reading(), tmp_path, kind="tra")
    with pytest.raises(SourceError, match="damaged"):
        open_source(path, Reading(), tmp_path, kind="tar")
    code, out, err = cli("inspect", path, "--in-format", "hdf5", "--json")
    assert (code, '"rows": 12' in out) == (0, True), err
    code, _, err = cli("inspect", path, "--in-format", "tar")
    assert (code, "damaged" in err) == (1, True)
