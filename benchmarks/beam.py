"""Beam search batched over sentences beside the same search sentence by sentence.

python -m benchmarks.beam RUN [--beam-size 5] [--sentences 256] [--rounds 3] [--threads 2]

RUN is a run of `seqkit run translate`; the sentences are those of its validation and test parts, then of its training
part.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks import machine
from seqkit import Model, load


def batched(model: Model, sources: list[str], options: dict[str, Any]) -> list[Any]:
    """All sentences in batches by length."""
    return model.predict(sources, **options)


def one_by_one(model: Model, sources: list[str], options: dict[str, Any]) -> list[Any]:
    """A loop over sentences."""
    return [model.predict([source], **options)[0] for source in sources]


@click.command()
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option("--beam-size", default=5, help="Hypotheses at a time.")
@click.option("--sentences", default=256, help="How many are translated.")
@click.option("--rounds", default=3, help="Rounds; in each, both ways take their turn.")
@click.option("--threads", default=2, help="Threads of torch.")
def main(run: Path, beam_size: int, sentences: int, rounds: int, threads: int) -> None:
    """Times both, compares what they find, and prints the ratio."""
    torch.set_num_threads(threads)
    model = load(run)
    parts = model.task.read(model.config, [])
    sources = [pair.source for pair in [*parts.valid, *parts.test, *parts.train][:sentences]]
    options = {"beam_size": beam_size, "n_best": beam_size}
    ways = {"batched": batched, "sentence by sentence": one_by_one}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, list[Any]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            found[name] = way(model, sources, options)
            seconds[name].append(time.perf_counter() - start)
    best = [[prediction.text for prediction in found[name]] for name in ways]
    every = [[[text for text, _ in prediction.n_best] for prediction in found[name]] for name in ways]
    print(f"{machine()}, {threads} threads")
    print(f"{model}, {len(sources)} sentences, beam {beam_size}, the best of {rounds} rounds each")
    for name, times in seconds.items():
        print(f"{name:22}{min(times):8.2f} s{len(sources) / min(times):10.1f} sentences/s")
    ratios = [slow / fast for fast, slow in zip(*seconds.values(), strict=True)]
    print(f"{statistics.median(ratios):.1f} times faster (median of the rounds)")
    for what, (one, other) in (("best translations", best), (f"lists of {beam_size}", every)):
        same = sum(a == b for a, b in zip(one, other, strict=True))
        print(f"{same} of {len(sources)} {what} are the same")


if __name__ == "__main__":
    main()
