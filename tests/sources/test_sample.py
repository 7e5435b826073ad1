"""``sample:`` gives the same pleasant shapes to everyone."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import open_source, sample


def opened(spec: str = "sample:", reading: Reading | None = None) -> sample.Sample:
    return sample.open(spec, reading or Reading(), Path())


def drawn(source: sample.Sample, rows: list[int]) -> np.ndarray:
    out = np.zeros((len(rows), *source.shape), source.dtype)
    source.read(np.array(rows, np.int64), out)
    return out


def sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("spec", "digest"),
    [
        ("sample:?n=64", "65e720544bb4fe8dca59fb95f2f46d8a2ee7a9ebd1a7528957206e914010768b"),
        (
            "sample:?n=64&size=40x56&classes=25",
            "d008e02671179121e5c29e8d6779f715f5100b578aed3c3c0f4f73bee993ba9d",
        ),
        (
            "sample:?n=64&size=24&classes=1000",
            "e486d6e7ac3ee59ab01bc5908a7aec0d136a25787b23127e582be3ca3184a3b8",
        ),
    ],
)
def test_the_bytes_are_the_same_on_every_machine(spec: str, digest: str) -> None:
    assert sha256(drawn(opened(spec), list(range(64)))) == digest


def test_a_row_does_not_depend_on_the_rows_it_is_read_with() -> None:
    source = opened("sample:?n=90&size=40x56&classes=25")
    whole = drawn(source, list(range(90)))
    mixed = [88, 3, 41, 3]
    assert np.array_equal(drawn(source, mixed), whole[mixed])


def test_forgetting_the_kept_stamps_changes_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened("sample:?n=60")
    before = drawn(source, list(range(60)))
    monkeypatch.setattr(sample, "_STAMP_BYTES", 1)
    monkeypatch.setattr(sample, "_stamps", {})
    assert np.array_equal(drawn(source, list(range(60))), before)
    assert len(sample._stamps) == 1


def test_rows_are_sorted_by_class_like_a_folder() -> None:
    source = opened("sample:?n=103&classes=10")
    (target,) = source.targets
    assert target.kind == "classes"
    assert target.width == 10
    assert target.values.dtype == np.int64
    assert np.all(np.diff(target.values) >= 0)
    counts = np.bincount(target.values, minlength=10)
    assert counts.sum() == 103
    assert set(counts) <= {10, 11}


def test_names_count_each_class_from_zero() -> None:
    source = opened("sample:?n=103&classes=10")
    (target,) = source.targets
    assert target.class_names is not None
    seen = dict.fromkeys(target.class_names, 0)
    for row, label in enumerate(target.values):
        word = target.class_names[label]
        assert source.name(row) == f"{word}/{seen[word]:04d}"
        seen[word] += 1


@pytest.mark.parametrize("classes", [1, 25, 26, 200, 201, 1000])
def test_class_names_differ(classes: int) -> None:
    names = sample.class_names(classes)
    assert len(set(names)) == len(names) == classes


def test_a_few_classes_are_shapes_and_more_are_coloured() -> None:
    assert sample.class_names(3) == ("circle", "square", "triangle")
    assert sample.class_names(50)[25] == "orange circle"
    assert sample.class_names(1000)[-1] == "pink chevron on rose"


def test_shapes_of_a_class_look_alike_and_others_do_not() -> None:
    """The nearest class mean of where the shape is, moved to its centre, names the class of most
    32×32 images. Grounds change slowly; edges of shapes do not."""
    source = opened("sample:?n=500&size=32")
    labels = source.targets[0].values
    marks = np.stack([centred(image) for image in drawn(source, list(range(500)))])
    train = np.arange(500) % 2 == 0
    means = np.stack([marks[train & (labels == label)].mean(axis=0) for label in range(10)])
    distances = ((marks[~train, None] - means[None]) ** 2).sum(axis=(2, 3))
    assert (distances.argmin(axis=1) == labels[~train]).mean() > 0.75


def centred(image: np.ndarray) -> np.ndarray:
    """Where an image is unlike its border, cut out and brought to 16×16."""
    unlike = np.abs(image.astype(int) - np.median(image[0], axis=0).astype(int)).sum(axis=2) > 110
    ys, xs = np.nonzero(unlike)
    y = np.linspace(ys.min(), ys.max(), 16).round().astype(int)
    x = np.linspace(xs.min(), xs.max(), 16).round().astype(int)
    return unlike[np.ix_(y, x)].astype(float)


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (20, 90), (1, 1), (3, 50)])
def test_every_size_can_be_drawn(size: tuple[int, int]) -> None:
    source = opened("sample:?n=50&classes=25", Reading(size=size))
    assert source.shape == (*size, 3)
    assert len(np.unique(drawn(source, list(range(50))))) > 20


def test_a_size_option_draws_at_that_size_and_image_keeps_its_own() -> None:
    source = opened("sample:?size=40x30", Reading(size=(16, 20)))
    assert source.shape == (16, 20, 3)
    assert np.array_equal(source.image(7), drawn(opened("sample:?size=40x30"), [7])[0])


def test_mode_l_is_the_grey_of_the_colours() -> None:
    grey = drawn(opened(reading=Reading(mode="L")), [5, 900])
    colour = drawn(opened(), [5, 900]).astype(float)
    assert grey.shape == (2, 64, 64, 1)
    assert np.abs(colour @ [0.299, 0.587, 0.114] - grey[..., 0]).max() < 1.5


def test_a_pickled_source_is_small_and_reads_the_same() -> None:
    source = opened("sample:?n=1000000&classes=1000")
    _ = source.targets
    sent = pickle.dumps(source)
    assert len(sent) < 1000
    assert np.array_equal(drawn(pickle.loads(sent), [999_999]), drawn(source, [999_999]))


def test_rows_can_be_read_into_any_view() -> None:
    source = opened("sample:?n=20&size=12x16")
    canvas = np.zeros((4, 14, 20, 3), np.uint8)
    source.read(np.array([3, 4, 5, 6], np.int64), canvas[:, 1:13, 2:18])
    assert np.array_equal(canvas[:, 1:13, 2:18], drawn(source, [3, 4, 5, 6]))
    canvas[:, 1:13, 2:18] = 0
    assert not canvas.any()


def test_fingerprints_follow_what_decides_the_rows() -> None:
    specs = ["sample:", "sample:?n=1999", "sample:?size=63", "sample:?classes=9"]
    prints = {opened(spec).fingerprint for spec in specs}
    assert len(prints) == 4
    assert opened("sample:?n=2000&size=64x64").fingerprint in prints


def test_open_source_knows_it(tmp_path: Path) -> None:
    assert open_source("sample:?n=7", Reading(), tmp_path).n == 7
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("sample:?sise=64", "unknown option 'sise'; did you mean 'size'?"),
        ("sample:n=64", "options begin with a question mark"),
        ("sample:?n=0", "n=0: must be a whole number in 1…100000000"),
        ("sample:?n=", "n=: must be"),
        ("sample:?n=2e3", "n=2e3: must be"),
        ("sample:?size=4", "size=4: must be a whole number in 8…4096"),
        ("sample:?size=64x", "size=: must be"),
        ("sample:?size=64x9999", "size=9999: must be"),
        ("sample:?classes=1001", "classes=1001: must be a whole number in 1…1000"),
        ("sample:?classes=-2", "classes=-2: must be"),
        ("sample:?n=5&n=6", "'n' is given twice"),
    ],
)
def test_a_wrong_spec_is_one_clear_line(spec: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        opened(spec)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sixteen_bits_are_refused() -> None:
    with pytest.raises(UsageError, match="use --mode L or RGB"):
        opened(reading=Reading(mode="L16"))
