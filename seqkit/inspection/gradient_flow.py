"""How much of a gradient is left after this many steps back: the vanishing gradient, seen.

T time, H hidden units, I inputs, V directions that the loss may point in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.cells import CellState, cell_label
from seqkit.errors import UsageError
from seqkit.inspection.final_step import FinalStep, final_step
from seqkit.inspection.model_calls import check_has_time
from seqkit.kernels.reference import full_recurrent_bias, recurrent_part
from seqkit.layers.recurrent import Direction
from seqkit.runs import Model
from seqkit.training.checkpoint import seeded

_LAGS = 200
"""Steps back that are measured, at most: a gradient that vanishes has done so long before."""
_DIRECTIONS = 8
"""Random directions of the loss: of one alone, a norm says as much about the direction as about the cell."""
_CELLS = ("rnn", "lstm", "gru")


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
    from_answer: bool
    """Whether the loss is that of the answer; else it is ``v · h_T``"""


def gradient_norms(
    direction: Direction,
    x: Tensor,
    start: CellState | None = None,
    state_gradient: CellState | None = None,
    seed: int = 0,
) -> list[float]:
    """``|∂loss_T / ∂h_t| / |∂loss_T / ∂h_T|`` by lag T - t, through the recurrence alone.

    Args:
        direction: of a layer.
        x: inputs (T, I).
        start: the state before the first step, (1, H) each; zeros as a rule.
        state_gradient: (1, H) for each tensor of the last state: the loss is ``Σ state_gradient · state_T``, to first
            order what a head makes of it. None: it is ``v · h_T``, the root mean square over 8 random vectors v of
            length 1, the same for every cell of a size.
        seed: of those vectors.

    Source: Pascanu, Mikolov and Bengio, 2013 (arXiv:1211.5063).
    """
    with torch.enable_grad():
        states = _states(direction, x.detach(), start, _DIRECTIONS if state_gradient is None else 1)
        hidden = [state[0] for state in states][-_LAGS:]
        weights = _random_directions(hidden[-1], seed) if state_gradient is None else state_gradient
        loss = torch.stack([(weight * end).sum() for weight, end in zip(weights, states[-1], strict=False)]).sum()
        gradients = torch.autograd.grad(loss, hidden, allow_unused=True)
    squares = [0.0 if g is None else float(g.double().square().sum()) for g in reversed(gradients)]
    return [(square / squares[0]) ** 0.5 for square in squares]


def _random_directions(hidden: Tensor, seed: int) -> CellState:
    vectors = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(seed)).to(hidden)
    return (vectors / vectors.norm(dim=1, keepdim=True),)


def _states(direction: Direction, x: Tensor, start: CellState | None, rows: int) -> list[CellState]:
    """The state (V, H) each after every step; all rows are the same, and have a gradient of their own."""
    cell, weights = direction.cell, direction.weights()
    inputs, bias = linear(x, weights.weight_x, weights.bias), full_recurrent_bias(cell, weights)
    zeros = x.new_zeros(1, weights.weight_h.shape[1])
    state = tuple(s.detach().repeat(rows, 1).requires_grad_() for s in start or (zeros,) * len(cell.state_names))
    states = []
    for row in inputs.detach():
        x_t = row.expand(rows, -1)
        r = recurrent_part(cell, x_t, weights.weight_h, bias, state)
        state = cell.step(x_t, r, state, **weights.own)
        states.append(state)
    return states


def gradient_flows(models: Sequence[Model], inputs: Sequence[Any]) -> Flows:
    """A run's model and others of its task beside it, trained; and rnn, lstm, gru and their cells, at initialisation.

    A new model of a cell is made as a run makes it: from the configuration and the seed of the model of that cell, or
    of the first one. Each reads the same inputs, such as ``Task.input_of`` gives; the norm of a lag is the average over
    those that are long enough. The loss is that of the answer, if every model and input has one with a gradient.

    Raises :class:`UsageError` for models of several tasks, for two of one cell, for inputs without two steps, and for
    a model that has no layer which reads its steps at once.
    """
    trained = _by_cell(models)
    cells = dict.fromkeys((*(_CELLS if hasattr(models[0].config, "cell") else ()), *trained))
    by_cell = {cell: [_untrained(trained.get(cell, models[0]), cell)] for cell in cells}
    for cell, model in trained.items():
        by_cell[cell].append(model)
    ends = {cell: [_final_steps(model, inputs) for model in pair] for cell, pair in by_cell.items()}
    from_answer = all(end.state_gradient is not None for pair in ends.values() for steps in pair for end in steps)
    first, seed = ends[next(iter(trained))][-1], models[0].config.seed
    flows = []
    for cell, pair in ends.items():
        initial, *own = [_average_norms(steps, from_answer, seed) for steps in pair]
        flows.append(Flow(cell_label(cell), initial, own[0] if own else None))
    return Flows(flows, first[0].name, first[0].direction.weights().weight_h.shape[1], len(first), from_answer)


def _by_cell(models: Sequence[Model]) -> dict[str, Model]:
    task, by_cell = models[0].task.name, dict[str, Model]()
    for model in models:
        check_has_time(model)
        if model.task.name != task:
            raise UsageError(f"a {model.task.name} run cannot be shown beside one of {task}; name runs of one task")
        cell = getattr(model.config, "cell", "its own cell")
        if cell in by_cell:
            raise UsageError(f"two of the runs have the cell {cell_label(cell)}; name runs of different cells")
        by_cell[cell] = model
    return by_cell


def _untrained(model: Model, cell: str) -> Model:
    """The model as it was before its training, or would have been with another cell."""
    config = model.config
    if cell != getattr(config, "cell", cell):
        fields = {field.name for field in dataclasses.fields(config)}
        changes: dict[str, Any] = {"cell": cell, "cell_options": {}, "chrono": None}
        config = dataclasses.replace(config, **{name: changes[name] for name in changes.keys() & fields})
    with seeded(config.seed):
        return Model(model.task, config, model.codec, model.task.build_head(config, model.codec).eval())


def _final_steps(model: Model, inputs: Sequence[Any]) -> list[FinalStep]:
    """Of the inputs that have two steps; raises :class:`UsageError` where none has, or the model reads none at once."""
    steps = [step for step in (final_step(model, raw) for raw in inputs) if step is not None]
    if len(steps) < len(inputs):
        raise UsageError("this model reads step by step what it has written itself; its gradients cannot be shown")
    long_enough = [step for step in steps if len(step.x) > 1]
    if not long_enough:
        raise UsageError("a gradient needs two steps to flow; give a longer text")
    return long_enough


def _average_norms(steps: Sequence[FinalStep], from_answer: bool, seed: int) -> list[float]:
    """By lag, over the inputs that are long enough for it."""
    norms = [
        gradient_norms(step.direction, step.x, step.start, step.state_gradient if from_answer else None, seed)
        for step in steps
    ]
    longest = max(map(len, norms))
    return [fmean(of_input[lag] for of_input in norms if lag < len(of_input)) for lag in range(longest)]
