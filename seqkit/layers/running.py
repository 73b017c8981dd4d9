"""One call of a recurrent layer: its layers from the first to the last, and what happens between them.

B batch, T time, I inputs, H hidden units, L layers, D directions.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from seqkit.cells import Cell, CellState
from seqkit.kernels import Cudnn, Kernel, Reference, Weights, choose_kernel
from seqkit.kernels.masked import Masked
from seqkit.layers.call_checks import check_fit, check_gradients
from seqkit.layers.layer import RecurrentLayer
from seqkit.layers.noise import Draws, check_reference, drawn_in_the_loop
from seqkit.layers.state import State
from seqkit.layers.zoneout import Zoneout


class _Call(NamedTuple):
    """What every layer of a call shares."""

    layer: RecurrentLayer
    layers: list[list[nn.Module]]
    cell: Cell
    kernel: Kernel
    draws: Draws
    lengths: Tensor | None


def run_layers(
    layer: RecurrentLayer, x: Tensor, lengths: Tensor | None, state: State | None, kernel: str | None
) -> tuple[Tensor, State]:
    """x (B, T, I), or one step (B, I), and a state (B, L·D, H), None for zeros, to outputs and the state after them.

    Raises :class:`UsageError` for weights that do not fit, other dtypes, and a kernel that cannot run the cell.
    """
    device = x.device.type
    if device in ("cpu", "cuda") and torch.is_autocast_enabled(device):
        # Rounded states would not fit weights in float32; products may still be rounded, see `precision`.
        with torch.autocast(device, enabled=False):
            x, state = layer._in_own_dtype(x, state)
            return run_layers(layer, x, lengths, state, kernel)
    layers = layer._layers()
    weights = layer._weights(layers, 0)
    check_gradients(layer.precision, [x, *layer.parameters()])
    check_fit(x, state, weights[0].weight_h)
    cell, names, runner = layer.cell, layer.cell.state_names, _kernel(layer, x, kernel)
    if isinstance(cell, Zoneout) and layer.training:
        cell = cell.at_random()
    initial = None if state is None else [state[name] for name in names]
    on_cudnn = isinstance(runner, Cudnn)
    if lengths is not None and not on_cudnn:
        lengths = lengths.to(x.device)
    call = _Call(layer, layers, cell, runner, layer.noise.draws(), lengths)
    x, final = (_run_at_once if on_cudnn and not apart(layer) else _run_in_turn)(call, x, weights, initial)
    return x, State(zip(names, final, strict=True))


def _run_at_once(
    call: _Call, x: Tensor, weights: list[Weights], initial: list[Tensor] | None
) -> tuple[Tensor, CellState]:
    """All layers in one call of cuDNN."""
    assert isinstance(call.kernel, Cudnn)
    layer, x = call.layer, _masked(call, x, 0)
    later = (layer._weights(call.layers, number) for number in range(1, len(call.layers)))
    stack = [_dropped(call, each, number) for number, each in enumerate([weights, *later])]
    return call.kernel.run_stack(call.cell, stack, x, call.lengths, initial, layer._memory[-1])


def _run_in_turn(
    call: _Call, x: Tensor, weights: list[Weights], initial: list[Tensor] | None
) -> tuple[Tensor, list[Tensor]]:
    layer, finals, width, count = call.layer, [], call.layer.num_directions, len(call.layers)
    for number in range(count):
        below = x
        if number:
            x = dropout(x, layer.dropout, layer.training)
            weights = layer._weights(call.layers, number)
        own = slice(number * width, (number + 1) * width)
        start = initial if initial is None or count == 1 else [value[:, own] for value in initial]
        x, final = _run_one(call, number, _dropped(call, weights, number), _masked(call, x, number), start)
        if layer.residual and number:
            x = x + below
        finals.append(final)
    joined = finals[0] if count == 1 else [torch.cat(parts, 1) for parts in zip(*finals, strict=True)]
    return x, list(joined)


def _run_one(
    call: _Call, number: int, weights: list[Weights], x: Tensor, start: list[Tensor] | None
) -> tuple[Tensor, CellState]:
    cell, kernel, lengths = call.cell, call.kernel, call.lengths
    if isinstance(kernel, Cudnn):
        return kernel.run_stack(cell, [weights], x, lengths, start, call.layer._memory[number])
    return (_masking(call, x, number) or kernel).run(cell, weights, x, lengths, start, call.layer._packed.layer(number))


def _kernel(layer: RecurrentLayer, x: Tensor, kernel: str | None) -> Kernel:
    """The kernel of a call: the reference where training draws numbers inside the loop over time."""
    name = kernel or layer.kernel
    if not layer.training or not drawn_in_the_loop(layer.cell, layer.recurrent_dropout):
        return choose_kernel(layer.cell, x, name, layer.precision)
    check_reference(name)
    return Reference(by_hand=False)


def apart(layer: RecurrentLayer, always: bool = False) -> bool:
    """Whether something happens between the layers, so that they cannot run in one call.

    With ``always``, whether it does in training or in evaluation.
    """
    dropped = (layer.training or always) and (layer.dropout > 0 or layer.variational_dropout > 0)
    return layer.num_layers > 1 and (dropped or layer.residual)


def _dropped(call: _Call, weights: list[Weights], number: int) -> list[Weights]:
    """The weights of a layer, with dropout of the recurrent ones."""
    layer = call.layer
    if not layer.training or not layer.weight_dropout:
        return weights

    dropped = []
    for place, w in enumerate(weights):
        draw = partial(dropout, torch.ones_like(w.weight_h), layer.weight_dropout)
        dropped.append(w._replace(weight_h=w.weight_h * call.draws.get(f"weights {place}", number, draw)))
    return dropped


def _masked(call: _Call, x: Tensor, number: int) -> Tensor:
    """What a layer reads, with variational dropout."""
    probability = call.layer.variational_dropout
    if not call.layer.training or not probability:
        return x
    ones = x.new_ones(x.shape[0], x.shape[-1])
    mask = call.draws.get("inputs", number, partial(dropout, ones, probability))
    return x * (mask if x.dim() == 2 else mask.unsqueeze(1))


def _masking(call: _Call, x: Tensor, number: int) -> Masked | None:
    """The kernel that drops what a layer's recurrent products read, where it is requested."""
    layer = call.layer
    if not layer.training or not layer.recurrent_dropout:
        return None
    ones = x.new_ones(x.shape[0], layer.num_directions, layer.hidden_size)
    masks = call.draws.get("recurrent", number, partial(dropout, ones, layer.recurrent_dropout))
    return Masked(masks.unbind(1))
