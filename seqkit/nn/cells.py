"""``RNNCell``, ``LSTMCell`` and ``GRUCell`` of ``torch.nn`` with our kernels inside.

B batch, H hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from seqkit.cells import Cell
from seqkit.kernels.layout import padded
from seqkit.kernels.operators import operator_name
from seqkit.kernels.plan import plan
from seqkit.nn.conditions import is_plain, runs_plainly
from seqkit.nn.modules import as_torch, kept_weights, recorded
from seqkit.nn.running import CELLS, packed_directions
from seqkit.nn.single_step import run_step
from seqkit.nn.training import run_layer
from seqkit.nn.worth import worth_a_step, worth_packing


class OurCell(nn.RNNCellBase):
    """What the three have in common: the call, which our kernels run where they can, and torch's own code elsewhere.

    Steps in which a kernel has nothing to gain are torch's, too.
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As torch's: input (B, I) or (I), and a state (B, H) or (H), of an LSTM a pair of them; to the next state."""
        if isinstance(input, fx.Proxy):
            return recorded(self, input, hx)
        ours = _run(self, input, hx)
        return super().forward(input, hx) if ours is None else ours

    def __prepare_scriptable__(self) -> nn.Module:
        """For ``torch.jit.script``, which cannot read our call: torch's own module with the same parameters."""
        return as_torch(self)


class RNNCell(OurCell, nn.RNNCell):
    """:class:`torch.nn.RNNCell` with our kernels inside; arguments, weights and results are the same.

    Examples:
        >>> import torch
        >>> RNNCell(10, 20, nonlinearity="relu")(torch.zeros(3, 10)).shape
        torch.Size([3, 20])
    """


class LSTMCell(OurCell, nn.LSTMCell):
    """:class:`torch.nn.LSTMCell` with our kernels inside; arguments, weights and results are the same.

    Examples:
        >>> import torch
        >>> h, c = LSTMCell(10, 20)(torch.zeros(3, 10))
        >>> h.shape, c.shape
        (torch.Size([3, 20]), torch.Size([3, 20]))
    """


class GRUCell(OurCell, nn.GRUCell):
    """:class:`torch.nn.GRUCell` with our kernels inside; arguments, weights and results are the same.

    Examples:
        >>> import torch
        >>> GRUCell(10, 20)(torch.zeros(3, 10)).shape
        torch.Size([3, 20])
    """


def _mode(cell: nn.RNNCellBase) -> str:
    if isinstance(cell, nn.RNNCell):
        return f"RNN_{cell.nonlinearity.upper()}"
    return "LSTM" if isinstance(cell, nn.LSTMCell) else "GRU"


def _run(module: nn.RNNCellBase, input: Any, hx: Any) -> Any:
    """The call on our kernels; None where torch's own code has to run it, or to refuse it in its own words."""
    # A compiler is told so before it would look at sizes.
    if torch.compiler.is_compiling() or not is_plain(input) or input.dim() != 2 or not len(input):
        return None
    cell = CELLS.get(_mode(module))
    if cell is None or not runs_plainly():
        return None
    gates = len(cell.gate_names)
    numbers = gates * module.hidden_size * (module.input_size + module.hidden_size)
    pair = isinstance(module, nn.LSTMCell)
    states = () if hx is None else hx if pair else (hx,)
    named = (module.weight_ih, module.weight_hh, module.bias_ih, module.bias_hh)
    weights = [tensor for tensor in named if tensor is not None]
    if not isinstance(states, (tuple, list)) or not all(map(is_plain, (*states, *weights))):
        return None
    learns = torch.is_grad_enabled() and any(t.requires_grad for t in (input, *states, *weights))
    if not worth_a_step(len(input), numbers, gates, learns) or not _fits(module, cell, weights, input, states):
        return None
    final = _train(cell, weights, input, states) if learns else _infer(module, cell, weights, input, states)
    return final if pair else final[0]


def _fits(module: nn.RNNCellBase, cell: Cell, weights: list[Tensor], x: Tensor, states: Sequence[Tensor]) -> bool:
    """Whether all shapes are those that the module's sizes ask for."""
    units, inputs = module.hidden_size, module.input_size
    rows = len(cell.gate_names) * units
    if x.shape[1] != inputs or inputs == 0 or len(states) not in (0, len(cell.state_names)):
        return False
    shapes = [(rows, inputs), (rows, units), (rows,), (rows,)]
    return (
        len(weights) in (2, 4)
        and all(weight.shape == shape for weight, shape in zip(weights, shapes[: len(weights)], strict=True))
        and all(state.shape == (len(x), units) for state in states)
    )


def _train(cell: Cell, weights: list[Tensor], x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, ...]:
    if not worth_packing(len(x), len(x) * len(weights[1]) * (x.shape[1] + weights[1].shape[1])):
        return run_step(cell, x, states, weights)
    start = tuple(state.unsqueeze(0) for state in states) or None
    _, final = run_layer(cell, x.unsqueeze(1), None, start, [weights])
    return tuple(state.squeeze(0) for state in final)


def _infer(
    module: nn.RNNCellBase, cell: Cell, weights: list[Tensor], x: Tensor, states: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    units = module.hidden_size
    h, c = (*(state.unsqueeze(1) for state in states), None, None)[:2]
    slices, team = plan(1, len(x), padded(units), len(cell.gate_names), single=True)
    packing = partial(packed_directions, cell, len(weights))
    packed, after = kept_weights(module).layer(0), (h, c, units, slices, team)
    _, *final = packed.apply("step", (operator_name(cell), x), after, weights, packing)
    return tuple(state.squeeze(1) for state in final[: len(cell.state_names)])
