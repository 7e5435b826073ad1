"""What timm's reader of WebDataset tars wants to know: which files there are, and how many rows.

It looks for ``_info.json`` in the folder that it is given. In ``.augtool/``, with names that lead
one folder up, no other reader takes it for data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from augtool.sinks._contract import Order
from augtool.sinks._manifest import INDEX
from augtool.sinks._positional_writer import refused

_SPLIT = "train"


def write(order: Order, names: Sequence[str]) -> None:
    """Write the index of a finished folder, whose shards have these names.

    Raises `OutputError` when the system refuses.
    """
    lengths = [stop - start for start, stop in order.shards]
    split = {
        "name": _SPLIT,
        "num_samples": order.rows,
        "filenames": [f"../{name}" for name in names],
        "shard_lengths": lengths,
    }
    file = order.path / INDEX
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"splits": {_SPLIT: split}}, indent=1), encoding="utf-8")
    except OSError as error:
        raise refused(file, error) from error
