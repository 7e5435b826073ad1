"""Train ResNet-20 on mixed images, with soft labels: does mixing help, and by how much?

    pip install "augtool[torch]"
    python train_cifar10.py --data cifar10 --method "cutmix alpha=0.25" --epochs 15

``--data`` is a folder with ``train/`` and ``test/``, each with one folder per class, such as
CIFAR-10 as images; or any other input of augtool, of which a fifth is held out for testing
(``sample:`` needs no data at all). The mixed rows are made first, so that training pays nothing for
them. ``--train`` takes an output that is there already, in any format, or ``pipe:COMMAND``, which
writes a tar without end:
``--train "pipe:augtool cutmix --in cifar10/train --copies inf --out - --format tar"``.
Where ``--data`` has no ``test/``, make such rows with ``--holdout 0.2``, which holds out the same.

``--recipe keras`` is that of the Keras example on CutMix: Adam, batch 32, images / 255, L2 1e-4.
``--recipe usual``: SGD with momentum, cosine, batch 128, flipped and cropped images.

Each epoch is a line of ``OUT/log.csv``. A run that was stopped goes on after its last whole epoch,
with the same numbers. Equal options give equal numbers on one machine.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import io
import itertools
import math
import os
import shlex
import subprocess
import tarfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from tqdm import tqdm

import augtool
from augtool.recipe.recipe import Reading
from augtool.recipe.sampling import Sampling

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10, from 0 … 1
CROP = 4  # pixels of border that a crop may take in
HELD_OUT = 0.2
COLUMNS = (
    *("epoch", "train_loss", "train_accuracy", "clean_accuracy", "test_loss", "test_accuracy"),
    *("read_seconds", "train_seconds", "test_seconds", "device", "dtype", "torch", "augtool"),
)


# The network


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, channels: int, width: int, stride: int, norm: dict[str, float]) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, 1), nn.BatchNorm2d(width, **norm), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width, **norm))
        self.around = nn.Conv2d(channels, width, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """(m, channels, H, W) to (m, width, H / stride, W / stride)."""
        return torch.relu(self.second(self.first(inputs)) + self.around(inputs))


def resnet20(channels: int, classes: int, norm: dict[str, float] | None = None) -> nn.Sequential:
    """ResNet-20 v1 (He et al., 2015): ``conv1``, ``stage1`` … ``stage3`` of three blocks each, and
    a linear layer on the mean of the last 64 maps."""
    norm = norm or {}
    model = nn.Sequential()
    first = nn.Conv2d(channels, 16, 3, 1, 1), nn.BatchNorm2d(16, **norm), nn.ReLU()
    model.add_module("conv1", nn.Sequential(*first))
    before = 16
    for number, width in enumerate((16, 32, 64), start=1):
        strides = (1 if number == 1 else 2, 1, 1)
        blocks = [Block(before if stride > 1 else width, width, stride, norm) for stride in strides]
        model.add_module(f"stage{number}", nn.Sequential(*blocks))
        before = width
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)
    model.add_module("head", nn.Sequential(*head))
    model.apply(_he_normal)
    return model


def _he_normal(module: nn.Module) -> None:
    """A normal distribution of variance 2 / inputs, cut off at two deviations, as in Keras."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        std = math.sqrt(2 / module.weight[0].numel()) / 0.87962566
        nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


# The rows


@dataclass(frozen=True)
class Rows:
    """Images (m, H, W, C) uint8 and soft labels (m, K); ``base`` (m,) has the source row of each,
    ``clean`` (m, K) the labels before noise, where they are known."""

    images: Tensor
    labels: Tensor
    base: np.ndarray
    clean: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> Rows:
        """The same on a device."""
        clean = None if self.clean is None else self.clean.to(device)
        return Rows(self.images.to(device), self.labels.to(device), self.base, clean)


class Copies:
    """The copies of an output, one an epoch, and again from the first when there are no more."""

    def __init__(self, path: str | Path) -> None:
        self.output = augtool.open(path)
        self.rows = min(int(self.output.attributes["pass_rows"]), len(self.output))
        self.copies = len(self.output) // self.rows

    def read(self, epoch: int) -> Rows:
        """The rows of an epoch, from 0."""
        first = epoch % self.copies * self.rows
        part = slice(first, first + self.rows)

        def field(name: str) -> np.ndarray:
            return np.array(self.output.field(name)[part])

        clean = field("label_clean") if "label_clean" in self.output.fields else None
        if clean is not None:
            clean = np.eye(self.output.labels.shape[1], dtype=np.float32)[clean]
        images, labels = np.array(self.output.images[part]), np.array(self.output.labels[part])
        noted = None if clean is None else torch.from_numpy(clean)
        return Rows(torch.from_numpy(images), torch.from_numpy(labels), field("src")[:, 0], noted)


