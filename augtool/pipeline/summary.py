"""What a run has made, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from augtool.pipeline.build import Made, Product
from augtool.pipeline.scan import Skipped
from augtool.sources._contract import Source


@dataclass(frozen=True)
class Summary:
    """What a run made.

    ``seconds`` is the pass alone, from the first task to the last report. ``decodes`` counts the
    images that were read one by one: none when the source's array is used in place.
    ``processes`` counts those that wrote rows; ``digests`` has the record of each field. ``kept``
    rows were made by an earlier run, which this one has gone on with.
    ``holdout`` is the validation output, if there is one.
    """

    output: str
    rows: int
    nbytes: int
    classes: int
    seconds: float
    decodes: int
    processes: int
    skipped: tuple[Skipped, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    kept: int = 0
    holdout: Summary | None = None


def pixel_warnings(not_finite: int, rows: int) -> tuple[str, ...]:
    """The warning about ``not_finite`` among ``rows`` rows whose pixels are NaN or inf."""
    if not not_finite:
        return ()
    return (
        f"{not_finite:,} of {rows:,} rows have pixels that are NaN or infinite; augtool check "
        "names the images that they come from",
    )


def summary_of(output: Product, made: Made, source: Source) -> Summary:
    """What a run made of one of its outputs."""
    return Summary(
        output=output.job.output,
        rows=made.rows,
        nbytes=made.nbytes,
        classes=source.targets[0].width,
        seconds=made.seconds,
        decodes=made.decodes,
        processes=made.processes,
        digests=made.digests,
        kept=made.kept,
    )
