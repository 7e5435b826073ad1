"""webdataset, on shards and on streams that it runs itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import webdataset as wds

import augtool

Make = Callable[..., Path]
FIELDS = ("__key__", "png", "soft.npy", "cls", "json")


def decoded(urls: Any, **given: Any) -> Any:
    return wds.WebDataset(urls, shardshuffle=False, **given).decode("rgb8").to_tuple(*FIELDS)


def same_rows(found: Any, mixed: augtool.Output) -> None:
    rows = {int(key): rest for key, *rest in found}
    assert sorted(rows) == list(range(len(mixed)))
    for row, (image, soft, label, plan) in rows.items():
        assert np.array_equal(image, mixed.images[row])
        assert np.array_equal(soft, mixed.labels[row])
        assert label == mixed.field("label")[row]
        assert plan["src"] == mixed.field("src")[row].tolist()


def test_shards_have_every_row_once(make: Make, mixed: augtool.Output) -> None:
    shards = make("tar-shards", format="tar", shards=3)
    same_rows(decoded(f"{shards}/train-{{000000..000002}}.tar"), mixed)


def test_a_pipe_gives_the_rows_while_they_are_made(command: str, mixed: augtool.Output) -> None:
    same_rows(decoded(f"pipe:{command}"), mixed)


def test_a_reader_that_stops_early_is_no_error(command: str) -> None:
    rows = iter(decoded(f"pipe:{command} --copies inf"))
    first = [next(rows)[0] for _ in range(5)]
    assert first == [f"{row:09}" for row in range(5)]
    rows.close()


def test_a_run_that_fails_is_an_error(command: str) -> None:
    with pytest.raises(OSError, match="exit"):
        list(decoded(f"pipe:{command} --limit 0"))


def test_each_worker_of_a_loader_runs_its_own_share(
    command: str, source: Path, tmp_path: Path
) -> None:
    from torch.utils.data import DataLoader

    rows = 4500  # two blocks to share out
    with h5py.File(tmp_path / "many.h5", "w") as file:
        file["images"] = np.zeros((rows, 5, 6, 3), np.uint8)
        file["labels"] = np.arange(rows) % 4
    run = f"pipe:{command.replace(str(source), str(tmp_path / 'many.h5'))} --num-tasks 2"
    tasks = [f"{run} --task-index {index}" for index in range(2)]
    rows_of_tasks = wds.WebDataset(tasks, shardshuffle=False).to_tuple("__key__")
    keys = [int(key) for (key,) in DataLoader(rows_of_tasks, batch_size=None, num_workers=2)]
    assert sorted(keys) == list(range(rows))
    assert keys != sorted(keys)  # the workers take turns
