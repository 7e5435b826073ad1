"""What describes an output and records it, as the text of a member of its own."""

from __future__ import annotations

import json

from augtool.sinks._contract import Digests, Order

MEMBER = ".augtool.json"  # readers pass over names that begin with a dot


def described(order: Order, start: int, stop: int, digests: Digests) -> bytes:
    """What describes the rows start … stop−1 of an output and records them, as JSON."""
    fields = [{"name": one.name, "dtype": one.dtype, "shape": one.shape} for one in order.fields]
    facts = {
        "rows": [start, stop],
        "fields": fields,
        "attributes": dict(order.attributes),
        "encode": order.encode,
        "records": dict(digests(start, stop)),
    }
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
