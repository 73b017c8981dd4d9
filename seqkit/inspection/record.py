"""Records what happens inside a model while it runs: gates and states of its recurrent layers, and its attention.

B batch, T time, H hidden units, S places of a memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from seqkit.cells import Cell, CellState
from seqkit.errors import UsageError
from seqkit.kernels import Weights
from seqkit.kernels.reference import full_recurrent_bias, recurrent_part
from seqkit.layers.attention import Attended, Attention
from seqkit.layers.pooling import Pooling
from seqkit.layers.recall import Past, Recall
from seqkit.layers.recurrent import Direction, Lengths, Recurrent
from seqkit.layers.state import State
from seqkit.lengths import reverse_sequences, sequence_mask
from seqkit.pages import table

_ITSELF = "recurrent layer"
"""Shown for a layer that was recorded by itself, and has no name in a model"""


@dataclass(frozen=True)
class Recorded:
    """One call of one direction of one layer, step t being that of the t-th input in both directions."""

    name: str
    """Of the recurrent layer in the model, such as ``encoder.recurrent``"""
    layer: int
    backward: bool
    cell: Cell
    gates: Mapping[str, Tensor]
    """(B, T, H) each, by the cell's own names; 0 at padding"""
    states: Mapping[str, Tensor]
    """(B, T, H) each, after the step; 0 at padding"""
    lengths: Tensor
    """(B)"""

    def __repr__(self) -> str:
        shape, way = tuple(next(iter(self.states.values())).shape), "backward" if self.backward else "forward"
        values = ", ".join([*self.gates, *self.states])
        return f"Recorded({self.name or _ITSELF}, layer {self.layer}, {way}, {self.cell!r}: {values} {shape})"

    @property
    def kept(self) -> Tensor | None:
        """(B, T, H): the fraction of its state that each unit keeps at each step; None where no gate says it."""
        return self.cell.kept(self.gates) if self.cell.has_gates else None


@dataclass
class Trace:
    """What a recording has seen, in the order of the calls."""

    layers: list[Recorded] = field(default_factory=list)
    attention: list[tuple[str, Tensor]] = field(default_factory=list)
    """Name of the module in the model, and its weights (B, T, S): of an attention those of each step written, of a
    pooling one row over all steps, of a recall those of each step over its past and itself"""

    def __repr__(self) -> str:
        layers = [f"{call.name or _ITSELF} {tuple(next(iter(call.states.values())).shape)}" for call in self.layers]
        attention = [f"{name} {tuple(weights.shape)}" for name, weights in self.attention]
        return f"Trace(layers: {', '.join(layers) or 'none'}; attention: {', '.join(attention) or 'none'})"

    def _repr_html_(self) -> str:
        columns = ["layer", "direction", "cell", "gates", "states", "batch, steps, units"]
        rows = [
            [
                f"{call.name or _ITSELF}, layer {call.layer + 1}",
                "reads backward" if call.backward else "reads forward",
                repr(call.cell),
                ", ".join(call.gates),
                ", ".join(call.states),
                str(tuple(next(iter(call.states.values())).shape)),
            ]
            for call in self.layers
        ]
        rows += [[name, "", "attention", "", "", str(tuple(weights.shape))] for name, weights in self.attention]
        return table(columns, rows)


@contextmanager
def record(model: Any) -> Iterator[Trace]:
    """Records every recurrent layer and attention of a model that runs inside: ``with record(model) as trace:``.

    The model is a module, or what :func:`seqkit.load` gives. Its results are those without recording, bit for bit: each
    call runs as usual, then the cell's own equations run again on what it was given. Nothing stays when the context
    ends, by an error too; while one recording of a layer is open, another is refused.

    Raises:
        UsageError: for a model without recurrent layers, for one that is being recorded, and when a layer is called
            that drops values at random, in training: what it dropped is not known.
    """
    root = model if isinstance(model, nn.Module) else getattr(model, "head", None)
    if not isinstance(root, nn.Module):
        raise UsageError(f"only a module or a loaded model can be recorded, not {type(model).__name__}")
    modules = list(root.named_modules())
    if not any(isinstance(module, Recurrent) for _, module in modules):
        raise UsageError("the model has no recurrent layer; there is nothing over time to record")
    trace = Trace()
    with ExitStack() as stack:
        for name, module in modules:
            if isinstance(module, Recurrent):
                _record_calls(stack, module, "forward", _note_sequences(trace, name, module))
                _record_calls(stack, module, "step", _note_step(trace, name, module))
            elif isinstance(module, Attention):
                for method in ("forward", "all_steps"):
                    _record_calls(stack, module, method, _note_attention(trace, name))
            elif isinstance(module, Recall):
                _record_calls(stack, module, "forward", _note_recall(trace, name, module))
            elif isinstance(module, Pooling) and "attention" in module.ways:
                _record_calls(stack, module, "forward", _note_pooling(trace, name, module))
        yield trace


