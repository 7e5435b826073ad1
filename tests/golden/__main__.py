"""Write the stored digests and the snapshot of the interface again, deliberately:
``python tests/golden --write``. Without ``--write``, say what would change."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import golden_digests
import golden_inputs
import golden_interface
from golden_jobs import JOBS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/golden", description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace what is stored")
    parser.add_argument("--only", default="", help="only jobs whose names begin so; never written")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="augtool-golden-") as name:
        inputs = Path(name) / "inputs"
        inputs.mkdir()
        golden_inputs.make(inputs)
        digests = {}
        for job in (job for job in JOBS if job.startswith(given.only)):
            digests[job] = golden_digests.digest_of(JOBS[job], inputs)
        interface = golden_interface.text(inputs)
    before = golden_digests.stored() if golden_digests.FILE.is_file() else {}
    changed = [job for job in digests if before.get(job) != digests[job]]
    changed += [] if given.only else [job for job in before if job not in digests]
    if not golden_interface.FILE.is_file() or golden_interface.FILE.read_text("utf-8") != interface:
        changed.append("interface")
    for name in changed:
        sys.stdout.write(f"{name}: changed\n")
    if given.write and not given.only:
        golden_digests.write(digests)
        golden_interface.FILE.write_text(interface, encoding="utf-8")
        return 0
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
