"""How much of a gradient is left after so many steps back: the vanishing gradient, seen.

T time, H hidden units, I inputs, V directions that the loss may point in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.cells import CellState
from seqkit.drawing.curves import FIRST, INK, PALE, SECOND, svg
from seqkit.drawing.figures import new_figure
from seqkit.errors import UsageError
from seqkit.inspection.inside import FinalStep, check_time, ending
from seqkit.kernels.reference import full_recurrent_bias, recurrent_part
from seqkit.layers.recurrent import Direction
from seqkit.runs import Model
from seqkit.training.checkpoint import seeded

_LAGS = 200
_DIRECTIONS = 8
_CELLS = ("rnn", "lstm", "gru")
_FLOOR = 1e-12


class Flow(NamedTuple):
    """Norms of the gradient by lag 0 to T - 1, of one cell: at initialisation and, where there is a run, trained."""

    cell: str
    initial: list[float]
    trained: list[float] | None


class Flows(NamedTuple):
    """The flows of several cells on the same examples, and what they were measured on."""

    cells: list[Flow]
    layer: str
    units: int
    examples: int
    asked: bool
    """Whether the loss is that of the answer; else it is ``v · h_T``"""


def gradient_norms(
    direction: Direction, x: Tensor, start: CellState | None = None, asked: CellState | None = None, seed: int = 0
) -> list[float]:
    """``|∂loss_T / ∂h_t| / |∂loss_T / ∂h_T|`` by lag T - t, for inputs x (T, I), through the recurrence alone.

    The loss is ``Σ asked · state_T`` over the tensors of the last state, (1, H) each: to first order, what a head makes
    of it. Without, it is ``v · h_T``, the root mean square over 8 random vectors v of length 1, the same for every cell
    of a size. ``start`` (1, H) each is the state before the first step, zeros as a rule.

    Source: Pascanu, Mikolov and Bengio, 2013 (arXiv:1211.5063).
    """
    with torch.enable_grad():
        states = _states(direction, x.detach(), start, _DIRECTIONS if asked is None else 1)
        hidden = [state[0] for state in states][-_LAGS:]
        wanted = _random(hidden[-1], seed) if asked is None else asked
        loss = torch.stack([(v * end).sum() for v, end in zip(wanted, states[-1], strict=False)]).sum()
        gradients = torch.autograd.grad(loss, hidden, allow_unused=True)
    squares = [0.0 if g is None else float(g.double().square().sum()) for g in reversed(gradients)]
    return [(square / squares[0]) ** 0.5 for square in squares]


def _random(hidden: Tensor, seed: int) -> CellState:
    vectors = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(seed)).to(hidden)
    return (vectors / vectors.norm(dim=1, keepdim=True),)


def _states(direction: Direction, x: Tensor, start: CellState | None, rows: int) -> list[CellState]:
    """The state (V, H) each after every step; all rows are the same, and have a gradient of their own."""
    cell, weights = direction.cell, direction.weights()
    part, bias = linear(x, weights.weight_x, weights.bias), full_recurrent_bias(cell, weights)
    zeros = x.new_zeros(1, weights.weight_h.shape[1])
    state = tuple(s.detach().repeat(rows, 1).requires_grad_() for s in start or (zeros,) * len(cell.state_names))
    found = []
    for row in part.detach():
        x_t = row.expand(rows, -1)
        r = recurrent_part(cell, x_t, weights.weight_h, bias, state)
        state = cell.step(x_t, r, state, **weights.own)
        found.append(state)
    return found


def gradient_flows(models: Sequence[Model], inputs: Sequence[Any]) -> Flows:
    """A run's model and others of its task beside it, trained; and rnn, lstm, gru and their cells, at initialisation.

    A new model of a cell is made as a run makes it: from the configuration and the seed of the model of that cell, or
    of the first one. Each reads the same inputs, such as ``Task.raw`` gives; a lag's norm is the mean over those that
    are long enough. The loss is that of the answer, if every model and input has one with a gradient.

    Raises :class:`UsageError` for models of several tasks, for two of one cell, for inputs without two steps, and for
    a model that has no layer which reads its steps at once.
    """
    trained = _by_cell(models)
    cells = dict.fromkeys((*(_CELLS if hasattr(models[0].config, "cell") else ()), *trained))
    made = {cell: [_fresh(trained.get(cell, models[0]), cell)] for cell in cells}
    for cell, model in trained.items():
        made[cell].append(model)
    ends = {cell: [_endings(model, inputs) for model in pair] for cell, pair in made.items()}
    asked = all(end.asked is not None for pair in ends.values() for side in pair for end in side)
    first, seed = ends[next(iter(trained))][-1], models[0].config.seed
    flows = []
    for cell, pair in ends.items():
        initial, *own = [_mean(side, asked, seed) for side in pair]
        flows.append(Flow(cell, initial, own[0] if own else None))
    return Flows(flows, first[0].name, first[0].direction.weights().weight_h.shape[1], len(first), asked)


def _by_cell(models: Sequence[Model]) -> dict[str, Model]:
    task, found = models[0].task.name, dict[str, Model]()
    for model in models:
        check_time(model)
        if model.task.name != task:
            raise UsageError(f"a {model.task.name} run cannot stand beside one of {task}; name runs of one task")
        cell = getattr(model.config, "cell", "its own cell")
        if cell in found:
            raise UsageError(f"two of the runs have the cell {cell}; name runs of different cells")
        found[cell] = model
    return found


def _fresh(model: Model, cell: str) -> Model:
    """The model as it was before its training, or would have been with another cell."""
    config = model.config
    if cell != getattr(config, "cell", cell):
        there = {field.name for field in dataclasses.fields(config)}
        changes: dict[str, Any] = {"cell": cell, "cell_options": {}}
        config = dataclasses.replace(config, **{name: changes[name] for name in changes.keys() & there})
    with seeded(config.seed):
        return Model(model.task, config, model.codec, model.task.build_head(config, model.codec).eval())


def _endings(model: Model, inputs: Sequence[Any]) -> list[FinalStep]:
    found = [ending(model, raw) for raw in inputs]
    whole = [end for end in found if end is not None]
    if len(whole) < len(found):
        raise UsageError("this model reads step by step what it has written itself; its gradients cannot be shown")
    longest = [end for end in whole if len(end.x) > 1]
    if not longest:
        raise UsageError("a gradient needs two steps to flow; give a longer text")
    return longest


def _mean(ends: Sequence[FinalStep], asked: bool, seed: int) -> list[float]:
    every = [gradient_norms(end.direction, end.x, end.start, end.asked if asked else None, seed) for end in ends]
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
