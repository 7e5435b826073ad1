"""The job: a recipe, an input, an output, and how to get from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from augtool.errors import UsageError
from augtool.recipe.recipe import Recipe


@dataclass(frozen=True)
class Job:
    """All that one run needs to know; equal recipes and inputs give equal rows.

    input
        A path, or ``sample:``; or a pattern, "x/*.h5" or "train-{000..146}.tar".
    output
        The file to make, whose name says the format: ``mixed.h5``; or a folder, with ``format``;
        or ``-`` for stdout.
    recipe
        What the rows are.
    more_inputs
        Further inputs with the same classes, whose rows follow.
    masks
        A folder of label images beside a folder of images; arrays have theirs inside, see
        `Reading.mask_key`.
    labels
        A file with the labels of images that lie in no class folders: CSV, JSON lines, Parquet,
        npy.
    listing
        A file that keeps the listing of the input for other runs; made when it is missing.
    scratch
        A folder to unpack compressed inputs in; None does so beside the output, or, without one, in
        the system's folder for temporary things.
    in_format
        The format of the input, ``tar``, ``folder``, …; None looks at its content.
    copy
        On stdout: make the rows of this copy alone, from 0, as they are in a longer run.
    endless
        On stdout: make copy after copy until the reader goes away.
    task_index, num_tasks
        On stdout: make share ``task_index``, from 0, of ``num_tasks`` near-equal ranges of blocks
        in every copy.
    workers
        Processes; ``INLINE`` (0) runs in this one; None chooses by the machine and the job.
    format
        ``hdf5``, ``tar``, …: the format of a folder or of stdout, or None for that of the name.
    shards, shard_size
        How many files of near-equal size a folder has, or how many rows ("10000") or bytes
        ("512MB") of uncompressed data each; one when neither is given.
    index
        Tars in a folder: also write what ``timm`` wants to know of them, where no other reader
        takes it for data.
    encode
        How images are stored where each is a file of its own: ``auto`` (JPEG for sources that are
        lossy, else PNG, and npy for what is no picture), ``jpg:QUALITY``, ``png``,
        ``webp:QUALITY`` or ``npy``.
    labels_as
        ``dense``: K weights a row; ``sparse``: the sources' classes beside their weights.
    out_layout
        ``NHWC`` or ``NCHW``.
    compression
        ``gzip`` or ``gzip:LEVEL`` for HDF5, or None.
    holdout_output
        Where the rows that `Sampling.holdout` keeps out of the mixing go; None puts them beside the
        output, ``mixed-validation.h5``, and nowhere when that is stdout.
    on_error
        What a broken image does: ``fail`` stops the run, ``skip`` goes on without it.
    strict
        Tell inputs apart by the content of their files too, which are all read once for it: stored
        as ``source_content``, and asked for by `resume`, verify and render in place of file times.
    resume
        Go on with what an earlier run of this job has left, if it has left anything; the output
        has the same bytes.
    errors
        A file to be written: a line of JSON for each file of the input that no row is made of.
    max_errors
        With ``on_error`` skip: fail when more images than this cannot be read.
    plan
        An output, or a plan that was saved, whose rows are made again without a draw; ``recipe`` is
        its own.
    other_source
        With ``plan``: the input need not be the one that it was made from.
    overwrite
        Replace an output that exists, once the new one is complete.
    task_blocks
        Blocks in a task; None chooses.
    """

    input: str
    output: str
    recipe: Recipe
    more_inputs: tuple[str, ...] = ()
    masks: str | None = None
    labels: str | None = None
    listing: str | None = None
    scratch: str | None = None
    in_format: str | None = None
    format: str | None = None
    shards: int | None = None
    shard_size: str | None = None
    index: Literal["timm"] | None = None
    encode: str = "auto"
    labels_as: Literal["dense", "sparse"] = "dense"
    out_layout: Literal["NHWC", "NCHW"] = "NHWC"
    copy: int | None = None
    endless: bool = False
    task_index: int = 0
    num_tasks: int = 1
    workers: int | None = None
    compression: str | None = None
    holdout_output: str | None = None
    on_error: Literal["fail", "skip"] = "fail"
    strict: bool = False
    resume: bool = False
    errors: str | None = None
    max_errors: int | None = None
    plan: str | None = None
    other_source: bool = False
    overwrite: bool = False
    task_blocks: int | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """All inputs, as they were given."""
        return (self.input, *self.more_inputs)

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 0:
            raise UsageError(f"workers {self.workers}: must be at least 1, or auto")
        if self.task_blocks is not None and self.task_blocks < 1:
            raise UsageError(f"task_blocks {self.task_blocks}: must be at least 1")
        if self.shards is not None and self.shards < 1:
            raise UsageError(f"shards {self.shards}: must be at least 1")
        if self.shards is not None and self.shard_size is not None:
            raise UsageError("shards and shard_size both say how many files there are: give one")
        if self.copy is not None and self.copy < 0:
            raise UsageError(f"copy {self.copy}: copies count from 0")
        if not 0 <= self.task_index < self.num_tasks:
            raise UsageError(
                f"task_index {self.task_index}: must be in 0…{self.num_tasks - 1}, "
                "one less than num_tasks"
            )
        if self.max_errors is not None and self.max_errors < 0:
            raise UsageError(f"max-errors {self.max_errors}: must be at least 0")
        if self.max_errors is not None and self.on_error != "skip":
            raise UsageError("max-errors: the first error ends the run; add on-error skip")
        self._check_stream()
        if self.holdout_output is not None and self.recipe.sampling.holdout is None:
            raise UsageError("holdout-out: nothing is held out; add holdout, such as 0.2")
        if self.compression and self.recipe.order == "source":
            raise UsageError("order source writes rows out of order, so it cannot be compressed")

    def _check_stream(self) -> None:
        """Raise `UsageError` for parts of a run that only a stream can be, and contradictions."""
        parts = {
            "copy": self.copy is not None,
            "copies inf": self.endless,
            "num_tasks": self.num_tasks > 1,
        }
        for name, given in parts.items():
            if given and self.output != "-":
                raise UsageError(f"{name}: is for a stream; use it with --out -")
            if given and self.recipe.num is not None:
                raise UsageError(f"{name} and num both say which rows are made: give one")
        if self.copy is not None and self.endless:
            raise UsageError("copy makes one copy, copies inf all of them: give one")
