"""Mix features in place of pixels, by the plan that an output keeps, in PyTorch.

    augtool cutmix --in cifar10/train --out mixed.h5 --copies 10
    python feature_mix.py --mixed mixed.h5 --data cifar10 --layer stage2

Each row of an output says which source rows it is made of (``src``), by which weights (``weight``),
and where the box was (``cutmix_box``). So a network can be given the sources themselves, and mix
what they have become at a layer: with a box that is Feature CutMix, which Yun et al. try; without
one, as in outputs of ``augtool mixup``, it is Manifold Mixup (Verma et al., 2019), at one layer.
``--layer image`` mixes before the network, as the output's own images are mixed. Without
``--mixed`` rows are made first, as ``--method`` says. Other options are train_cifar10.py's.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import train_cifar10 as base
from torch import Tensor
from torch.nn.functional import cross_entropy

import augtool

LAYERS = ("image", "conv1", "stage1", "stage2", "stage3")


class Plan:
    """What an output keeps of how its rows are mixed, a copy an epoch."""

    def __init__(self, path: str | Path) -> None:
        self.copies = base.Copies(path)
        self.has_box = "cutmix_box" in self.copies.output.fields

    def read(self, epoch: int) -> tuple[Tensor, Tensor, np.ndarray]:
        """Of an epoch's rows the sources (m, 2), the weights (m, 2), and the boxes (m, 4) as shares
        of the image's sides, all 0 where there are none."""
        output, rows = self.copies.output, self.copies.rows
        first = epoch % self.copies.copies * rows
        part = slice(first, first + rows)
        src, weight = np.array(output.field("src")[part]), np.array(output.field("weight")[part])
        if src.shape[1] != 2:
            raise SystemExit(f"{output.path}: rows are made of {src.shape[1]} sources; 2 are mixed")
        box = np.zeros((rows, 4))
        if self.has_box:
            height, width = output.images.shape[1:3]
            box = np.array(output.field("cutmix_box")[part]) / (height, width, height, width)
        partner = np.where(src[:, 1] < 0, src[:, 0], src[:, 1])
        sources = np.stack([src[:, 0], partner], axis=1)
        return torch.from_numpy(sources), torch.from_numpy(weight), box


def mixed(features: Tensor, partner: Tensor, weight: Tensor, box: np.ndarray | None) -> Tensor:
    """(m, C, H, W) features with the partner's in the box, rounded to whole places, or blended
    where there is no ``box``."""
    if box is None:
        share = weight.to(features.dtype)[:, :, None, None, None]
        return features * share[:, 0] + partner * share[:, 1]
    height, width = features.shape[2:]
    place = np.rint(box * (height, width, height, width))
    down, across = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
    top, left, bottom, right = place.T[:, :, None, None]
    inside = (down >= top) & (down < bottom) & (across >= left) & (across < right)
    mask = torch.from_numpy(inside[:, None]).to(features.device)
    return torch.where(mask, partner, features)


def scores(
    model: torch.nn.Sequential, inputs: Tensor, partner: Tensor, layer: str, mix: Any
) -> Tensor:
    """(m, K): both sources go through the network up to the layer, and what is mixed goes on."""
    depth = LAYERS.index(layer)
    both = model[:depth](torch.cat([inputs, partner]))
    result: Tensor = model[depth:](mix(*both.chunk(2)))
    return result.float()


def train(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Train and return the log, a line an epoch."""
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    source, test = base.prepare(options)
    assert isinstance(source, base.Copies)
    plan = Plan(options.mixed or source.output.path)
    rows = sources_of(options)
    trainer = base.Trainer(options, rows.images.shape[-1], rows.labels.shape[1])
    state = options.out / "state.pt"
    if state.exists():
        trainer.load(state)
    for epoch in range(len(trainer.log), options.epochs):
        began = time.perf_counter()
        loss, accuracy = train_epoch(trainer, rows, plan, epoch)
        trained = time.perf_counter()
        test_loss, test_accuracy = trainer.test(test)
        seconds = 0.0, trained - began, time.perf_counter() - trained
        trainer.note(loss, accuracy, None, test_loss, test_accuracy, seconds)
        trainer.save(state)
        base.write_log(options.out / "log.csv", trainer.log)
        print(f"epoch {epoch + 1}: loss {loss:.4f}, test accuracy {test_accuracy:.4f}", flush=True)
    return trainer.log


def sources_of(options: argparse.Namespace) -> base.Rows:
    """The source rows themselves, by number."""
    folder = Path(options.data)
    data = folder / "train" if (folder / "test").is_dir() else options.data
    size = (options.size, options.size)
    plain = augtool.Recipe(
        (base.step_of("none"),), order="source", reading=augtool.Reading(size=size)
    )
    return base.Copies(base.made(data, plain, options.scratch)).read(0)


def train_epoch(
    trainer: base.Trainer, rows: base.Rows, plan: Plan, epoch: int
) -> tuple[float, float]:
    """Mean loss, and the share of rows whose heaviest class is the one predicted."""
    options, device = trainer.options, trainer.device
    random = np.random.default_rng((options.seed, epoch, 1))
    src, weight, box = plan.read(epoch)
    order = np.random.default_rng((options.seed, epoch)).permutation(len(src))
    batches = -(-len(order) // options.batch)
    total = right = 0.0
    trainer.model.train()
    for number in range(batches):
        part = order[number * options.batch :][: options.batch]
        shares = weight[part].to(device)
        pairs = [rows.labels[src[part, slot]].to(device) for slot in range(2)]
        labels = shares[:, :1] * pairs[0] + shares[:, 1:] * pairs[1]
        inputs = [
            base.as_input(rows.images[src[part, slot]].to(device), options) for slot in range(2)
        ]
        if options.recipe == "usual" and not options.still:
            inputs = [base.flipped_and_cropped(one, random) for one in inputs]
        trainer.set_rate(epoch * batches + number, options.epochs * batches)

        def mix(first: Tensor, second: Tensor, part: Any = part, shares: Tensor = shares) -> Tensor:
            return mixed(first, second, shares, box[part] if plan.has_box else None)

        with trainer.half():
            result = scores(trainer.model, *inputs, options.layer, mix)
        loss = cross_entropy(result, labels)
        trainer.optimizer.zero_grad()
        loss.backward()
        trainer.optimizer.step()
        total += loss.item() * len(part)
        right += (result.argmax(1) == labels.argmax(1)).sum().item()
    return total / len(src), right / len(src)


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, as they were given or by default."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--layer", choices=LAYERS, default="stage1", help="where to mix")
    parser.add_argument("--mixed", help="an output whose plan is used")
    own, others = parser.parse_known_args(arguments)
    return argparse.Namespace(**vars(base.options_of(others)), **vars(own))


if __name__ == "__main__":
    train(options_of())
