"""PyTorch: loaders with several workers over an output, and shares of workers and ranks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import augtool
from augtool.torch import Dataset, IterableDataset

Make = Callable[..., Path]
FORMS: dict[str, dict[str, Any]] = {
    "mixed.h5": {},
    "gz.h5": {"compression": "gzip"},
    "h5-shards": {"format": "hdf5", "shards": 2},
    "mixed.tar": {},
    "arrays": {"format": "npy"},
    "mixed.parquet": {},
}


def same_rows(pairs: Any, mixed: augtool.Output) -> None:
    """Every row once, in any order; images of noise are all different."""
    soft = {image.tobytes(): label for image, label in zip(*mixed[:], strict=True)}
    for image, label in pairs:
        assert (image.dtype, label.dtype) == (torch.uint8, torch.float32)
        found = soft.pop(image.permute(1, 2, 0).numpy().tobytes())
        assert np.array_equal(label, found)
    assert not soft


def unbatched(loader: Any) -> Any:
    return itertools.chain.from_iterable(zip(*batch, strict=True) for batch in loader)


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_a_shuffling_loader_reads_hdf5_by_several_workers(
    make: Make, mixed: augtool.Output, context: str
) -> None:
    loader = DataLoader(
        Dataset(make("mixed.h5")),
        32,
        shuffle=True,
        num_workers=2,
        multiprocessing_context=context,
    )
    same_rows(unbatched(loader), mixed)


@pytest.mark.parametrize("name", FORMS)
def test_workers_share_out_every_format(make: Make, mixed: augtool.Output, name: str) -> None:
    rows = IterableDataset(make(name, **FORMS[name]), shuffle=name != "mixed.parquet")
    assert len(rows) == len(mixed)
    same_rows(unbatched(DataLoader(rows, 32, num_workers=3)), mixed)


def test_an_epoch_has_an_order_of_its_own(make: Make, mixed: augtool.Output) -> None:
    rows = IterableDataset(make("mixed.h5"), shuffle=True, seed=3)
    orders = []
    for epoch in (0, 1, 1):
        rows.set_epoch(epoch)
        orders.append([image.numpy().tobytes() for image, _ in rows])
    assert orders[0] != orders[1] == orders[2]
    same_rows(rows, mixed)
    plain = [image for image, _ in IterableDataset(make("mixed.h5"))]
    assert np.array_equal(plain[9], mixed.images[9].transpose(2, 0, 1))


def test_ranks_have_equal_shares_of_rows(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    seen = []
    for rank in range(4):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        rows = IterableDataset(make("mixed.h5"), shuffle=True)
        share = [image.numpy().tobytes() for image, _ in rows]
        assert len(share) == len(rows) == 37  # of 150
        seen += share
    assert len(set(seen)) == 4 * 37


def test_images_are_scaled_and_transformed_on_request(make: Make, mixed: augtool.Output) -> None:
    rows = Dataset(make("mixed.h5"), scale=True, transform=lambda image: image - 1)
    image, _ = rows[4]
    assert image.dtype == torch.float32
    assert np.allclose(image, mixed.images[4].transpose(2, 0, 1) / 255 - 1)
    first = Dataset(make("nchw.h5", out_layout="NCHW"))[4][0]
    assert np.array_equal(first, mixed.images[4].transpose(2, 0, 1))


def test_a_model_learns_from_soft_labels(make: Make) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(4))
    loader = DataLoader(Dataset(make("mixed.h5"), scale=True), 50)
    losses = []
    for _ in range(3):
        for images, labels in loader:
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            if not losses:
                optimiser = torch.optim.SGD(model.parameters(), 0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_data_set_of_the_users_own_reads_by_plain_h5py(make: Make, mixed: augtool.Output) -> None:
    loader = DataLoader(_Plain(make("mixed.h5"), len(mixed)), 32, num_workers=2)
    images, labels = zip(*loader, strict=True)
    assert np.array_equal(np.concatenate(images), mixed.images)
    assert np.array_equal(np.concatenate(labels), mixed.labels)


class _Plain(torch.utils.data.Dataset):  # type: ignore[type-arg]
    def __init__(self, path: Path, rows: int) -> None:
        self.path, self.rows, self.file = path, rows, None

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row: int) -> tuple[Any, Any]:
        self.file = self.file or h5py.File(self.path)
        return self.file["images"][row], self.file["labels"][row]