def _record_calls(stack: ExitStack, module: nn.Module, method: str, note: Callable[..., None]) -> None:
    """Has each call of a module's method followed by ``note(result, *arguments)``, until the stack ends."""
    if method in vars(module):
        raise UsageError("the model is being recorded already; end that recording first")
    run = getattr(module, method)

    @wraps(run)
    def recorded(*args: Any, **named: Any) -> Any:
        result = run(*args, **named)
        with torch.no_grad():
            note(result, *args, **named)
        return result

    # On the instance: it hides the method of the class, and deleting it brings that back.
    setattr(module, method, recorded)
    stack.callback(delattr, module, method)


def _note_sequences(trace: Trace, name: str, layer: Recurrent) -> Callable[..., None]:
    def note(_: Any, x: Tensor, lengths: Lengths | None = None, state: State | None = None, **named: Any) -> None:
        trace.layers.extend(replay(layer, x, lengths, state, name))

    return note


def _note_step(trace: Trace, name: str, layer: Recurrent) -> Callable[..., None]:
    def note(_: Any, x: Tensor, state: State | None = None) -> None:
        trace.layers.extend(replay(layer, x.unsqueeze(1), None, state, name))

    return note


def _note_attention(trace: Trace, name: str) -> Callable[..., None]:
    def note(attended: Attended, *args: Any, **named: Any) -> None:
        weights = attended.weights.detach()
        trace.attention.append((name, weights if weights.dim() == 3 else weights.unsqueeze(1)))

    return note


def _note_recall(trace: Trace, name: str, recall: Recall) -> Callable[..., None]:
    def note(_: Any, outputs: Tensor, vectors: Tensor, past: Past) -> None:
        trace.attention.append((name, recall.weights(outputs, past)))

    return note


def _note_pooling(trace: Trace, name: str, pooling: Pooling) -> Callable[..., None]:
    def note(_: Any, outputs: Tensor, final: Tensor, lengths: Tensor) -> None:
        trace.attention.append((name, pooling.weights(outputs, lengths).unsqueeze(1)))

    return note


def replay(
    layer: Recurrent, x: Tensor, lengths: Lengths | None = None, state: State | None = None, name: str = ""
) -> list[Recorded]:
    """What happens in each layer and direction on inputs (B, T, I), by the cell's own equations, step by step."""
    if layer.training and (layer.draws or (layer.dropout and layer.num_layers > 1)):
        raise UsageError("a layer that drops values at random cannot be recorded in training; call model.eval() first")
    sizes = _sizes(x, lengths)
    state = layer.initial_state(len(x), like=x) if state is None else state
    calls: list[Recorded] = []
    for number in range(layer.num_layers):
        found, x = _replay_one(layer, number, x, sizes, state, name)
        calls += found
    return calls


def inputs_of_last(layer: Recurrent, x: Tensor, state: State) -> Tensor:
    """What the last of the layers reads, (B, T, D·H), or x itself where there is one."""
    for number in range(layer.num_layers - 1):
        _, x = _replay_one(layer, number, x, _sizes(x, None), state, "")
    return x


def _replay_one(
    layer: Recurrent, number: int, x: Tensor, sizes: Tensor, state: State, name: str
) -> tuple[list[Recorded], Tensor]:
    """What happens in one layer, and its outputs."""
    inside = sequence_mask(sizes, x.shape[1])
    x = x.masked_fill(~inside.unsqueeze(2), 0.0)
    calls: list[Recorded] = []
    for backward, direction in enumerate(cast(Sequence[Direction], layer.layers[number])):
        row = number * layer.num_directions + backward
        start = tuple(state[key][:, row] for key in layer.cell.state_names)
        inputs = reverse_sequences(x, sizes) if backward else x
        gates, states = _over_time(layer.cell, direction.weights(), inputs, inside, start)
        if backward:
            gates, states = ({k: reverse_sequences(v, sizes) for k, v in d.items()} for d in (gates, states))
        calls.append(Recorded(name, number, bool(backward), layer.cell, gates, states, sizes))
    outputs = torch.cat([call.states[layer.cell.state_names[0]] for call in calls], 2)
    return calls, outputs + x if layer.residual and number else outputs


def _sizes(x: Tensor, lengths: Lengths | None) -> Tensor:
    if lengths is None:
        return torch.full((x.shape[0],), x.shape[1], device=x.device)
    return torch.as_tensor(lengths, dtype=torch.int64, device=x.device)


def _over_time(
    cell: Cell, weights: Weights, x: Tensor, inside: Tensor, state: CellState
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Gates and states of every step, (B, T, H) each; padding comes last, so that no step after it counts."""
    inputs, bias = linear(x, weights.weight_x, weights.bias), full_recurrent_bias(cell, weights)
    gates: list[dict[str, Tensor]] = []
    states: list[CellState] = []
    for x_t in inputs.unbind(1):
        r = recurrent_part(cell, x_t, weights.weight_h, bias, state)
        gates.append(cell.gates(x_t, r, state, **weights.own))
        state = cell.step(x_t, r, state, **weights.own)
        states.append(state)
    named = [dict(zip(cell.state_names, step, strict=True)) for step in states]
    return _stacked(gates, inside), _stacked(named, inside)


def _stacked(steps: list[dict[str, Tensor]], inside: Tensor) -> dict[str, Tensor]:
    return {
        name: torch.stack([step[name] for step in steps], 1).masked_fill(~inside.unsqueeze(2), 0.0) for name in steps[0]
    }
