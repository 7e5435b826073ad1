"""Fuzz by hand: ``python tests/fuzz/fuzz_csv.py -max_total_time=300``; see _run.py."""

from _run import fuzz  # type: ignore[import-not-found]

if __name__ == "__main__":
    fuzz("csv")
