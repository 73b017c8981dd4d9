"""Where the time of a training goes: totals, the table, and the trace."""

import json
import threading
from itertools import pairwise

import pytest

from seqkit.training.spans import NO_SPANS, Profile, trace_bytes

MS = 1_000_000


@pytest.fixture
def clock(monkeypatch):
    """Moves the time that spans see, in milliseconds."""
    now = [0]
    monkeypatch.setattr("seqkit.training.spans.time.perf_counter_ns", lambda: now[0])
    monkeypatch.setattr("seqkit.training.spans.time.time_ns", lambda: now[0])

    def wait(milliseconds):
        now[0] += milliseconds * MS

    return wait


def steps(profile, wait, count):
    """Steps of 100 ms: 50 forward, 30 for the optimizer, 20 for nothing that has a name."""
    for _ in range(count):
        with profile.span("step"):
            with profile.span("forward"):
                wait(50)
            wait(20)
            with profile.span("optimizer"):
                wait(30)
    with profile.span("validation"):
        wait(500)


def cells(profile):
    return {row[0]: [cell.strip() for cell in row[1:]] for row in profile.table().rows}


def test_the_table_divides_the_time_of_the_steps(clock):
    profile = Profile()
    steps(profile, clock, 4)
    assert cells(profile) == {
        "forward": ["0.20", "50.00", "50.0 %"],
        "optimizer": ["0.12", "30.00", "30.0 %"],
        "other": ["0.08", "20.00", "20.0 %"],
        "all steps": ["0.40", "100.00", "100.0 %"],
        "validation": ["0.50", "125.00", ""],
    }


def test_time_in_other_threads_is_not_a_share_of_a_step(clock):
    profile = Profile()

    def backward():
        with profile.span("backward"):
            clock(40)

    with profile.span("step"):
        thread = threading.Thread(target=backward, name="backward_0")
        thread.start()
        thread.join()
        clock(60)
    found = cells(profile)
    assert found["in other threads, at the same time"] == ["0.04", "40.00", ""]
    assert found["other"] == found["all steps"] == ["0.10", "100.00", "100.0 %"]


def test_the_trace_has_each_span_where_it_was_in_microseconds(clock):
    clock(7_000)
    profile = Profile()
    steps(profile, clock, 1)
    trace = json.loads(trace_bytes(profile.events(3)))
    spans = {event["name"]: event for event in trace["traceEvents"] if event["ph"] == "X"}
    assert {name: (event["ts"], event["dur"]) for name, event in spans.items()} == {
        "step": (0, 100_000),
        "forward": (0, 50_000),
        "optimizer": (70_000, 30_000),
        "validation": (100_000, 500_000),
    }
    assert {(event["pid"], event["tid"]) for event in spans.values()} == {(3, 0)}
    names = {event["name"]: event["args"]["name"] for event in trace["traceEvents"] if event["ph"] == "M"}
    assert names == {"process_name": "process 3", "thread_name": "MainThread"}


def test_a_long_training_keeps_its_totals_and_the_first_spans(clock, monkeypatch):
    monkeypatch.setattr("seqkit.training.spans._MOST", 5)
    profile = Profile()
    steps(profile, clock, 10)
    assert len(profile.spans) == 5
    assert cells(profile)["all steps"][0] == "1.00"


def test_nothing_is_noted_unless_somebody_asks():
    with NO_SPANS.span("step") as noted:
        assert noted is None


@pytest.mark.command
@pytest.mark.parametrize("shards", ["0", "3"])
def test_a_profile_changes_no_bit_and_says_where_time_goes(shards, reviews, command, tmp_path):
    options = ["run", "sentiment", "--data", reviews, "--epochs", "1", "--hidden-size", "8", "--embedding-size", "8"]
    options += ["--shards", shards]
    plain, profiled = tmp_path / "plain", tmp_path / "profiled"
    assert command(*options, "--out", plain).returncode == 0
    done = command(*options, "--profile", "--out", profiled)
    assert done.returncode == 0, done.stderr
    for name in ("model.safetensors", "predictions.jsonl", "metrics.jsonl"):
        assert (plain / name).read_bytes() == (profiled / name).read_bytes()
    assert not (plain / "trace.json").exists()
    _, _, table = done.stdout.partition("where the time of a step goes")
    assert all(f"\n{name} " in table for name in ("data", "forward", "optimizer", "other", "all steps", "validation"))
    trace = json.loads((profiled / "trace.json").read_text())
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {"step", "data", "forward", "backward", "optimizer", "validation"} <= {event["name"] for event in spans}
    main = sorted((e["ts"], e["ts"] + e["dur"]) for e in spans if e["name"] == "step")
    assert all(before[1] <= after[0] for before, after in pairwise(main))
    assert command("resume", profiled, "--epochs", "2", "--profile").returncode == 0
    again = json.loads((profiled / "trace.json").read_text())["traceEvents"]
    assert sum(event["name"] == "step" for event in again) == len(main)
