"""Characters a second of `seqkit generate`, batch 1, beside the bare step of the same layers.

python -m benchmarks.generate [RUN] [--length 2000] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import click
import torch
from seqkit.tasks.charlm import CharLMHead, StreamCodec

from benchmarks import machine
from seqkit import Model, load
from seqkit.config import make_config
from seqkit.data import Vocabulary, tokenizer
from seqkit.runs import find_task


def untrained(cell: str, hidden_size: int, num_layers: int) -> Model:
    """A model of 95 characters with the weights it begins with: speed does not hang on them."""
    task = find_task("charlm")
    values = {"cell": cell, "hidden_size": hidden_size, "num_layers": num_layers}
    config = make_config(task.config, values)
    codec = StreamCodec(tokenizer("char"), Vocabulary.build([map(chr, range(32, 127))]))
    return Model(task, config, codec, task.build_head(config, codec).eval())


@torch.no_grad()
def bare_steps(model: Model, length: int) -> None:
    """`Recurrent.step` and the output layer, on one vector again and again."""
    assert isinstance(model.head, CharLMHead)
    decoder = model.head.decoder
    layer, output = decoder.recurrent, decoder.output
    vector, state = torch.zeros(1, layer.input_size), layer.initial_state(1)
    for _ in range(length):
        features, state = layer.step(vector, state)
        output(features)


@click.command()
@click.argument("run", required=False)
@click.option("--cell", default="lstm", help="Of a model without a run.")
@click.option("--hidden-size", default=512, help="Of a model without a run.")
@click.option("--num-layers", default=1, help="Of a model without a run.")
@click.option("--length", default=2000, help="Characters in a round.")
@click.option("--rounds", default=7, help="Rounds; in each, every way takes its turn.")
@click.option("--threads", default=2, help="Threads of torch.")
def main(run: str | None, cell: str, hidden_size: int, num_layers: int, length: int, rounds: int, threads: int) -> None:
    """Times both in turns and prints medians and the ratio."""
    torch.set_num_threads(threads)
    model = load(Path(run)) if run else untrained(cell, hidden_size, num_layers)
    ways: dict[str, Callable[[], object]] = {
        "step and output layer": lambda: bare_steps(model, length),
        "generate": lambda: deque(model.generate("The", length=length), maxlen=0),
        "generate, top-k 20, top-p 0.95": lambda: deque(
            model.generate("The", length=length, top_k=20, top_p=0.95), maxlen=0
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number:  # the first warms up
                seconds[name].append(time.perf_counter() - start)
    print(f"{machine()}, {threads} threads")
    print(f"{model}, {rounds} rounds of {length:,} characters")
    bare = statistics.median(seconds["step and output layer"])
    print(f"{'':32}microseconds a step  characters/s  of the step's speed")
    for name, found in seconds.items():
        median = statistics.median(found)
        print(f"{name:32}{1e6 * median / length:19.1f}{length / median:14,.0f}{bare / median:19.2f}")


if __name__ == "__main__":
    main()
