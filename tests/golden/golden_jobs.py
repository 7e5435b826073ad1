"""The jobs whose content is pinned: command lines, run where the inputs of `golden_inputs` are.

An option that gets another name is renamed here, and no digest changes.
"""

from __future__ import annotations

from dataclasses import dataclass

_METHODS = {
    "crop": "--padding 2",
    "cutmix": "",
    "cutout": "--length 4",
    "erase": "",
    "flip": "",
    "fmix": "",
    "gridmask": "--period-range 4,9",
    "jigsaw": "",
    "mixup": "",
    "mosaic": "",
    "resizemix": "",
    "rotate": "",
    "saliencymix": "",
    "shift": "--range 0.3",
    "smooth": "--label-smoothing 0.1",
    "smoothmix": "",
}
SWITCH = "'0.5 cutmix | 0.3 mixup alpha=0.2 | 0.2 none'"


@dataclass(frozen=True)
class Job:
    """Commands that are run one after the other, and the outputs whose content is taken."""

    commands: tuple[str, ...]
    outputs: tuple[str, ...] = ("out.h5",)


def _one(command: str, out: str = "out.h5", *more: str) -> Job:
    """A job of one command, which is told where its output goes."""
    return Job((f"{command} --out {out} --quiet",), (out, *more))


def _then(first: str, second: str) -> Job:
    """A job of two commands; the content of what the second makes is taken."""
    return Job((first, second))


