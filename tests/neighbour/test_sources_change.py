"""An input that is another when it is read than when it was listed is noticed, though its size and
its time are the same."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

# A run that changes its input once everything is listed and planned, before the first row.
CHANGING = """
import os, sys
import augtool

spec, change, file, masks, labels, workers = sys.argv[1:]

def same_times(path, status):
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

def in_place():
    status = os.stat(file)
    with open(file, "r+b") as opened:
        opened.seek(-40, 2)
        last = opened.read(1)
        opened.seek(-40, 2)
        opened.write(bytes([last[0] ^ 1]))
    same_times(file, status)

def exchanged():
    status = os.stat(file)
    data = bytearray(open(file, "rb").read())
    data[-40] ^= 1
    with open(file + ".new", "wb") as opened:
        opened.write(data)
    same_times(file + ".new", status)
    os.replace(file + ".new", file)

def swapped_folder():
    inside = os.path.dirname(file)
    status = os.stat(inside)
    os.rename(inside, inside + "-old")
    os.mkdir(inside)
    for name in os.listdir(inside + "-old"):
        old = os.path.join(inside + "-old", name)
        new = os.path.join(inside, name)
        data = open(old, "rb").read()
        with open(new, "wb") as opened:
            opened.write(data)
        same_times(new, os.stat(old))
    same_times(inside, status)

