"""Poor surroundings change nothing, and an input that changes under a run is named."""

from __future__ import annotations

import importlib
import io
import os
import resource
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest

from augtool.engines import open_engine
from augtool.engines.inline import INLINE
from augtool.errors import InputChanged, WorkerDied
from augtool.job import Job
from augtool.pipeline.workdir import Books
from augtool.recipe.recipe import Reading, Recipe, step
from augtool.run import run
from augtool.sources import open_source
from augtool.system.progress import Progress

NOWHERE = "/proc/nowhere"
POOR = {
    "HOME": NOWHERE,
    "XDG_CACHE_HOME": NOWHERE,
    "NUMBA_CACHE_DIR": NOWHERE,
    "TMPDIR": NOWHERE,
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONHASHSEED": "7",
    "TERM": "dumb",
    "COLUMNS": "0",
}


def closed() -> None:
    for number in (0, 1, 2):
        os.close(number)


def limits() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


def test_without_home_cache_terminal_locale_and_handles_the_bytes_are_the_same(
    corpus: ModuleType, augtool: Callable[..., Any], cli: Callable[..., Any], tmp_path: Path
) -> None:
    for number in range(12):
        folder = tmp_path / "données" / ("кот", "犬")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"é{number}.png").write_bytes(corpus.good(seed=number))
    (tmp_path / "données").chmod(0o555)
    rich = cli("cutmix", "--in", tmp_path / "données", "--out", tmp_path / "rich.h5", "--seed", 5)
    assert rich[0] == 0
    command = ("cutmix", "--in", "données", "--seed", 5, "--workers", 2)
    env = {**{k: v for k, v in os.environ.items() if k not in POOR}, **POOR}
    poor = augtool(*command, "--out", "poor.h5", env=env, preexec_fn=limits)
    assert poor.code == 0, poor.lines
    assert all(line.isascii() for line in poor.lines)
    mute = augtool(*command, "--out", "mute.h5", preexec_fn=closed)
    assert (mute.code, mute.lines, mute.out) == (0, [], "")
    expected = (tmp_path / "rich.h5").read_bytes()
    assert (tmp_path / "poor.h5").read_bytes() == expected
    assert (tmp_path / "mute.h5").read_bytes() == expected
    assert {one.name for one in tmp_path.iterdir()} == {
        *("données", "rich.h5", "poor.h5", "mute.h5")
    }


IMAGES = np.random.default_rng(2).integers(0, 256, (40, 9, 14, 3), dtype=np.uint8)
LABELS = np.arange(40) % 3


def folder_of(place: Path, corpus: ModuleType) -> tuple[Path, Path]:
    for number in range(20):
        file = place / "data" / ("cat", "dog")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(corpus.good(seed=number))
    return place / "data", file


def hdf5_of(place: Path, _corpus: ModuleType) -> tuple[Path, Path]:
    with h5py.File(place / "a.h5", "w") as file:
        file["images"], file["labels"] = IMAGES, LABELS
    return place / "a.h5", place / "a.h5"


def npy_of(place: Path, _corpus: ModuleType) -> tuple[Path, Path]:
    (place / "a").mkdir()
    np.save(place / "a" / "x_train.npy", IMAGES)
    np.save(place / "a" / "y_train.npy", LABELS)
    return place / "a", place / "a" / "x_train.npy"


def masks_of(place: Path, _corpus: ModuleType) -> tuple[Path, Path]:
    npy_of(place, _corpus)
    np.save(place / "a" / "masks.npy", IMAGES[..., 0])
    return place / "a", place / "a" / "masks.npy"


def tar_of(place: Path, corpus: ModuleType) -> tuple[Path, Path]:
    rows = b"".join(corpus.row(b"%d" % number, number) for number in range(20))
    (place / "a.tar").write_bytes(rows + bytes(1024))
    return place / "a.tar", place / "a.tar"


def zip_of(place: Path, corpus: ModuleType) -> tuple[Path, Path]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for number in range(20):
            archive.writestr(f"{'cd'[number % 2]}/{number}.png", corpus.good(seed=number))
    (place / "a.zip").write_bytes(stream.getvalue())
    return place / "a.zip", place / "a.zip"


def shrink(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(bytes(reversed(file.read_bytes())))
    os.utime(other, ns=(1, 1))
    other.replace(file)


def remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("change", [shrink, replace, remove])
@pytest.mark.parametrize("make", [folder_of, hdf5_of, npy_of, masks_of, tar_of, zip_of])
def test_an_input_that_changes_under_a_run_is_named(
    corpus: ModuleType, tmp_path: Path, make: Any, change: Callable[[Path], None]
) -> None:
    given, file = make(tmp_path, corpus)

    def listener(progress: Progress) -> None:
        if progress.rows == 0:
            change(file)

    job = Job(str(given), str(tmp_path / "m.h5"), Recipe((step("cutmix"),)), workers=INLINE)
    with pytest.raises(InputChanged) as caught:
        run(job, listener)
    assert file.name in str(caught.value)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "m.h5").exists()


HELPER = """
import os
from augtool.system.handover import kept

def shrink(path, file):
    pixels = kept(path).pixels
    os.truncate(file, 4096)
    return int(pixels[-1].sum())  # SIGBUS

def die(path, file):
    os.abort()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a shrunk file that is mapped kills on Linux")
@pytest.mark.parametrize(("function", "error"), [("shrink", InputChanged), ("die", WorkerDied)])
def test_a_worker_that_dies_because_its_input_shrank_names_the_input(
    corpus: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    error: type[Exception],
) -> None:
    (tmp_path / "shrink_helper.py").write_text(HELPER)
    monkeypatch.syspath_prepend(tmp_path)
    helper = importlib.import_module("shrink_helper")
    given, file = npy_of(tmp_path, corpus)
    (tmp_path / "books").mkdir()
    (tmp_path / "scratch").mkdir()
    source = open_source(str(given), Reading(), tmp_path / "scratch")
    path = Books(tmp_path / "books", tmp_path / "m.h5").keep(source)
    with (
        pytest.raises(error) as caught,
        importlib.import_module("augtool.run")._change_named(source),
        open_engine(1) as engine,
    ):
        engine.submit(getattr(helper, function), path, str(file)).result()
    assert (file.name in str(caught.value)) == (function == "shrink")
    del sys.modules["shrink_helper"]
