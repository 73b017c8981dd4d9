"""Ctrl-C and SIGTERM while a command works."""

import signal
import time

import pytest

from seqkit.commands.signals import noted_signals, stop_on_signal


def test_a_signal_asks_to_stop_and_ends_nothing():
    asked = []
    with stop_on_signal(lambda: asked.append(True)) as received:
        signal.raise_signal(signal.SIGTERM)
        assert received == [signal.SIGTERM] and asked == [True]


def test_one_signal_that_arrives_twice_counts_as_one():
    with stop_on_signal(lambda: None) as received:
        # As `make` and a terminal pass on one Ctrl-C.
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert received[0] == signal.SIGINT


def test_who_asks_again_later_does_not_want_to_wait(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with pytest.raises(KeyboardInterrupt), stop_on_signal(lambda: None):
        signal.raise_signal(signal.SIGINT)
        now[0] += 1.5
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("context", [noted_signals, lambda: stop_on_signal(lambda: None)])
def test_afterwards_signals_are_handled_as_before(context):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with context():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
