"""Compiled cells measured against those written by hand, our GRU and the reference loop; single process, by turns.

python -m benchmarks.compiled [--seconds 0.3] [--threads 1]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from statistics import geometric_mean

import click
import torch
from torch import Tensor

from seqkit import Recurrent
from seqkit.bench import interleaved
from seqkit.bench.peers import with_backward
from seqkit.cells import Cell, CellState
from seqkit.cells.gru import GRU
from seqkit.cells.independent.min_gru import MinGRU
from seqkit.cells.lstm.lstm_layer_norm import LayerNormLSTM
from seqkit.kernels import ensure_cells

SHAPES = [(64, 1, 256), (64, 32, 128), (64, 32, 256), (64, 8, 512)]
"""Steps, sequences, hidden units; as many inputs as hidden units"""


class OwnGRU(GRU):
    """A class of one's own has no C++ that was written by hand."""


class OwnLayerNormLSTM(LayerNormLSTM):
    """As above."""


class TwoGates(Cell):
    """A GRU of two gates, which is none of ours."""

    gate_names = ("f", "n")

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """``f = sigmoid(a_f)``, ``h' = (1 - f) h + f tanh(x_n + f r_n)``."""
        (h,), (x_f, x_n), (r_f, r_n) = state, x.chunk(2, -1), r.chunk(2, -1)
        f = torch.sigmoid(x_f + r_f)
        return ((1 - f) * h + f * torch.tanh(x_n + f * r_n),)


PAIRS: list[tuple[Cell, Cell]] = [(OwnGRU("before"), GRU("before")), (OwnLayerNormLSTM(), LayerNormLSTM())]


def call_of(layer: Recurrent, shape: tuple[int, int, int], training: bool, kernel: str) -> Callable[[], object]:
    """A call of a layer on inputs of that shape, with its gradients in training."""
    steps, batch, hidden = shape
    x = torch.randn(batch, steps, hidden, requires_grad=training)
    if training:
        return with_backward(lambda: layer(x, kernel=kernel)[0], x, layer)

    def infer() -> object:
        with torch.no_grad():
            return layer(x, kernel=kernel)

    return infer


def ratios(
    first: Cell, second: Cell, kernels: Sequence[str], seconds: float, gates: tuple[int, int] = (1, 1)
) -> list[float]:
    """How many times the speed of the second the first has, in floating point operations of their products."""
    found = []
    for training, shape in product((False, True), SHAPES):
        layers = [Recurrent(cell, shape[2], shape[2]).train(training) for cell in (first, second)]
        calls = {str(n): call_of(layers[n], shape, training, kernels[n]) for n in (0, 1)}
        timings = interleaved(calls, seconds)
        ratio = timings["1"].median / timings["0"].median * gates[0] / gates[1]
        found.append(ratio)
        mode = "train" if training else "infer"
        click.echo(f"{type(first).__name__:>16} {mode} T{shape[0]} B{shape[1]} H{shape[2]}: {ratio:.2f}")
    return found


@click.command()
@click.option("--seconds", default=0.3, help="for each candidate and case")
@click.option("--threads", default=1)
@click.option("--without-product", is_flag=True, help="measure the cell without a recurrent product alone")
def main(seconds: float, threads: int, without_product: bool) -> None:
    """Prints each ratio of speeds, and their geometric means."""
    torch.set_num_threads(threads)
    if not without_product:
        _measure_products(seconds)
    ensure_cells([MinGRU()], click.echo)
    for other, kernel, what in ((GRU(), "native", "our GRU"), (MinGRU(), "reference", "the reference loop")):
        found = ratios(MinGRU(), other, ("native", kernel), seconds)
        for mode, part in (("inference", found[: len(SHAPES)]), ("training", found[len(SHAPES) :])):
            click.echo(f"min-gru against {what}, {mode}: {geometric_mean(part):.2f}, worst {min(part):.2f}")


def _measure_products(seconds: float) -> None:
    """Cells with a recurrent product."""
    ensure_cells([*(own for own, _ in PAIRS), TwoGates()], click.echo)
    by_hand = [ratio for own, hand in PAIRS for ratio in ratios(own, hand, ("native", "native"), seconds)]
    click.echo(f"compiled against hand-written: {geometric_mean(by_hand):.3f}, worst {min(by_hand):.2f}")
    against_gru = ratios(TwoGates(), GRU(), ("native", "native"), seconds, (2, 3))
    click.echo(f"two gates against our GRU, in operations a second: {geometric_mean(against_gru):.2f}")
    against_loop = ratios(TwoGates(), TwoGates(), ("native", "reference"), seconds)
    click.echo(f"two gates against the reference loop: {geometric_mean(against_loop):.2f}")


if __name__ == "__main__":
    main()
