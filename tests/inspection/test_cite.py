"""Citing a run: its real parameters, counts, seed, versions and digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool.inspection.cite import paragraph, references, software
from augtool.job import Job
from augtool.recipe.recipe import Reading, Recipe, step


def test_the_paragraph_has_what_a_reader_needs_to_make_the_rows_again(
    owners: Any, job: Any
) -> None:
    one = job(owners(n=330), seed=7, copies=2, params={"alpha": 0.5}, label_smoothing=0.1)
    augtool.run(one)
    output = augtool.open(one.output)
    text = paragraph(output)
    for part in ("alpha 0.5", "660 images in 2 passes", "330 source images", "9×14×3", "uint16"):
        assert part in text
    for part in ("seed 7", "label smoothing 0.1", "7 classes", "numpy", output.digest[:16], "Yun"):
        assert part in text


def test_the_references_are_augtool_and_the_papers_of_the_recipe(tmp_path: Path) -> None:
    recipe = Recipe((step("flip"), step("cutmix"), step("cutmix")))
    path = tmp_path / "out.h5"
    augtool.run(Job("sample:?n=80&size=8&classes=3", str(path), recipe, workers=0))
    text = references(augtool.open(path))
    assert [line for line in text.splitlines() if line.startswith("@")] == [
        "@software{augtool,",
        "@inproceedings{krizhevsky2012imagenet,",
        "@inproceedings{yun2019cutmix,",
    ]


def test_the_citation_file_is_of_this_version() -> None:
    text = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line[:20])
    assert f"version = {{{fields['version']}}}" in software()
    assert f"title = {{{{{fields['title'].strip(chr(34))}}}}}" in software()
    assert f"license = {{{fields['license']}}}" in software()


@pytest.mark.parametrize(
    ("recipe", "words"),
    [({"num": 50}, "50 images were made"), ({"keep_originals": True}, "and one unmixed pass")],
)
def test_rows_are_counted_as_they_were_asked_for(
    owners: Any, job: Any, recipe: dict[str, Any], words: str
) -> None:
    one = job(owners(n=100), **recipe)
    augtool.run(one)
    assert words in paragraph(augtool.open(one.output))


def test_the_digest_is_of_the_content_not_of_the_container(owners: Any, job: Any) -> None:
    source = owners(n=100)
    plain, packed = job(source, "a.h5"), job(source, "b.h5", compression="gzip")
    other = job(source, "c.h5", seed=1)
    for one in (plain, packed, other):
        augtool.run(one)
    digests = [augtool.open(one.output).digest for one in (plain, packed, other)]
    assert digests[0] == digests[1] != digests[2]


def test_every_target_is_counted_as_what_it_is(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"] = np.zeros((30, 6, 9, 3), np.uint8)
        file["color"], file["place"] = np.arange(30) % 4, np.linspace(0, 1, 30)
    recipe = Recipe((step("flip"), step("cutmix")), reading=Reading(label_key=("color", "place")))
    augtool.run(Job(str(tmp_path / "in.h5"), str(tmp_path / "out.h5"), recipe, workers=0))
    text = paragraph(augtool.open(tmp_path / "out.h5"))
    assert "uint8, 4 classes of color and 1 value of place)" in text
    assert "by flip (probability 0.5) then cutmix (alpha 1" in text
