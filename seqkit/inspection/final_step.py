"""The last step of a recurrent layer, and what a loss there asks of it: where a gradient begins to flow back.

T time, I inputs, H hidden units.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.cells import CellState
from seqkit.inspection.model_calls import LayerCall, explain, layer_calls
from seqkit.inspection.record import inputs_of_last
from seqkit.layers import Recurrent
from seqkit.layers.recurrent import Direction
from seqkit.runs import Model
from seqkit.topologies import Explanation


class FinalStep(NamedTuple):
    """What the forward direction of the last of a recurrent layer's layers reads, and a loss asks of its last state."""

    name: str
    direction: Direction
    x: Tensor
    """(T, I)"""
    start: CellState
    """(1, H) each: the state before the first step"""
    state_gradient: CellState | None
    """(1, H) each: the gradient of the answer's log-probability at the last state itself; None where there is none"""


def final_step(model: Model, raw: Any) -> FinalStep | None:
    """The last step of an input; None where no layer reads all of its steps at once.

    The gradient at the last state leaves out what the answer takes from earlier states directly, as through a pooling
    or attention: what is left flows back through the recurrence alone.
    """
    with layer_calls(model.head) as calls:
        explanation = explain(model, raw, calls)
    name = next((name for name in explanation.steps if name in calls and len(calls[name].x) == 1), None)
    if name is None:
        return None
    call, layer = calls[name], model.head.get_submodule(name)
    assert isinstance(layer, Recurrent)
    row = (layer.num_layers - 1) * layer.num_directions
    x, state = call.x[:, : call.steps].detach(), call.state or layer.initial_state(1, like=call.x)
    names = layer.cell.state_names
    x = inputs_of_last(layer, x, state)
    start = tuple(state[key][:, row].detach() for key in names)
    direction = layer.layers[-1][0]  # type: ignore[index]
    return FinalStep(name, direction, x[0].detach(), start, _state_gradient(explanation, call, layer, row))


def _state_gradient(explanation: Explanation, call: LayerCall, layer: Recurrent, row: int) -> CellState | None:
    if not explanation.score.requires_grad:
        return None
    tensors = [call.outputs, *call.final.values()]
    gradients = [
        torch.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(
            tensors, torch.autograd.grad(explanation.score, tensors, allow_unused=True), strict=True
        )
    ]
    # h of the last step appears twice: as the last output, and in the final state.
    output = gradients[0][:, call.steps - 1, : layer.hidden_size]
    h, *others = [final[:, row] for final in gradients[1:]]
    return (h + output, *others) if bool((h + output).any()) else None
