"""The time that a stream takes for one frame, and what it holds in memory, over many frames.

python -m benchmarks.stream [--hidden-size 128] [--frames 100000] [--threads 1]
"""

from __future__ import annotations

import gc
import time
from pathlib import Path

import click
import numpy as np
import torch
from seqkit.tasks.frames import FrameCodec, FrameStream

from benchmarks import machine
from seqkit import Model
from seqkit.config import make_config
from seqkit.data.frames import Layout, Scaling
from seqkit.runs import find_task

_PIECE = 10_000


def untrained(cell: str, hidden_size: int, features: int, labels: int) -> Model:
    """A model of one direction with the weights it begins with: speed does not hang on them."""
    task = find_task("frames")
    config = make_config(task.config, {"cell": cell, "hidden_size": hidden_size, "bidirectional": False})
    scaling = Scaling(np.zeros(features), np.ones(features), np.zeros(0, np.int64))
    codec = FrameCodec(Layout(features), scaling, tuple(map(str, range(labels))))
    torch.manual_seed(0)
    return Model(task, config, codec, task.build_head(config, codec).eval())


def resident() -> float:
    """Megabytes that this process holds."""
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[1])
    return pages * 4096 / 1e6


def empty_call() -> float:
    """Microseconds of a method that does nothing, timed as a frame is: Python's own part."""

    class Nothing:
        def push(self, features: np.ndarray) -> None:
            return None

    return float(np.median(timed(Nothing(), np.zeros((_PIECE, 1)))[0]))


def timed(stream: object, frames: np.ndarray) -> tuple[np.ndarray, list[object]]:
    """Microseconds of each `push`, and what it gave."""
    push, clock, answers = stream.push, time.perf_counter_ns, []  # type: ignore[attr-defined]
    spent = np.empty(len(frames), np.int64)
    for number, frame in enumerate(frames):
        start = clock()
        answer = push(frame)
        spent[number] = clock() - start
        answers.append(answer)
    return spent / 1e3, answers


def measure(cell: str, hidden_size: int, count: int, features: int) -> None:
    """One row: the first and the last frames of a stream, memory, and whether the labels are those of the batch."""
    model = untrained(cell, hidden_size, features, 11)
    assert isinstance(model.codec, FrameCodec)
    frames = np.random.default_rng(0).normal(size=(count, features))
    stream = model.stream()
    assert isinstance(stream, FrameStream)
    timed(stream, frames[:200])
    stream.finish()
    gc.collect()
    first, answers = timed(stream, frames[:_PIECE])
    before = resident()
    for frame in frames[_PIECE:-_PIECE]:
        stream.push(frame)
    after = resident()
    last, _ = timed(stream, frames[-_PIECE:])
    (whole,) = model.predict([frames[:_PIECE]])
    same = sum(answer.label == label for answer, label in zip(answers, whole.labels, strict=True))  # type: ignore[attr-defined]
    for name, spent in (("first", first), ("last", last)):
        median, most, worst = np.percentile(spent, [50, 95, 99])
        print(f"{cell:6}{name:>6}{median:10.1f}{most:8.1f}{worst:8.1f}")
    print(f"      memory {before:.1f} to {after:.1f} MB; {same:,} of {_PIECE:,} labels equal those of the batch")


@click.command()
@click.option("--hidden-size", default=128)
@click.option("--frames", "count", default=100_000, help="In one sequence.")
@click.option("--features", default=16, help="In a frame.")
@click.option("--threads", default=1, help="Threads of torch.")
def main(hidden_size: int, count: int, features: int, threads: int) -> None:
    """Prints microseconds a frame for the first and the last 10,000 frames of a stream."""
    torch.set_num_threads(threads)
    print(f"{machine()}, {threads} threads")
    print(f"{count:,} frames of {features} features, hidden {hidden_size}; an empty call: {empty_call():.2f} us")
    print("cell  frames median us     p95     p99")
    for cell in ("lstm", "gru"):
        measure(cell, hidden_size, count, features)


if __name__ == "__main__":
    main()
