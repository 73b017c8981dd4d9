"""How much of a model's own speed `seqkit predict` keeps: python -m benchmarks.predict RUN

Own speed is that of ``head.predict`` on batches that are ready, made of all texts by length; the command's is that of
everything between its start-up and its end: reading a CSV, encoding, predicting, writing a CSV. Under torchrun the
processes answer together, and own speed is that of one process with all cores.
"""

from __future__ import annotations

import csv
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch

from seqkit.commands.answering import PredictRequest, answer
from seqkit.data import read_examples
from seqkit.data.batching import token_batches
from seqkit.data.sources import REVIEWS
from seqkit.runs import Model, load
from seqkit.runs.shared_answers import help_predict_rows
from seqkit.training.distributed import Processes, joined

_TURNS = 3


@click.command()
@click.argument("run")
@click.option("--texts", "count", default=100_000, help="Short ones, drawn again and again.")
@click.option("--threads", default=0, help="Threads of torch; 0: all cores.")
def main(run: str, count: int, threads: int) -> None:
    """Prints both speeds, the best of three, and their ratio; and the ratio by processor time, the less disturbed."""
    cores = len(os.sched_getaffinity(0))
    with joined({}) as processes:
        model = load(run)
        threads = threads or (torch.get_num_threads() if processes.size == 1 else cores)
        if processes.first:
            measure(model, count, threads, processes)
            return
        torch.set_num_threads(processes.threads)
        for _ in range(_TURNS):
            help_predict_rows(processes, model)


def measure(model: Model, count: int, threads: int, processes: Processes) -> None:
    """Does it, in the first of some processes."""
    texts, alone = short_texts(count), processes.size == 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["number", "text"])
            writer.writerows(enumerate(texts))
        own, whole = [], []
        asked = PredictRequest([], path, None, Path(folder) / "answers.csv", False, processes=processes)
        batches = own_batches(model, texts)
        for _ in range(_TURNS):
            torch.set_num_threads(threads)
            own.append(seconds(lambda: [model.head.predict(batch) for batch in batches]))
            torch.set_num_threads(threads if alone else processes.threads)
            whole.append(seconds(lambda: answer(model, asked, {})))
    (wall, processor), (all_wall, all_processor) = map(min, zip(*own, strict=True)), map(min, zip(*whole, strict=True))
    ratios = ", ".join(f"{first / second:.2f}" for (first, _), (second, _) in zip(own, whole, strict=True))
    print(f"own {count / wall:,.0f}/s  command {count / all_wall:,.0f}/s  ratio {wall / all_wall:.2f} ({ratios})")
    if alone:
        print(f"by processor time {processor / all_processor:.2f}")


def short_texts(count: int) -> list[str]:
    """Sentences of film reviews, drawn again and again."""
    known = [
        example.text for example in read_examples(REVIEWS.locate(), "text", "label", {"source": "rotten_tomatoes"})
    ]
    return random.Random(0).choices(known, k=count)


def own_batches(model: Model, texts: list[str]) -> list[Any]:
    """All texts as batches that are ready."""
    items = [model.codec.encode(text) for text in texts]
    lengths = [model.codec.length(item) for item in items]
    groups = token_batches(lengths, 2 * model.config.batch_tokens, 4 * model.config.batch_size)
    return [model.codec.collate([items[number] for number in group]) for group in groups]


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


if __name__ == "__main__":
    main()
