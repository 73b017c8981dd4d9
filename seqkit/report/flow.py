"""How much of a gradient is left after so many steps back: the vanishing gradient, seen.

T time, H hidden units, I inputs, V directions that the loss may point in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.errors import UsageError
from seqkit.kernels.reference import full_recurrent_bias, recurrent_part
from seqkit.layers import Recurrent
from seqkit.layers.recurrent import Direction
from seqkit.report.curves import FIRST, INK, PALE, SECOND, svg
from seqkit.report.figures import new_figure

_LAGS = 200
_DIRECTIONS = 8
_CELLS = ("rnn", "lstm", "gru")
_FLOOR = 1e-12


class Flow(NamedTuple):
    """Norms of the gradient by lag 0 to T - 1, of one cell: at initialisation and, for the run's own, trained."""

    cell: str
    initial: list[float]
    trained: list[float] | None


def gradient_norms(direction: Direction, x: Tensor, seed: int = 0) -> list[float]:
    """``|∂loss_T / ∂h_t|`` by lag T - t, for inputs x (T, I): the root mean square over losses ``v · h_T``.

    The v are 8 random vectors of length 1, the same for every cell of a size: what a head would ask of the last state
    does not matter, so that lag 0 has 1.

    Source: Pascanu, Mikolov and Bengio, 2013 (arXiv:1211.5063).
    """
    with torch.enable_grad():
        states = _states(direction, x[-_LAGS:].detach())
        hidden = states[-1].shape[1]
        vectors = torch.randn(_DIRECTIONS, hidden, generator=torch.Generator().manual_seed(seed)).to(states[-1])
        vectors = vectors / vectors.norm(dim=1, keepdim=True)
        gradients = torch.autograd.grad((vectors * states[-1]).sum(), states, allow_unused=True)
    squares = [0.0 if g is None else float(g.double().square().sum()) for g in gradients]
    return [(square / _DIRECTIONS) ** 0.5 for square in reversed(squares)]


def _states(direction: Direction, x: Tensor) -> list[Tensor]:
    """The outputs h (V, H) after each step; every row is the same, and has a gradient of its own."""
    cell, weights = direction.cell, direction.weights()
    part, bias = linear(x, weights.weight_x, weights.bias), full_recurrent_bias(cell, weights)
    hidden = weights.weight_h.shape[1]
    state = tuple(x.new_zeros(_DIRECTIONS, hidden).requires_grad_() for _ in cell.state_names)
    found = []
    for row in part.detach():
        x_t = row.expand(_DIRECTIONS, -1)
        r = recurrent_part(cell, x_t, weights.weight_h, bias, state)
        state = cell.step(x_t, r, state, **weights.own)
        found.append(state[0])
    return found


def gradient_flows(layer: Recurrent, inputs: Sequence[Tensor], name: str, seed: int) -> list[Flow]:
    """The lowest forward direction of a trained layer, and new ones of rnn, lstm and gru of its sizes.

    Each reads the same inputs (T, I); a lag's norm is the mean over those that are long enough.

    Raises :class:`UsageError` where no input has two steps.
    """
    longest = [x for x in inputs if len(x) > 1]
    if not longest:
        raise UsageError("a gradient needs two steps to flow; give a longer text")
    flows = []
    for cell in (*_CELLS, *(() if name in _CELLS else (name,))):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            own = layer.cell if cell == name else cell
            new = Recurrent(own, layer.input_size, layer.hidden_size)
        trained = _mean(layer, longest, seed) if cell == name else None
        flows.append(Flow(cell, _mean(new, longest, seed), trained))
    return flows


def _mean(layer: Recurrent, inputs: Sequence[Tensor], seed: int) -> list[float]:
    direction = layer.layers[0][0]  # type: ignore[index]
    every = [gradient_norms(direction, x, seed) for x in inputs]
    longest = max(map(len, every))
    found = []
    for lag in range(longest):
        norms = [norms[lag] for norms in every if lag < len(norms)]
        found.append(sum(norms) / len(norms))
    return found


def flow_plots(flows: Sequence[Flow]) -> list[str]:
    """An SVG for each cell, on the same scale."""
    every = [max(v, _FLOOR) for flow in flows for v in (*flow.initial, *(flow.trained or ()))]
    low, high = min(every) / 2, max(every) * 2
    longest = max(len(flow.initial) for flow in flows)
    return [_plot(flow, (low, high), longest) for flow in flows]


def _plot(flow: Flow, limits: tuple[float, float], longest: int) -> str:
    figure = new_figure("a picture of gradients", 3.6, 3.0)
    axes = figure.add_subplot()
    axes.set(yscale="log", ylim=limits, xlim=(-0.02 * longest, 1.02 * (longest - 1)), xlabel="steps back from the loss")
    axes.set_title(flow.cell, color=INK, fontsize=12, fontweight="bold")
    axes.set_ylabel("norm of the gradient")
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
    axes.tick_params(colors=INK, which="both")
    axes.grid(axis="y", color=PALE, alpha=0.35, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    for values, colour, style, name in (
        (flow.initial, SECOND, "--", "at initialisation"),
        (flow.trained, FIRST, "-", "trained"),
    ):
        if values:
            axes.plot([v if v > _FLOOR else float("nan") for v in values], color=colour, linestyle=style, label=name)
    axes.legend(frameon=False, labelcolor=INK)
    return svg(figure, f"Norm of the gradient by lag: {flow.cell}")
