"""The memory of a folder job's processes, which must not grow with the number of images."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Contestant, Race, Setting, Target

_TIMES = 10


def race(setting: Setting) -> Race:
    few = setting.number(5_000, quick=5_000)
    side = 32 if setting.quick else 224

    def watched(images: int) -> Contestant:
        sizes = ((side, side),)
        folder = data.photo_folder(setting.scratch, images, sizes, own=min(few, 500))
        job = contestants.augtool(folder, setting, "--format", "null", output="nothing")
        return contestants.peak_memory(job, f"{images:,} images", images)

    small, large = watched(few), watched(_TIMES * few)
    return Race(
        f"Peak anonymous memory of a process, {side}×{side} JPEGs, rows made and dropped",
        few,
        (small, large),
        (
            Target(
                large.name, "peak_MB_beyond_rows", (small.name,), at_most=1.1, unit="of the other"
            ),
            Target(large.name, "peak_MB", at_most=400, unit="MB"),
        ),
        shown=("peak_MB", "peak_MB_beyond_rows", "passed"),
        most_runs=2,
        remark="Beyond rows: without 300 bytes for each image.",
    )
