"""Write what the documentation takes from the program: ``python docs/make.py``.

docs/cli.md from the ``--help`` of every command; docs/methods.md from the methods' docstrings, with
the paragraphs on other implementations kept; docs/evidence.md from the results in
benchmarks/evidence/; the answers in the README. With ``pictures``, each method's picture too, and
the figure of evidence.md; with ``report``, an example of a report in build/.
"""

from __future__ import annotations

import inspect
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from augtool_cli.main import augtool

from augtool import methods
from augtool.methods import _catalogue

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks is part of the tree, and not installed

from benchmarks import evidence_page  # noqa: E402

_WIDTH = 88
_TOP = """\
# The command line

Every command and option, as `--help` prints it. This page is generated: change the help in the
code, then run `python docs/make.py`.

Data goes to stdout, everything else to stderr. An option beats the file given with `--config`,
which beats the default. The keys of that file are the long options without their dashes:

```toml
in = "data/"
out = "mixed.h5"
alpha = 0.5
copies = 4
```

| exit code | meaning |
|---|---|
| 0 | complete |
| 1 | failed; `verify`: something is not as it was; `check`: an image cannot be used |
| 2 | the request cannot be met: a wrong option, an output that exists |
| 3 | finished, but some inputs were skipped (`--on-error skip`) |
| 129, 130, 143 | stopped by SIGHUP, by Ctrl-C, by SIGTERM |
| 141 | the reader of stdout went away |

**Completion with the Tab key.** Add one line to your shell's start-up file:

| shell | start-up file | line |
|---|---|---|
| bash 4.4 or newer | `~/.bashrc` | `eval "$(_AUGTOOL_COMPLETE=bash_source augtool)"` |
| zsh | `~/.zshrc` | `eval "$(_AUGTOOL_COMPLETE=zsh_source augtool)"` |
| fish | `~/.config/fish/config.fish` | `_AUGTOOL_COMPLETE=fish_source augtool \\| source` |

The `augtool` command must be on the `PATH`: activate its virtual environment first.
"""

_METHODS_TOP = """\
# The methods

Each method is a command, `augtool NAME`, with the options of [the command line](cli.md) for input,
output and rows. A row's sources, weights and draws are stored beside it: [schema.md](schema.md).
`augtool methods` lists parameters, defaults and bounds; with `--cite NAME` it prints BibTeX.

Images are (H, W) or (H, W, C) arrays of uint8, uint16, float32 or float64; `mixup` takes arrays of
any rank. "Base" is the first source of a row, "partner" the second; λ is the base's share. All
draws happen in the plan. Applying it takes whole numbers and basic operations only, so the pixels
are the same on every machine.

**Left out** are methods that need a trained network, since augtool runs none: Puzzle Mix,
Co-Mixup, Attentive CutMix, SnapMix, TransMix, TokenMix, AlignMix, AutoMix and similar.

**Through the stored plan**, a training loop mixes features as the rows were mixed: Feature CutMix
(at a layer, in the box) and Manifold Mixup (at a layer, by the weight). A row's `src`, `weight` and
`cutmix_box` are all it needs: [examples/feature_mix.py](../examples/feature_mix.py).

**What an offline tool cannot do**, and what does it:

| what | why not | use |
|---|---|---|
| DropBlock | drops regions of feature maps, drawn in each step of training | \
`torchvision.ops.DropBlock2d`, timm `drop_block_rate` |
| stochastic depth | leaves out layers of the network, drawn in each step | \
`torchvision.ops.StochasticDepth`, timm `DropPath` |
| ShakeDrop | scales residual branches, other than in the backward pass | \
a layer of your network; the authors' code |
| transfer to detection and captioning | trains another network from the first one's weights | \
Detectron2 or MMDetection; Hugging Face Transformers |
| training GANs with mixed images | images come from the generator while it learns | \
`timm.data.Mixup` or `torchvision.transforms.v2.CutMix`, inside the loop |

**In a chain** (`augtool mix`) a map of who owns each pixel goes through the same steps, and its
counts are the weights. It takes the nearest pixel where `rotate` interpolates between four and
`resizemix` averages an area, since a pixel has one owner, or none beyond the border: one that shows
two images at such an edge counts for the nearer. Where a step blends, the map holds each image's
share of a pixel.

**Label smoothing** is an option of every method (`--label-smoothing`); `smooth` is that option
alone. So is **label noise** (`--label-noise`): wrong classes on purpose, to see what a way of
training makes of them.
"""


