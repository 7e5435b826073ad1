"""Listing a folder of very many files."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Race, Setting, Target

_CLASSES = 1000
_PROBES = 64  # images that a folder is looked at by


def race(setting: Setting) -> Race:
    files = setting.number(1_000_000, quick=100_000)
    classes = min(_CLASSES, files)
    folder = data.many_files(setting.scratch, classes, files // classes, _PROBES)
    ours = contestants.probe("augtool", "list_files", folder)
    return Race(
        f"Listing {files:,} files in {classes:,} classes",
        files,
        (ours,),
        (
            Target(ours.name, at_most=20, unit="s"),
            Target(ours.name, "peak_MB", at_most=500, unit="MB"),
            Target(ours.name, "heard", at_least=1, unit="words of progress"),
        ),
        shown=("passed", "peak_MB", "heard"),
        most_runs=3,
    )
