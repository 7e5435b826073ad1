"""The report: its numbers are those of the output, in every format, and its bytes are always the
same."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool import methods
from augtool.errors import UsageError
from augtool.job import Job
from augtool.recipe.recipe import Reading, Recipe, one_of, step
from augtool.recipe.sampling import Sampling
from augtool.report import Options, batches, write
from augtool.report.document import data_of
from augtool.report.histogram import beta_shares
from augtool.report.page import embedded, page_of
from augtool.report.runs import commands
from augtool.verification.rerender import Input

SOURCE = "sample:?n=300&size=16x24&classes=5"
FORMS = {
    "hdf5": ("out.h5", {}),
    "gzip": ("gzip.h5", {"compression": "gzip"}),
    "sparse": ("sparse.h5", {"labels_as": "sparse"}),
    "nchw": ("nchw.h5", {"out_layout": "NCHW"}),
    "shards": ("shards", {"format": "hdf5", "shards": 3}),
    "npy": ("npy", {"format": "npy"}),
    "npz": ("out.npz", {}),
    "tar": ("out.tar", {}),
    "parquet": ("out.parquet", {}),
    "folder": ("folder", {"format": "folder"}),
}


def made(path: Path, recipe: Recipe | None = None, source: str = SOURCE, **given: Any) -> Path:
    """An output of a recipe, CutMix unless it is given."""
    augtool.run(Job(source, str(path), recipe or Recipe((step("cutmix"),)), workers=0, **given))
    return path


def shown(path: Path | str, **given: Any) -> dict[str, Any]:
    """What the page of an input or an output shows."""
    _, data = data_of(str(path), Options(**given))
    return data


def of_sample(*specs: str, **given: Any) -> Input:
    return Input(specs or (SOURCE,), **given)


@pytest.mark.parametrize("form", FORMS)
def test_the_numbers_are_those_of_the_output_in_every_format(tmp_path: Path, form: str) -> None:
    name, given = FORMS[form]
    output = augtool.open(made(tmp_path / name, **given))
    data = shown(output.path)
    labels, weight = np.asarray(output.labels), np.asarray(output.field("weight"))
    (target,) = data["targets"]
    assert np.allclose(target["after"], labels.sum(axis=0, dtype=np.float64), atol=1e-3)
    assert target["hard"] == np.bincount(output.field("label")[:], minlength=5).tolist()
    assert data["geometry"]["unmixed"] == int((weight[:, 0] == 1).sum())
    assert sum(data["geometry"]["weight"]["counts"]) == int((weight[:, 0] != 1).sum())
    assert data["geometry"]["steps"][0]["boxes"]["count"] == int(
        (output.field("cutmix_box")[:][:, 2:] > output.field("cutmix_box")[:][:, :2]).all(1).sum()
    )
    assert data["sources"]["base"] == [[1, 300]]
    assert len(data["rows"]) == 240
    assert all(row["picture"].startswith("data:image/png") for row in data["rows"])


def test_the_heat_map_counts_every_pixel_of_every_box(tmp_path: Path) -> None:
    output = augtool.open(made(tmp_path / "out.h5"))
    boxes = np.asarray(output.field("cutmix_box"))
    cover = np.zeros((16, 24))
    for y0, x0, y1, x1 in boxes.tolist():
        cover[y0:y1, x0:x1] += 1
    filled = int(((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])).sum())
    (drawn,) = shown(output.path)["geometry"]["steps"]
    assert np.allclose(drawn["boxes"]["cover"], cover / filled, atol=1e-4)


def test_classes_that_come_together_are_counted_as_rows(tmp_path: Path) -> None:
    output = augtool.open(made(tmp_path / "out.h5"))
    present = (np.asarray(output.labels) > 0).astype(int)
    together = present.T @ present
    np.fill_diagonal(together, 0)
    (target,) = shown(output.path)["targets"]
    assert target["pairs"]["rows"] == together.tolist()


def test_smoothing_is_no_sign_of_a_class(tmp_path: Path) -> None:
    plain = augtool.open(made(tmp_path / "plain.h5"))
    smoothed = Recipe((step("cutmix"),), label_smoothing=0.1)
    output = augtool.open(made(tmp_path / "smooth.h5", smoothed))
    (target,) = shown(output.path)["targets"]
    (other,) = shown(plain.path)["targets"]
    assert target["pairs"] == other["pairs"]
    mass = np.asarray(output.labels).sum(axis=0, dtype=np.float64)
    assert np.allclose(target["after"], mass, atol=1e-3)
    entry = shown(output.path)["rows"][0]["labels"][0]
    assert len(entry["entries"]) + entry["more"] <= 2


def test_entropy_is_in_bits(tmp_path: Path) -> None:
    half = Recipe((step("mixup", lam=0.5),), sampling=Sampling(pair="other-class"))
    data = shown(made(tmp_path / "half.h5", half))
    entropy = data["targets"][0]["entropy"]
    assert (entropy["low"], entropy["high"]) == (0.0, 1.0)
    assert entropy["counts"][-1] == 300


def test_the_source_gives_pictures_names_and_the_mass_before(tmp_path: Path) -> None:
    path = made(tmp_path / "out.h5")
    without, data = shown(path), shown(path, source=of_sample())
    assert without["source_rows"] == {}
    assert without["targets"][0]["before"] is None
    assert data["targets"][0]["before"] == [60.0] * 5
    row = data["rows"][7]
    base = data["source_rows"][str(row["sources"][0][0])]
    assert re.fullmatch(r"\w+/\d{4}", base["name"])
    assert base["picture"].startswith("data:image/png")
    with pytest.raises(UsageError, match="another source"):
        shown(path, source=of_sample("sample:?n=300&size=16x24&classes=4"))


def test_the_owners_of_pixels_have_the_weights_of_the_label(tmp_path: Path) -> None:
    import base64
    import io

    from PIL import Image

    output = augtool.open(made(tmp_path / "out.h5"))
    for row in shown(output.path)["rows"][:40]:
        data = base64.b64decode(row["owner"].partition(",")[2])
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        base = np.array([236, 232, 222])
        share = np.float32((pixels == base).all(axis=2).mean())
        assert share == output.field("weight")[row["row"], 0]


def test_several_targets_each_have_the_form_that_fits(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        generator = np.random.default_rng(3)
        file["images"] = generator.random((60, 6, 9, 3), np.float32)
        file["color"], file["place"] = np.arange(60) % 4, np.linspace(-1, 1, 60)
        file["tags"] = (generator.random((60, 5)) < 0.4).astype(np.float32)
    recipe = Recipe((step("mixup"),), reading=Reading(label_key=("color", "place", "tags")))
    path = made(tmp_path / "out.h5", recipe, str(tmp_path / "in.h5"))
    output = augtool.open(path)
    color, place, tags = shown(path)["targets"]
    assert (color["kind"], place["kind"], tags["kind"]) == ("classes", "values", "multihot")
    assert sum(place["values"][0]["counts"]) == 60
    assert place["values"][0]["high"] == float(output.labels_of("place")[:].max())
    count = (output.labels_of("tags")[:] > 0).sum(axis=1)
    assert tags["per_row"] == np.bincount(count).tolist()
    assert tags["entropy"] is None


def test_unknown_labels_are_counted_and_said(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"] = np.zeros((40, 6, 9, 3), np.uint8)
        file["labels"] = np.where(np.arange(40) < 10, -1, np.arange(40) % 3)
    recipe = Recipe((step("cutmix", prob=0),), reading=Reading(label_missing="-1"))
    data = shown(made(tmp_path / "out.h5", recipe, str(tmp_path / "in.h5")))
    assert data["targets"][0]["unknown"] == 10
    assert any("not known" in line and "10 rows" in line for line in data["warnings"])


def test_a_choice_counts_its_branches(tmp_path: Path) -> None:
    choice = one_of((0.5, step("cutmix")), (0.3, step("mixup", alpha=0.2)), (0.2, None))
    output = augtool.open(made(tmp_path / "out.h5", Recipe((choice,))))
    took = np.bincount(output.field("choice_option")[:], minlength=3).tolist()
    data = shown(output.path)
    (branches,) = data["geometry"]["choices"]
    names = ["cutmix", "mixup", "none"]
    assert branches["options"] == [
        [name, count, weight]
        for name, count, weight in zip(names, took, (0.5, 0.3, 0.2), strict=True)
    ]
    assert {row["took"][0] for row in data["rows"]} == set(names)


def test_many_rows_with_files_of_their_own_are_estimated_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "ESTIMATED_ROWS", 100)
    path = made(tmp_path / "out.tar")
    data = shown(path)
    assert (data["estimated"], data["total"]) == (100, 300)
    assert sum(data["targets"][0]["hard"]) == 100
    assert shown(made(tmp_path / "out.h5"))["estimated"] == 0


def test_the_same_output_gives_the_same_bytes(tmp_path: Path) -> None:
    path = made(tmp_path / "out.h5")
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    for page in pages:
        write(str(path), page, Options(source=of_sample()))
    first, second = (page.read_bytes() for page in pages)
    assert first == second
    assert str(tmp_path).encode() not in first


def test_pictures_of_noise_stay_within_eight_megabytes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        shape = (260, 128, 128, 3)
        file["images"] = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        file["labels"] = np.arange(260) % 3
    path = made(tmp_path / "out.h5", source=str(tmp_path / "in.h5"))
    written = write(
        str(path), tmp_path / "r.html", Options(source=of_sample(str(tmp_path / "in.h5")))
    )
    assert written.shown == 240
    assert 1_000_000 < written.nbytes < 8_000_000


def test_text_in_data_cannot_end_its_element() -> None:
    hostile = "</script><!--<script>&\u2028\u2029\ud800"
    text = embedded({"name": hostile})
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == {"name": hostile}
    page = page_of("<b>", {"name": hostile})
    assert page.count("</script>") == 2
    assert "<title>&lt;b&gt;" in page


def test_the_policy_lets_nothing_but_the_page_s_own_script_and_style_in() -> None:
    import base64
    import hashlib

    page = page_of("a", {})
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#x27;none&#x27;; img-src data:;")
    assert "unsafe" not in policy
    for pattern in (r"<style>(.*?)</style>", r"<script>(.*?)</script>"):
        (text,) = re.findall(pattern, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"sha256-{digest}" in policy
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)


@pytest.mark.parametrize("name", methods.names())
def test_the_command_on_the_page_makes_the_same_rows(
    tmp_path: Path, cli: Callable[..., tuple[int, str, str]], name: str
) -> None:
    one = augtool.open(made(tmp_path / "one.h5", Recipe((step(name),), seed=3)))
    (line,) = commands(one)
    words = shlex.split(line.replace("DATA", f"'{SOURCE}'").replace("FILE", str(tmp_path / "two")))
    assert cli(*words[1:], "--quiet")[0] == 0
    assert augtool.open(tmp_path / "two.h5").digest == one.digest


def test_the_command_of_a_chain_has_all_that_is_not_usual(
    tmp_path: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    choice = one_of((0.7, step("cutmix", alpha=0.3)), (0.3, None))
    recipe = Recipe(
        (step("flip", prob=0.25), choice),
        seed=9,
        copies=2,
        keep_originals=True,
        label_smoothing=0.1,
        limit=200,
        reading=Reading(size=(12, 14)),
        sampling=Sampling(pair="other-class", holdout=0.2),
    )
    one = augtool.open(made(tmp_path / "one.h5", recipe))
    (line,) = commands(one)
    words = shlex.split(line.replace("DATA", f"'{SOURCE}'").replace("FILE", str(tmp_path / "two")))
    assert cli(*words[1:], "--quiet")[0] == 0
    assert augtool.open(tmp_path / "two.h5").digest == one.digest


def test_a_recipe_that_no_options_say_is_given_as_a_file(tmp_path: Path) -> None:
    recipe = Recipe((step("cutmix"),), block_rows=64)
    lines = commands(augtool.open(made(tmp_path / "out.h5", recipe)))
    assert lines == (
        "augtool inspect out.h5 --recipe > recipe.toml",
        "augtool mix --recipe recipe.toml --in DATA --out FILE.h5",
    )


def test_a_copy_on_both_sides_of_the_hold_out_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
        pixels[20:] = pixels[:20]
        file["images"], file["labels"] = pixels, np.arange(40) % 2
    recipe = Recipe((step("cutmix"),), sampling=Sampling(holdout=0.25))
    path = made(tmp_path / "out.h5", recipe, str(tmp_path / "in.h5"))
    with augtool.open(tmp_path / "out-validation.h5") as validation:
        held = set(validation.field("src")[:, 0].tolist())
    found = shown(path, source=of_sample(str(tmp_path / "in.h5")), check=True)["check"]
    leaks = sum((row in held) != (row + 20 in held) for row in range(20))
    assert found["held"]["count"] == leaks > 0
    assert found["kinds"][0]["kind"] == "duplicate"


def test_what_verify_finds_is_on_the_page(tmp_path: Path) -> None:
    path = made(tmp_path / "out.h5")
    assert shown(path, verify=True)["summary"]["verify"]["problems"] == []
    with h5py.File(path, "r+") as file:
        file["images"][3, 0, 0, 0] ^= 1
    (problem,) = shown(path, verify=True)["summary"]["verify"]["problems"]
    assert "images" in problem
    with pytest.raises(UsageError, match="--verify"):
        shown(SOURCE, verify=True)


def test_an_input_is_shown_with_its_classes(tmp_path: Path) -> None:
    data = shown(SOURCE)
    assert data["kind"] == "input"
    assert data["targets"][0]["after"] == [60.0] * 5
    assert data["rows"][1]["name"].startswith("circle/")
    assert data["geometry"] is None


def test_a_merged_output_is_shown(tmp_path: Path) -> None:
    parts = [made(tmp_path / f"{seed}.h5", Recipe((step("cutmix"),), seed=seed)) for seed in (1, 2)]
    from augtool.pipeline.merge import merge

    merge([str(part) for part in parts], str(tmp_path / "both.h5"))
    data = shown(tmp_path / "both.h5")
    assert data["total"] == 600
    assert data["sources"] is None
    assert data["geometry"]["steps"][0]["rows"] > 500


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 1.0, 3.0, 40.0])
def test_the_curve_is_the_beta_distribution_that_is_drawn(alpha: float) -> None:
    draws = np.random.default_rng(5).beta(alpha, alpha, 400_000)
    counts, _ = np.histogram(draws, 20, (0, 1))
    assert np.abs(beta_shares(alpha, 20) - counts / len(draws)).max() < 0.004
    assert beta_shares(alpha, 50).sum() == pytest.approx(1)


def test_the_command_writes_a_page_and_refuses_places(
    tmp_path: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    path = made(tmp_path / "out.h5")
    page = tmp_path / "page.html"
    code, out, err = cli("report", path, "--out", page, "--rows", 10)
    assert (code, out) == (0, "")
    assert "10 of 300 rows shown" in err
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert cli("report", path, "--out", tmp_path / "page.png")[0] == 2
    assert cli("report", tmp_path / "nothing.h5", "--out", page)[0] == 2
    assert cli("report", path, "--other-source", "--out", page)[0] == 2
    assert cli("report", path, "--in", SOURCE, "--size", 8, "--out", page)[0] == 2


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("target", None), ("class_names", '["one"]'), ("recipe", "{}"), ("versions", "[1]")],
)
def test_a_damaged_output_is_one_line_or_a_warning(
    tmp_path: Path, cli: Callable[..., tuple[int, str, str]], attribute: str, value: str | None
) -> None:
    path = made(tmp_path / "out.h5")
    with h5py.File(path, "r+") as file:
        del file.attrs[attribute]
        if value is not None:
            file.attrs[attribute] = value
    code, _, err = cli("report", path, "--out", tmp_path / "r.html", "--quiet")
    assert code in (1, 2)
    assert len(err.splitlines()) == 1
    assert "bug" not in err
    assert not (tmp_path / "r.html").exists()


def test_sources_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = made(tmp_path / "out.h5")
    with h5py.File(path, "r+") as file:
        file["src"][17, 1] = 10**9
    with pytest.raises(augtool.AugtoolError, match="src of row 17"):
        shown(path)