def cut():
    os.truncate(file, os.path.getsize(file) // 2)

def none():
    pass

begun = []
def listen(progress):
    if not begun:
        begun.append(True)
        globals()[change]()

recipe = augtool.Recipe((augtool.step("cutmix"),))
job = augtool.Job(
    spec, "out.h5", recipe, masks=masks or None, labels=labels or None, workers=int(workers)
)
try:
    augtool.run(job, listen)
except augtool.AugtoolError as error:
    print(type(error).__name__, error)
    sys.exit(1)
"""


def images(count: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 24, 24, 3), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "png")
    return data.getvalue()


def folder(place: Path) -> tuple[Path, Path]:
    for number, pixels in enumerate(images()):
        inside = place / "data" / "ab"[number % 2]
        inside.mkdir(parents=True, exist_ok=True)
        (inside / f"{number}.png").write_bytes(png(pixels))
    return place / "data", place / "data" / "a" / "4.png"


def tar(place: Path) -> tuple[Path, Path]:
    with tarfile.open(place / "data.tar", "w") as archive:
        for number, pixels in enumerate(images()):
            for name, data in (("png", png(pixels)), ("cls", str(number % 2).encode())):
                info = tarfile.TarInfo(f"{number}.{name}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return place / "data.tar", place / "data.tar"


def zipped(place: Path) -> tuple[Path, Path]:
    with zipfile.ZipFile(place / "data.zip", "w", zipfile.ZIP_STORED) as archive:
        for number, pixels in enumerate(images()):
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", png(pixels))
    return place / "data.zip", place / "data.zip"


def npy(place: Path) -> tuple[Path, Path]:
    (place / "data").mkdir()
    np.save(place / "data" / "x_train.npy", images())
    np.save(place / "data" / "y_train.npy", np.arange(12) % 2)
    return place / "data", place / "data" / "x_train.npy"


def npy_masks(place: Path) -> tuple[Path, Path]:
    npy(place)
    np.save(place / "data" / "masks.npy", images()[..., 0])
    return place / "data", place / "data" / "masks.npy"


def hdf5(place: Path) -> tuple[Path, Path]:
    with h5py.File(place / "data.h5", "w") as file:
        file["labels"] = np.arange(12) % 2
        file["images"] = images()
    return place / "data.h5", place / "data.h5"


def begin(victim, place: Path, made: tuple[Path, Path], change: str, **given: object):
    """How a run over an input ends that changes it before its first row."""
    spec, file = made
    victim.owns(place)
    rest = [given.get(name, default) for name, default in (("masks", ""), ("labels", ""))]
    return victim.python(CHANGING, spec, change, file, *rest, given.get("workers", 0))


def check_noticed(victim, ended, name: str) -> None:
    said = ended.out.decode()
    assert ended.code == 1, said + ended.err
    assert said.startswith("InputChanged") and said.count("\n") == 1
    assert name in said and "change" in said
    assert not (victim.home / "out.h5").exists()


MAKERS = [folder, tar, zipped, npy, npy_masks, hdf5]


@pytest.mark.parametrize("change", ["in_place", "exchanged"])
@pytest.mark.parametrize("make", MAKERS)
def test_a_file_that_changes_with_its_size_and_time_kept_is_noticed(
    victim, place: Path, make: Callable[[Path], tuple[Path, Path]], change: str
) -> None:
    made = make(place)
    check_noticed(victim, begin(victim, place, made, change), made[1].name)


@pytest.mark.parametrize("make", [tar, zipped, npy, hdf5])
def test_a_file_that_is_cut_while_it_is_read_is_named_and_no_image_of_it(
    victim, place: Path, make: Callable[[Path], tuple[Path, Path]]
) -> None:
    made = make(place)
    ended = begin(victim, place, made, "cut")
    check_noticed(victim, ended, made[1].name)
    assert ".png" not in ended.out.decode()


@pytest.mark.parametrize("make", [folder, npy])
def test_workers_notice_it_too(victim, place: Path, make) -> None:
    made = make(place)
    check_noticed(victim, begin(victim, place, made, "exchanged", workers=2), made[1].name)


def test_a_class_folder_that_is_replaced_by_a_copy_is_noticed(victim, place: Path) -> None:
    check_noticed(victim, begin(victim, place, folder(place), "swapped_folder"), ".png")


def test_a_label_image_that_changes_is_noticed(victim, place: Path) -> None:
    spec, _ = folder(place)
    for image in spec.rglob("*.png"):
        mask = place / "masks" / image.relative_to(spec)
        mask.parent.mkdir(parents=True, exist_ok=True)
        mask.write_bytes(png(images(1)[0, ..., 0]))
    made = spec, place / "masks" / "b" / "3.png"
    ended = begin(victim, place, made, "exchanged", masks=place / "masks")
    check_noticed(victim, ended, "b/3.png")


@pytest.mark.parametrize("make", MAKERS)
def test_an_input_that_is_left_alone_is_mixed(victim, place: Path, make) -> None:
    ended = begin(victim, place, make(place), "none")
    assert ended.code == 0, ended.out.decode() + ended.err


def test_a_table_of_labels_that_changes_between_two_looks_is_noticed(victim, place) -> None:
    spec, _ = folder(place)
    names = sorted(str(path.relative_to(spec)) for path in spec.rglob("*.png"))
    table = place / "labels.csv"
    table.write_text("file,label\n" + "".join(f"{name},x\n" for name in names))
    victim.owns(table)
    changing = (
        "import csv, os\n"
        "real, looks = csv.reader, []\n"
        "def reader(*given, **more):\n"
        "    looks.append(1)\n"
        "    if len(looks) == 2:\n"
        f"        path = {str(table)!r}\n"
        "        status, text = os.stat(path), open(path).read()\n"
        "        open(path, 'w').write(text.replace(',x', ',y'))\n"
        "        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))\n"
        "    return real(*given, **more)\n"
        "csv.reader = reader\n"
    )
    program = changing + CHANGING
    victim.owns(spec)
    ended = victim.python(program, spec, "none", table, "", table, 0)
    check_noticed(victim, ended, "labels.csv")


def test_the_same_data_copied_elsewhere_makes_the_same_bytes(victim, place: Path) -> None:
    spec, _ = folder(place)
    victim.owns(spec)
    assert victim.augtool("cutmix", "--in", spec, "--out", "a.h5").code == 0
    copied = victim.python(
        "import shutil, sys; shutil.copytree(*sys.argv[1:])", spec, victim.home / "copy"
    )
    assert copied.code == 0, copied.err
    assert victim.augtool("cutmix", "--in", victim.home / "copy", "--out", "b.h5").code == 0
    assert (victim.home / "a.h5").read_bytes() == (victim.home / "b.h5").read_bytes()