JOBS: dict[str, Job] = {
    # Each method, twice over the source so that a pass differs from the next.
    **{
        f"method-{name}": _one(f"{name} --in plain.h5 --copies 2 --seed 11 {options}")
        for name, options in _METHODS.items()
    },
    # What methods are asked for in other ways.
    "cutmix-inside": _one("cutmix --in plain.h5 --box-sampler inside --prob 0.6"),
    "cutmix-ratio-range": _one("cutmix --in plain.h5 --ratio-range 0.2,0.8"),
    "cutmix-three-partners": _one("cutmix --in plain.h5 --num-mix 3 --alpha 0.5"),
    "cutmix-lam": _one("cutmix --in plain.h5 --lam 0.3"),
    "cutout-mean": _one("cutout --in plain.h5 --length 5 --holes 2 --fill 9,8,7"),
    "erase-colour": _one("erase --in plain.h5 --fill random-colour --count 2 --aspect uniform"),
    "gridmask-bars": _one("gridmask --in plain.h5 --preset cifar --grid-mode 0 --period-range 3,6"),
    "resizemix-nearest": _one("resizemix --in plain.h5 --shrink nearest"),
    "rotate-reflect": _one("rotate --in plain.h5 --degrees 90 --border reflect"),
    "rotate-nearest": _one("rotate --in plain.h5 --interpolation nearest --fill 7"),
    "shift-wrap": _one("shift --in plain.h5 --range 0.5 --border wrap"),
    "mixup-lam": _one("mixup --in plain.h5 --lam 0.25"),
    # Chains, and choices made for each row.
    "chain": _one("mix flip 'cutmix alpha=1' 'erase prob=0.25' --in plain.h5 --seed 5"),
    "chain-of-moves": _one(
        "mix 'rotate degrees=30' 'shift range=0.2' jigsaw 'crop padding=2' --in plain.h5"
    ),
    "chain-of-blends": _one("mix mixup cutmix smoothmix --in plain.h5 --seed 2"),
    "choice": _one(f"mix {SWITCH} --in plain.h5 --seed 5 --copies 2"),
    "choice-in-a-chain": _one(f"mix flip {SWITCH} 'cutout length=4' --in plain.h5"),
    "choice-of-equals": _one("mix 'fmix | resizemix | mosaic' --in plain.h5"),
    # Which rows are made.
    "num": _one("cutmix --in plain.h5 --num 170"),
    "limit": _one("cutmix --in plain.h5 --limit 90 --seed 3"),
    "source-order": _one("cutmix --in plain.h5 --order source --copies 2"),
    "keep-originals": _one("cutmix --in plain.h5 --keep-originals --copies 2"),
    "label-smoothing": _one("cutmix --in plain.h5 --label-smoothing 0.2"),
    "balance-classes": _one("cutmix --in plain.h5 --balance classes"),
    "balance-sqrt": _one("mixup --in plain.h5 --balance sqrt --copies 2"),
    "row-weights": _one("cutmix --in plain.h5 --row-weights often"),
    "pair-other-class": _one("cutmix --in plain.h5 --pair other-class"),
    "pair-same-class": _one("cutmix --in plain.h5 --pair same-class"),
    "pair-other-group": _one("cutmix --in plain.h5 --pair other-group --group-by group"),
    "pair-same-group": _one("cutmix --in plain.h5 --pair same-group --group-by group"),
    "only-classes": _one("cutmix --in plain.h5 --only-classes bird,ship"),
    "per-class": _one("cutmix --in plain.h5 --per-class 20"),
    "only-rows": _one("cutmix --in plain.h5 --only-rows rows.txt"),
    "copied-columns": _one("cutmix --in plain.h5 --carry often --carry group"),
    "holdout": _one("cutmix --in plain.h5 --holdout 0.2", "out.h5", "out-validation.h5"),
    "holdout-of-groups": _one(
        "cutmix --in plain.h5 --holdout 0.3 --group-by group --holdout-seed 4",
        "out.h5",
        "out-validation.h5",
    ),
    "everything-at-once": _one(
        f"mix flip {SWITCH} --in plain.h5 --balance sqrt --pair other-class --holdout 0.1 "
        "--copies 3 --keep-originals --label-smoothing 0.1 --carry group --seed 8",
        "out.h5",
        "out-validation.h5",
    ),
    # Masks.
    "masks": _one("cutmix --in masked.h5"),
    "masks-in-a-chain": _one(
        "mix flip 'shift range=0.3' cutmix 'cutout length=4' --in masked.h5 --mask-fill 4"
    ),
    "masks-weigh": _one("cutmix --in masked.h5 --weight-by masks"),
    "masks-of-a-folder": _one("cutmix --in photos --masks photo-masks --size 10x12"),
    # Targets of every kind.
    "several-targets": _one(
        "cutmix --in targets.h5 --label-key shape --label-key soft --label-key tags --label-key age"
    ),
    "target-soft": _one("cutmix --in targets.h5 --label-key soft"),
    "target-tags": _one("cutmix --in targets.h5 --label-key tags --label-smoothing 0.1"),
    "target-values": _one("mixup --in values.h5 --target vector"),
    # Each source.
    "source-folder": _one("cutmix --in folder --copies 2"),
    "source-folder-classes": _one("cutmix --in folder --classes classes.txt"),
    "source-zip": _one("cutmix --in folder.zip"),
    "source-tar": _one("cutmix --in plain.tar"),
    "source-tar-gz": _one("cutmix --in packed.tar.gz"),
    "source-parquet": _one("cutmix --in plain.parquet"),
    "source-npy": _one("cutmix --in npy"),
    "source-npy-labels": _one("cutmix --in images.npy --labels one-hot.npy"),
    "source-npz": _one("cutmix --in plain.npz"),
    "source-table": _one("mixup --in table.npz --image-key features --label-key outcome"),
    "source-chunked": _one("cutmix --in chunked.h5"),
    "source-sample": _one("cutmix --in 'sample:?n=80&size=12'"),
    "source-grey": _one("mix cutmix rotate --in grey.h5"),
    "source-channels-first": _one("cutmix --in first.h5 --layout NCHW"),
    "source-uint16": _one("mix mixup rotate --in deep.h5"),
    "source-float": _one("mix cutmix mixup --in float.h5"),
    "source-labels-table": _one(
        "cutmix --in flat --labels labels.csv --name-column name "
        "--label-column breed --label-column coat"
    ),
    "source-labels-tags": _one(
        "cutmix --in flat --labels labels.csv --name-column name --label-column tags --label-sep |"
    ),
    "source-labels-names": _one("cutmix --in flat --label-from-name '^([a-z]+)'"),
    "source-several": _one("cutmix --in plain.npz --in chunked.h5"),
    # How images are brought to one size and mode.
    "fit-crop": _one("cutmix --in photos --size 10x13"),
    "fit-stretch": _one("cutmix --in photos --size 12 --fit stretch"),
    "fit-pad": _one("cutmix --in photos --size 16x11 --fit pad --background 1,2,3"),
    "fit-nearest": _one("cutmix --in photos --size 10x13 --resample nearest"),
    "mode-grey": _one("cutmix --in photos --size 10 --mode L"),
    "mode-deep": _one("cutmix --in deep --mode L16"),
    "mode-transparent": _one("cutmix --in clear --background 200,100,0"),
    # Each format. The content is the same in all of them, but for sparse labels.
    "format-hdf5-gzip": _one("cutmix --in folder --compression gzip:1"),
    "format-hdf5-shards": _one("cutmix --in folder --format hdf5 --shards 3", "out"),
    "format-npy": _one("cutmix --in folder --format npy", "out"),
    "format-npz": _one("cutmix --in folder", "out.npz"),
    "format-tar": _one("cutmix --in folder --encode png", "out.tar"),
    "format-tar-shards": _one("cutmix --in folder --format tar --shard-size 10", "out"),
    "format-tar-npy": _one("cutmix --in folder --encode npy", "out.tar"),
    "format-parquet": _one("cutmix --in folder", "out.parquet"),
    "format-parquet-shards": _one("cutmix --in folder --format parquet --shards 2", "out"),
    "format-folder": _one("cutmix --in folder --format folder", "out"),
    "format-sparse": _one("cutmix --in folder --labels-as sparse"),
    "format-channels-first": _one("cutmix --in folder --format npy --out-layout NCHW", "out"),
    # Plans, rendered and merged outputs, several processes.
    "plan": Job(("plan cutmix --in plain.h5 --seed 3 --out out.csv",), ("out.csv",)),
    "plan-of-a-chain": Job((f"plan mix flip {SWITCH} --in plain.h5 --out out.csv",), ("out.csv",)),
    "render-plan": _then(
        "plan cutmix --in plain.h5 --seed 3 --copies 2 --out plan.csv",
        "render plan.csv --in plain.h5 --out out.h5 --quiet",
    ),
    "render-output": _then(
        "mix flip mixup --in plain.h5 --seed 6 --out before.npz --quiet",
        "render before.npz --in plain.h5 --out out.h5 --quiet",
    ),
    "recipe-file": Job(
        (
            f"mix flip {SWITCH} --in plain.h5 --seed 4 --copies 2 --out before.h5 --quiet",
            "inspect before.h5 --recipe > recipe.toml",
            "mix --recipe recipe.toml --in plain.h5 --out out.h5 --quiet",
        )
    ),
    "merge-shards": _then(
        "cutmix --in plain.h5 --format hdf5 --shards 3 --out shards --quiet",
        "merge shards --out out.h5 --quiet",
    ),
    "processes": _one("cutmix --in plain.h5 --copies 2 --seed 11 --workers 2"),
}
"""By name: the job. Equal content has equal digests, such as ``processes`` and ``method-cutmix``.
"""

ALIKE = (
    ("method-cutmix", "processes"),
    (
        *("format-hdf5-gzip", "format-hdf5-shards", "format-npy", "format-npz", "format-tar"),
        *("format-tar-shards", "format-tar-npy", "format-parquet", "format-parquet-shards"),
        *("format-folder", "format-sparse", "format-channels-first", "source-zip"),
    ),
)
"""Jobs of one content: sparse labels are made dense, and channels put last, before it is taken."""
