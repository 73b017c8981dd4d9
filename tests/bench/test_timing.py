"""Engines are measured when the threads of the others sleep."""

import threading
import time

import pytest

from seqkit.bench import timing
from seqkit.errors import SeqkitError


@pytest.fixture
def spin():
    """Starts a thread that works for so many seconds, as those of an engine do after its call."""
    threads = []

    def work(seconds):
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass

    def start(seconds):
        threads.append(threading.Thread(target=work, args=(seconds,)))
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.join()


def test_nobody_is_measured_while_threads_of_another_still_work(spin):
    thread = spin(0.2)
    timing.wait_until_asleep()
    assert not thread.is_alive()


def test_each_turn_waits_for_the_threads_of_the_one_before(spin):
    """The turns of a candidate leave a thread that works on; those of the other must not see one."""
    left, seen = [], []

    def first():
        if not any(thread.is_alive() for thread in left):
            left.append(spin(0.05))
        time.sleep(0.005)

    def second():
        seen.append(any(thread.is_alive() for thread in left))
        time.sleep(0.005)

    timing.interleaved({"first": first, "second": second}, 0.0, warm=0)
    assert seen and not any(seen)


def test_threads_that_never_sleep_are_an_error_in_one_sentence(monkeypatch):
    monkeypatch.setattr(timing, "_PATIENCE", 0.05)
    # A thread that works gets no processor for a while where the machine is busy; this one has one all the time.
    monkeypatch.setattr(timing.time, "process_time", time.perf_counter)
    with pytest.raises(SeqkitError, match="do not go to sleep"):
        timing.wait_until_asleep()
