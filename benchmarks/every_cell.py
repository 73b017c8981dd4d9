"""Every cell against the reference loop, torchrecurrent, where it has the cell, and the LSTM; by turns, in one process.

python -m benchmarks.every_cell [--cells mgu,star] [--threads 1] [--turns 5] [--against reference,torchrecurrent]
python -m benchmarks.every_cell --against lstm --turns 15 --out benchmarks/results/cells.json  # what docs/cells has

On one thread the processor's time is measured, which other programs change little; on more, time that passes.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from statistics import geometric_mean, median

import click
import torch

from benchmarks.compiled import call_of
from seqkit import Recurrent
from seqkit.cells import available_cells, make_cell
from seqkit.kernels import ensure_cells
from seqkit.machine import processor

SHAPES = [(200, 1, 128), (100, 16, 64), (50, 32, 256)]
"""Steps, sequences, hidden units; as many inputs as hidden units"""
THEIRS = {
    "atr": "ATR", "br": "BR", "cfn": "CFN", "fast-grnn": "FastGRNN", "fast-rnn": "FastRNN", "ind-rnn": "IndRNN",
    "janet": "JANET", "lem": "LEM", "li-gru": "LiGRU", "light-ru": "LightRU", "lstm-multiplicative":
    "MultiplicativeLSTM", "lstm-original": "OriginalLSTM", "lstm-peephole": "PeepholeLSTM", "mgu": "MGU", "mut1":
    "MUT1", "mut3": "MUT3", "nas": "NAS", "nbr": "NBR", "ran": "RAN", "sgrn": "SGRN", "star": "STAR", "ugrnn": "UGRNN",
    "unicornn": "UnICORNN",
}  # fmt: skip
"""The names of torchrecurrent's layers"""

Call = Callable[[], object]


def their_call(name: str, shape: tuple[int, int, int], training: bool) -> Call | None:
    """A call of torchrecurrent's layer; None if it has none, or is not installed."""
    if name not in THEIRS or find_spec("torchrecurrent") is None:
        return None
    steps, batch, hidden = shape
    layer = getattr(import_module("torchrecurrent"), THEIRS[name])(hidden, hidden, batch_first=True)
    x = torch.randn(batch, steps, hidden, requires_grad=training)
    if training:

        def train() -> object:
            return layer(x)[0].sum().backward()

        return train

    def infer() -> object:
        with torch.no_grad():
            return layer(x)

    return infer


def medians(calls: Mapping[str, Call], turns: int, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of each call, which take turns."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(turns + 1):
        for name, call in calls.items():
            start = clock()
            call()
            if turn:
                taken[name].append(clock() - start)
    return {name: median(values) for name, values in taken.items()}


def calls_of(name: str, shape: tuple[int, int, int], training: bool, against: Sequence[str]) -> dict[str, Call]:
    """The calls of a cell's native kernel and of its peers, the cell's own first."""
    layer, lstm = (Recurrent(each, shape[2], shape[2]).train(training) for each in (name, "lstm"))
    theirs = their_call(name, shape, training) if "torchrecurrent" in against else None
    peers = {
        "reference": call_of(layer, shape, training, "reference"),
        "lstm": call_of(lstm, shape, training, "native"),
        **({} if theirs is None else {"torchrecurrent": theirs}),
    }
    return {"native": call_of(layer, shape, training, "native"), **{key: peers[key] for key in against if key in peers}}


def ratios(
    name: str, turns: int, clock: Callable[[], float], against: Sequence[str]
) -> dict[tuple[str, str], list[float]]:
    """How many times as fast as each peer a cell is, by peer and mode, for each shape."""
    found: dict[tuple[str, str], list[float]] = {}
    for training, shape in product((False, True), SHAPES):
        seconds = medians(calls_of(name, shape, training, against), turns, clock)
        for peer in [*seconds][1:]:
            mode = "training" if training else "inference"
            found.setdefault((peer, mode), []).append(seconds[peer] / seconds["native"])
    return found


@click.command()
@click.option("--cells", default=",".join(available_cells()), help="separated by commas")
@click.option("--threads", default=1)
@click.option("--turns", default=5)
@click.option("--against", default="reference,torchrecurrent", help="and lstm; separated by commas")
@click.option("--out", type=Path, help="a JSON file of the ratios")
def main(cells: str, threads: int, turns: int, against: str, out: Path | None) -> None:
    """Prints each ratio of speeds, and their geometric means."""
    torch.set_num_threads(threads)
    names, clock = cells.split(","), time.process_time if threads == 1 else time.perf_counter
    ensure_cells([make_cell(name) for name in names], click.echo)
    found = {}
    for name in names:
        found[name] = ratios(name, turns, clock, against.split(","))
        for (peer, mode), values in found[name].items():
            click.echo(f"{name:>20} {mode:>9} against {peer}: " + ", ".join(f"{value:.2f}" for value in values))
    for peer, mode in dict.fromkeys(key for each in found.values() for key in each):
        values = [value for each in found.values() for value in each.get((peer, mode), ())]
        click.echo(f"{mode} against {peer}: {geometric_mean(values):.1f}, worst {min(values):.1f}, {len(values)} cases")
    if out:
        write(out, found, threads)


def write(path: Path, found: Mapping[str, Mapping[tuple[str, str], list[float]]], threads: int) -> None:
    """Writes the ratios of each cell, by mode and peer, in the order of the shapes; other cells' in the file stay."""
    before = json.loads(path.read_text("utf-8"))["cells"] if path.exists() else {}
    cells = {
        name: {f"{mode} against {peer}": [round(value, 3) for value in values] for (peer, mode), values in each.items()}
        for name, each in found.items()
    }
    versions = {"Python": platform.python_version(), "torch": torch.__version__}
    facts = {
        "machine": processor(),
        "threads": threads,
        "versions": versions,
        "shapes": SHAPES,
        "cells": {**before, **cells},
    }
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
