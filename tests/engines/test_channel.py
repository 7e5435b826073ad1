"""What joins the parent and a worker: what is sent arrives, whole, or the end is told."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from augtool.engines import _channel
from augtool.engines._channel import Channel, channel
from augtool.sinks._contract import Encoded

SIZES = (0, 1, 2047, 2048, 70_000, 3_000_000)


@pytest.fixture(params=[True, False], ids=["by the system's calls", "by connections"])
def ends(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Channel]]:
    if request.param and not _channel._BY_SYSTEM_CALLS:
        pytest.skip("there are no such calls here")
    monkeypatch.setattr(_channel, "_BY_SYSTEM_CALLS", request.param)
    both = list(channel())
    yield both
    for one in both:
        one.close()


def passed(value: object, ends: list[Channel]) -> object:
    here, there = ends
    sender = threading.Thread(target=there.send, args=(value,))
    sender.start()
    arrived = here.receive()
    sender.join()
    return arrived


@pytest.mark.parametrize("value", [None, (True, [1, {"a": Path("b")}]), b"x" * 300_000, []])
def test_objects_arrive_as_they_were(value: object, ends: list[Channel]) -> None:
    assert passed(value, ends) == value


def test_bytes_beside_them_arrive_in_order(ends: list[Channel]) -> None:
    pieces = [
        Encoded("x", row, bytes([row % 255 + 1]) * size)
        for row, size in enumerate((*SIZES[:-1] * 150, SIZES[-1]))
    ]
    arrived = passed(("before", pieces, "after"), ends)
    assert isinstance(arrived, tuple)
    before, found, after = arrived
    assert (before, after) == ("before", "after")
    assert [(one.field, one.row, bytes(one.data)) for one in found] == [
        (one.field, one.row, one.data) for one in pieces
    ]


def test_large_bytes_are_beside_the_pickle_and_small_ones_in_it() -> None:
    for size in SIZES:
        beside: list[pickle.PickleBuffer] = []
        text = pickle.dumps(Encoded("x", 0, bytes(size)), 5, buffer_callback=beside.append)
        assert [len(one.raw()) for one in beside] == ([size] if size >= 2048 else [])
        assert len(text) < 4096
        assert pickle.loads(pickle.dumps(Encoded("x", 0, bytes(size)), 4)).data == bytes(size)


def test_the_end_of_the_other_is_told_also_in_the_middle(ends: list[Channel]) -> None:
    here, there = ends

    def send_half() -> None:
        there.outgoing.send_bytes(_channel.pickle.dumps([100]))
        there.outgoing.send_bytes(b"text")
        there.outgoing.close()

    sender = threading.Thread(target=send_half)
    sender.start()
    with pytest.raises((EOFError, OSError)):
        here.receive()
    sender.join()
    with pytest.raises((EOFError, OSError)):
        here.receive()