class Stream:
    """The rows that a command writes to its stdout as a tar, so many an epoch."""

    def __init__(self, command: str, rows: int) -> None:
        self.rows = rows
        self.epoch = 0
        self.process = subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE)
        self.pairs = _pairs(self.process.stdout)

    def read(self, epoch: int) -> Rows:
        """The rows of an epoch, from 0; those of epochs before it are passed over."""
        for _ in itertools.islice(self.pairs, self.rows * (epoch - self.epoch)):
            pass
        pairs = list(itertools.islice(self.pairs, self.rows))
        self.epoch = epoch + 1
        if len(pairs) < self.rows:
            raise SystemExit(f"the stream ended after {len(pairs)} of an epoch's {self.rows} rows")
        images, labels = map(np.stack, zip(*pairs, strict=True))
        return Rows(torch.from_numpy(images), torch.from_numpy(labels), np.arange(self.rows))

    def close(self) -> None:
        """Let the command end."""
        self.process.kill()
        self.process.communicate()


def _pairs(stream: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(image, soft label) of each row of a tar; its members side by side share a key."""
    image = np.zeros(0)
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            kind = member.name.partition(".")[2]
            file = archive.extractfile(member)
            if file is None or not kind:
                continue
            if kind in ("png", "jpg", "webp"):
                image = np.array(Image.open(file))
                image = image if image.ndim == 3 else image[:, :, None]
            elif kind == "npy":
                image = np.load(io.BytesIO(file.read()))
            elif kind == "soft.npy":
                yield image, np.load(io.BytesIO(file.read()))


def step_of(text: str) -> Any:
    """A step of a recipe: ``"cutmix alpha=0.25"``; ``none`` leaves images as they are."""
    method, *words = shlex.split(text)
    values = dict(word.split("=", 1) for word in words)
    return augtool.step(
        "smooth" if method == "none" else method, **{k: _value(v) for k, v in values.items()}
    )


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def prepare(options: argparse.Namespace) -> tuple[Copies | Stream, Rows]:
    """The rows to train on, and those to test on; what was made before is not made again."""
    copies = options.epochs if options.copies == "fresh" else int(options.copies)
    mixed = augtool.Recipe(
        tuple(map(step_of, options.method)),
        seed=options.seed,
        copies=1 if options.method == ["none"] else copies,
        limit=options.rows,
        label_smoothing=options.label_smoothing,
        reading=Reading(size=(options.size, options.size)),
        **({"label_noise": options.label_noise} if options.label_noise else {}),
    )
    plain = augtool.Recipe((step_of("none"),), reading=mixed.reading)
    folder = Path(options.data)
    if (folder / "test").is_dir():
        test = made(folder / "test", plain, options.scratch)
        train = options.train or made(folder / "train", mixed, options.scratch)
    else:
        held = {"sampling": Sampling(holdout=HELD_OUT)}
        train = made(options.data, augtool.Recipe(**{**vars(mixed), **held}), options.scratch)
        test = train.with_name(f"{train.stem}-validation.h5")
        train = options.train or train
    if str(train).startswith("pipe:"):
        rows = options.rows or 50_000
        return Stream(str(train).removeprefix("pipe:"), rows), Copies(test).read(0)
    return Copies(train), Copies(test).read(0)


def made(source: Path | str, recipe: augtool.Recipe, scratch: Path) -> Path:
    """An output of the recipe, named by it."""
    scratch.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(f"{source} {recipe.as_json()}".encode()).hexdigest()[:12]
    job = augtool.Job(str(source), str(scratch / f"rows-{name}.h5"), recipe, resume=True)
    augtool.run(job)
    return Path(job.output)


def order_of(rows: Rows, options: argparse.Namespace, epoch: int) -> np.ndarray:
    """The order of an epoch's rows: another each time, or the same order of their source rows."""
    if options.order == "shuffled":
        return np.random.default_rng((options.seed, epoch)).permutation(len(rows))
    place = np.random.default_rng(options.seed).permutation(int(rows.base.max()) + 1)
    return np.argsort(place[rows.base], kind="stable")


def as_input(images: Tensor, options: argparse.Namespace) -> Tensor:
    """(m, H, W, C) uint8 to what the network takes, (m, C, H, W) with channels last in memory."""
    values = images.float() / 255
    if options.recipe == "usual" and images.shape[-1] == 3:
        values = (values - torch.tensor(MEAN, device=values.device)) / torch.tensor(
            STD, device=values.device
        )
    return values.permute(0, 3, 1, 2)


def flipped_and_cropped(inputs: Tensor, random: np.random.Generator) -> Tensor:
    """Each image mirrored or not, and moved by up to `CROP` pixels, with zeros beyond it."""
    count, _, height, width = inputs.shape
    around = pad(inputs, (CROP,) * 4).permute(0, 2, 3, 1)
    top, left = random.integers(0, 2 * CROP + 1, (2, count, 1))
    columns = np.where(random.random((count, 1)) < 0.5, np.arange(width), np.arange(width)[::-1])
    rows, columns = top + np.arange(height), left + columns
    batch = np.arange(count)[:, None, None]
    cut = around[batch, rows[:, :, None], columns[:, None, :]]
    return cut.permute(0, 3, 1, 2)


def cutmix_in_the_loop(
    images: Tensor, labels: Tensor, rows: Rows, alpha: float, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A batch with a box of any other row pasted into each image: what augtool does beforehand."""
    height, width = images.shape[1:3]
    count = len(images)
    partner = random.integers(0, len(rows), count)
    side = np.sqrt(1 - random.beta(alpha, alpha, count))
    middle = random.random((2, count)) * ((height,), (width,))
    half = np.array(((height,), (width,))) * side / 2
    low = np.clip(np.rint(middle - half), 0, ((height,), (width,))).astype(int)
    high = np.clip(np.rint(middle + half), 0, ((height,), (width,))).astype(int)
    mixed = images.clone()
    for i, (top, left, bottom, right) in enumerate(np.concatenate([low, high]).T):
        mixed[i, top:bottom, left:right] = rows.images[partner[i], top:bottom, left:right]
    share = torch.from_numpy(np.prod(high - low, axis=0) / (height * width)).to(labels)[:, None]
    return mixed, labels * (1 - share) + rows.labels[partner] * share


# Training


def optimizer_of(model: nn.Module, options: argparse.Namespace) -> torch.optim.Optimizer:
    """The optimizer of a recipe."""
    if options.recipe == "usual":
        return torch.optim.SGD(
            model.parameters(), options.rate or 0.1, 0.9, weight_decay=5e-4, nesterov=True
        )
    # Keras adds 1e-4 · Σ w² of the convolutions to the loss: a slope of 2e-4 · w
    kernels = [one.weight for one in model.modules() if isinstance(one, nn.Conv2d)]
    chosen = {id(one) for one in kernels}
    others = [one for one in model.parameters() if id(one) not in chosen]
    groups = [{"params": kernels, "weight_decay": 2e-4}, {"params": others}]
    return torch.optim.Adam(groups, options.rate or 1e-3, eps=1e-7)


def rate_at(step: int, steps: int, options: argparse.Namespace) -> float:
    """The learning rate: a half wave of the cosine, or always the same."""
    if options.recipe == "usual":
        return (options.rate or 0.1) * (1 + math.cos(math.pi * step / steps)) / 2
    return options.rate or 1e-3


class Trainer:
    """A model in training, of which an epoch is one step."""

    def __init__(self, options: argparse.Namespace, channels: int, classes: int) -> None:
        self.options = options
        self.device = _device(options.device)
        self.dtype = _dtype(options.dtype, self.device)
        torch.manual_seed(options.seed)
        norm = {"eps": 1e-3, "momentum": 0.01} if options.norm == "keras" else {}
        model = resnet20(channels, classes, norm)
        if options.initial is not None:
            _from_one_state(model, options.initial)
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.optimizer = optimizer_of(self.model, options)
        self.log: list[dict[str, Any]] = []

    def half(self) -> torch.autocast:
        """Where it is entered, convolutions are computed in the chosen type."""
        half = self.dtype is torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def set_rate(self, step: int, steps: int) -> None:
        """The learning rate of one of all steps."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(step, steps, self.options)

    def scores(self, inputs: Tensor) -> Tensor:
        """(m, K) float32."""
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        with self.half():
            result: Tensor = self.model(inputs)
        return result.float()

    def train(self, rows: Rows, epoch: int) -> tuple[float, float, float | None]:
        """An epoch: mean loss, and the shares of rows whose heaviest (and whose clean) class is
        the one predicted."""
        options = self.options
        random = np.random.default_rng((options.seed, epoch, 1))
        order = order_of(rows, options, epoch)
        batches = -(-len(order) // options.batch)
        rows = rows.to(self.device)
        loss_sum, right, clean = torch.zeros((3, 1), device=self.device)
        self.model.train()
        for number in tqdm(range(batches), f"epoch {epoch + 1}", leave=False, disable=None):
            part = torch.from_numpy(order[number * options.batch :][: options.batch])
            part = part.to(self.device)
            images, labels = rows.images[part], rows.labels[part]
            if options.online is not None:
                images, labels = cutmix_in_the_loop(images, labels, rows, options.online, random)
            inputs = as_input(images, options)
            if options.recipe == "usual" and not options.still:
                inputs = flipped_and_cropped(inputs, random)
            self.set_rate(epoch * batches + number, options.epochs * batches)
            scores = self.scores(inputs)
            loss = cross_entropy(scores, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss_sum += loss.detach() * len(part)
            predicted = scores.detach().argmax(1)
            right += (predicted == labels.argmax(1)).sum()
            if rows.clean is not None:
                clean += (predicted == rows.clean[part].argmax(1)).sum()
        mean = (loss_sum / len(rows)).item(), (right / len(rows)).item()
        return *mean, None if rows.clean is None else (clean / len(rows)).item()

    def test(self, rows: Rows) -> tuple[float, float]:
        """Mean loss and accuracy on rows that are not mixed."""
        loss_sum = right = 0.0
        self.model.eval()
        with torch.inference_mode():
            for first in range(0, len(rows), 500):
                images = rows.images[first : first + 500].to(self.device)
                labels = rows.labels[first : first + 500].to(self.device)
                scores = self.scores(as_input(images, self.options))
                loss_sum += cross_entropy(scores, labels, reduction="sum").item()
                right += (scores.argmax(1) == labels.argmax(1)).sum().item()
        return loss_sum / len(rows), right / len(rows)

    def note(
        self,
        loss: float,
        accuracy: float,
        clean: float | None,
        test_loss: float,
        test_accuracy: float,
        seconds: tuple[float, float, float],
    ) -> None:
        """Add an epoch to the log; ``seconds`` of reading, training and testing."""
        values = (
            *(len(self.log) + 1, round(loss, 5), round(accuracy, 5)),
            "" if clean is None else round(clean, 5),
            *(round(test_loss, 5), round(test_accuracy, 5)),
            *(round(one, 2) for one in seconds),
            *(self.device.type, str(self.dtype).removeprefix("torch.")),
            *(version("torch"), version("augtool")),
        )
        self.log.append(dict(zip(COLUMNS, values, strict=True)))

    def save(self, path: Path) -> None:
        """Keep all that the next epoch needs; a reader never sees half of it."""
        state = {
            "options": _what_counts(self.options),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "log": self.log,
        }
        unfinished = path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(path)

    def load(self, path: Path) -> None:
        """Go on from what `save` kept."""
        state = torch.load(path, weights_only=True)
        if state["options"] != _what_counts(self.options):
            raise SystemExit(f"{path.parent}: has a run with other options; choose another --out")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.log = state["log"]


def _from_one_state(model: nn.Module, path: Path) -> None:
    """Begin with the state in ``path``; the first that asks saves its own there."""
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), path)


def _device(name: str) -> torch.device:
    there = torch.accelerator.is_available() if hasattr(torch, "accelerator") else False
    if name != "auto":
        return torch.device(name)
    return torch.device(torch.accelerator.current_accelerator() if there else "cpu")


def _dtype(name: str, device: torch.device) -> torch.dtype:
    """bfloat16 where the processor has instructions for it."""
    if name != "auto":
        return torch.float32 if name == "float32" else torch.bfloat16
    has = torch.cpu.get_capabilities() if device.type == "cpu" else {"amx_bf16": True}
    fast = has.get("amx_bf16") or has.get("avx512_bf16")
    return torch.bfloat16 if fast else torch.float32


def _what_counts(options: argparse.Namespace) -> dict[str, str]:
    """The options that change the numbers and are not the default ones; places do not count."""
    usual = vars(options_of(["--data", options.data, "--recipe", options.recipe]))
    places = ("data", "initial", "out", "scratch", "threads", "stop_after")
    return {
        name: str(value)
        for name, value in vars(options).items()
        if name not in (*places, "mixed") and value != usual.get(name)
    }


def train(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Do a run, or what is left of it; the lines of its log."""
    torch.set_num_threads(options.threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what makes CUDA repeatable
    torch.use_deterministic_algorithms(True)
    options.out.mkdir(parents=True, exist_ok=True)
    source, test_rows = prepare(options)
    trainer = Trainer(options, test_rows.images.shape[-1], test_rows.labels.shape[1])
    state = options.out / "state.pt"
    if state.exists():
        trainer.load(state)
    for epoch in range(len(trainer.log), min(options.epochs, options.stop_after)):
        began = time.perf_counter()
        rows = source.read(epoch)
        there = time.perf_counter()
        loss, accuracy, clean = trainer.train(rows, epoch)
        trained = time.perf_counter()
        test_loss, test_accuracy = trainer.test(test_rows)
        ended = time.perf_counter()
        seconds = there - began, trained - there, ended - trained
        trainer.note(loss, accuracy, clean, test_loss, test_accuracy, seconds)
        trainer.save(state)
        write_log(options.out / "log.csv", trainer.log)
        rate = len(rows) / (trained - there)
        print(
            f"epoch {epoch + 1}: loss {loss:.4f}, test accuracy {test_accuracy:.4f}, "
            f"{rate:,.0f} images/s",
            flush=True,
        )
    if isinstance(source, Stream):
        source.close()
    draw_curve(options.out / "curve.png", trainer.log)
    return trainer.log


def write_log(path: Path, log: Sequence[dict[str, Any]]) -> None:
    """A CSV with a line an epoch."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(log)


def draw_curve(path: Path, log: Sequence[dict[str, Any]]) -> None:
    """The accuracies over the epochs, where matplotlib is installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    axes = Figure(figsize=(6, 4), layout="constrained").add_subplot()
    epochs = [line["epoch"] for line in log]
    for name in ("train_accuracy", "test_accuracy"):
        axes.plot(epochs, [100 * line[name] for line in log], label=name.replace("_", " "))
    axes.set(xlabel="epoch", ylabel="%")
    axes.legend()
    axes.figure.savefig(path)


def options_of(arguments: Iterable[str] | None = None) -> argparse.Namespace:
    """The options, as they were given or by default."""
    doc, form = __doc__ or "", argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=doc, formatter_class=form)
    add = parser.add_argument
    add("--data", required=True, help="folder with train/ and test/, or any input of augtool")
    add("--train", help="an output of augtool to train on, or pipe:COMMAND")
    add("--method", nargs="+", default=["cutmix"], help='steps: none, "cutmix alpha=0.25", …')
    add("--copies", default="fresh", help="mixed copies; fresh: one for each epoch")
    add("--label-smoothing", type=float, default=0.0)
    add("--label-noise", type=float, default=0.0, help="share of wrong labels")
    add("--online", type=float, metavar="ALPHA", help="CutMix in the loop, over the whole set")
    add("--rows", type=int, help="use only so many images")
    add("--size", type=int, default=32, help="side of the images")
    add("--recipe", choices=("keras", "usual"), default="keras")
    add("--epochs", type=int, default=15)
    add("--batch", type=int, help="default: 32 with keras, 128 with usual")
    add("--rate", type=float, help="learning rate; default: 1e-3 with keras, 0.1 with usual")
    add("--norm", choices=("keras", "torch"), help="whose epsilon and momentum batch norm has")
    add("--still", action="store_true", help="neither flip nor crop with the usual recipe")
    add("--order", choices=("shuffled", "fixed"), default="shuffled")
    add("--seed", type=int, default=0)
    add("--initial", type=Path, help="begin with the state in this file; made if missing")
    add("--device", default="auto")
    add("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    add("--threads", type=int, default=torch.get_num_threads())
    add("--stop-after", type=int, default=10**9, help="stop after this epoch, to go on later")
    add("--out", type=Path, default=Path("run"), help="where log, curve and state go")
    add("--scratch", type=Path, help="where mixed rows go; default: OUT")
    options = parser.parse_args(None if arguments is None else list(arguments))
    options.batch = options.batch or (32 if options.recipe == "keras" else 128)
    options.norm = options.norm or ("keras" if options.recipe == "keras" else "torch")
    options.scratch = options.scratch or options.out
    return options


if __name__ == "__main__":
    train(options_of())
