"""Signals wait while a step must not be split, and none is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import pytest

from augtool.system.signals import SignalsWait


class Stopped(Exception):
    """What the handlers raise."""


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The numbers of the signals whose handlers ran; each raises `Stopped`."""
    numbers: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        numbers.append(number)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_waits_until_the_end(heard: list[int]) -> None:
    done = []
    with pytest.raises(Stopped), SignalsWait():
        signal.raise_signal(signal.SIGINT)
        assert heard == []
        done.append("all")
    assert done == ["all"]
    assert heard == [signal.SIGINT]


def test_no_signal_is_lost_although_the_first_raises(heard: list[int]) -> None:
    with pytest.raises(Stopped), SignalsWait():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert heard == [signal.SIGTERM, signal.SIGINT]


def test_a_signal_that_waits_is_heeded_where_signals_may_come(heard: list[int]) -> None:
    with pytest.raises(Stopped), SignalsWait() as signals:
        signal.raise_signal(signal.SIGINT)
        with signals.heeded():
            raise AssertionError("unreachable")
    assert heard == [signal.SIGINT]


def test_where_signals_may_come_they_come_at_once_and_wait_again_afterwards(
    heard: list[int],
) -> None:
    with pytest.raises(Stopped), SignalsWait() as signals:
        with pytest.raises(Stopped), signals.heeded():
            signal.raise_signal(signal.SIGINT)
        assert heard == [signal.SIGINT]
        signal.raise_signal(signal.SIGTERM)
        assert heard == [signal.SIGINT]
    assert heard == [signal.SIGINT, signal.SIGTERM]


def test_an_error_inside_is_the_one_that_comes_out() -> None:
    with pytest.raises(ZeroDivisionError), SignalsWait() as signals, signals.heeded():
        divmod(1, 0)


@pytest.mark.usefixtures("heard")
def test_handlers_are_as_before_and_others_were_never_touched() -> None:
    numbers = signal.valid_signals()
    before = [signal.getsignal(number) for number in numbers]
    with SignalsWait():
        inside = [signal.getsignal(number) for number in numbers]
    assert [signal.getsignal(number) for number in numbers] == before
    kept = [one for one in before if not callable(one)]
    assert [one for one in inside if not callable(one)] == kept


def test_in_another_thread_it_changes_nothing() -> None:
    def inside() -> list[object]:
        with SignalsWait() as signals, signals.heeded():
            return [signal.getsignal(number) for number in signal.valid_signals()]

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(inside).result() == [
            signal.getsignal(number) for number in signal.valid_signals()
        ]