def cli_page() -> str:
    """docs/cli.md, the same on every terminal."""
    parts = [f"## {name}\n\n```text\n{text}\n```\n" for name, text in helps(augtool, "augtool")]
    return "\n".join([_TOP, *parts])


def helps(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """(name, help) of a command, then of its subcommands."""
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, parent, name, **settings)
    # click 8.1 writes COMMAND where later ones write [COMMAND]
    yield context.command_path, command.get_help(context).replace("[COMMAND]", "COMMAND")
    if isinstance(command, click.Group):
        for one in command.list_commands(context):
            subcommand = command.get_command(context, one)
            assert subcommand is not None
            yield from helps(subcommand, one, context)


def methods_page(text: str) -> str:
    """docs/methods.md: each method's docstring, picture and paper, and what ``text``, the page as
    it is, says of it elsewhere."""
    kept = dict(re.findall(r"^## (\w+)\n.*?(^\*\*Elsewhere\.\*\* .*?)\n\n", text, re.M | re.S))
    parts = [_METHODS_TOP]
    for one in _catalogue.entries():
        said = inspect.cleandoc(methods.load(one.name).__doc__ or "").replace("``", "`")
        parts.append(
            f"## {one.name}\n\n{said}\n\n![{one.name}](images/methods/{one.name}.png)\n\n"
            f"{kept.get(one.name, '**Elsewhere.** …')}\n\n{one.paper}\n"
        )
    return "\n".join(parts)


def pictures() -> None:
    """docs/images/methods/: six rows of each method, made from the sample."""
    folder = ROOT / "docs" / "images" / "methods"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="augtool-") as scratch:
        for name in methods.names():
            made = f'augtool {name} --in "sample:?n=400&size=144" --out {name}.h5 -n 6 --prob 1'
            _answer(f"{made} --seed 232", scratch)
            _answer(f"augtool preview {name}.h5 --rows 1 --cols 6 --out {name}.png", scratch)
            shutil.copy(Path(scratch) / f"{name}.png", folder)
    evidence_page.figure().savefig(ROOT / "docs" / "images" / "evidence.png")


def readme(text: str) -> str:
    """The README with the answers that its ``console`` blocks get in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="augtool-") as folder:
        first = re.search(r"\.venv/bin/(augtool .*)", text)
        assert first is not None
        _answer(first[1], folder)
        return re.sub(
            r"^(```console\n\$ (.*)\n)[^`]*",
            lambda block: block[1] + _answer(block[2], folder),
            text,
            flags=re.MULTILINE,
        )


def _answer(line: str, folder: str) -> str:
    command = [sys.executable, "-m", *shlex.split(line)]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=True)
    return done.stdout


def example_report() -> Path:
    """build/example-report.html: the report of a choice of methods over the sample."""
    page = ROOT / "build" / "example-report.html"
    page.parent.mkdir(exist_ok=True)
    source = '"sample:?n=2000&size=64"'
    with tempfile.TemporaryDirectory(prefix="augtool-") as scratch:
        steps = 'flip "0.5 cutmix | 0.3 mixup alpha=0.2 | 0.2 none"'
        _answer(f"augtool mix {steps} --in {source} --out mixed.h5 --copies 4", scratch)
        _answer(f"augtool report mixed.h5 --in {source} --verify --out report.html", scratch)
        shutil.copy(Path(scratch) / "report.html", page)
    return page


if __name__ == "__main__":
    if sys.argv[1:] == ["pictures"]:
        pictures()
    if sys.argv[1:] == ["report"]:
        example_report()
    page = ROOT / "docs" / "methods.md"
    page.write_text(methods_page(page.read_text(encoding="utf-8")), encoding="utf-8")
    (ROOT / "docs" / "cli.md").write_text(cli_page(), encoding="utf-8")
    (ROOT / "docs" / "evidence.md").write_text(evidence_page.page(), encoding="utf-8")
    front = ROOT / "README.md"
    front.write_text(readme(front.read_text(encoding="utf-8")), encoding="utf-8")
