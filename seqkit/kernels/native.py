"""The native kernel: the time loop of our own cells in C++, for float32 on a CPU.

The C++ (``cpp/``) is registered as torch operators; ``operators`` calls them and tells torch their derivative,
``layout`` and ``packed`` bring weights into the form that they want, ``plan`` divides the work among threads,
``library`` loads what ``build`` has built.
B batch, T time, H hidden units, D directions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import Kernel, LayerCall, Weights
from seqkit.kernels.layout import layer_of, pad_units, padded, stack, unpad_outputs, weights_of
from seqkit.kernels.library import ensure, ensure_or_warn, multiplies_bf16, ready
from seqkit.kernels.operators import Options, forward, operator, operator_name
from seqkit.kernels.packed import PackedStack, pack, tensors_of
from seqkit.kernels.plan import plan
from seqkit.kernels.scan import run_scan

__all__ = [
    "Native",
    "ensure",
    "ensure_or_warn",
    "layer_of",
    "multiplies_bf16",
    "operator_name",
    "pad_units",
    "plan",
    "ready",
    "weights_of",
]

_STEPS_WORTH_PACKING = 12
"""A step of one sequence takes 1.4 times as long from weights as they lie; comparing costs what 12 steps lose."""


class Native(Kernel):
    """Runs every cell of ours for which C++ was written, and those that were compiled.

    Args:
        bf16: round both sides of each product to bfloat16 where the processor multiplies those; sums, gates, states
            and gradients stay float32.
    """

    def __init__(self, bf16: bool = False) -> None:
        self.bf16 = bf16

    def supports(self, cell: Cell, x: Tensor) -> bool:
        """float32 on a CPU, and a cell that the C++ source has or that was compiled."""
        return x.dtype is torch.float32 and x.is_cpu and operator_name(cell) is not None

    def run_layer(self, call: LayerCall) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.Kernel`."""
        if not call.cell.stages:
            return run_scan(call)
        tensors = tensors_of(call.weights)
        if torch.is_grad_enabled() and any(t.requires_grad for t in (call.x, *(call.states or ()), *tensors)):
            return self._run_for_gradients(call)
        return self._infer(call, tensors)

    def _infer(self, call: LayerCall, tensors: list[Tensor]) -> tuple[Tensor, CellState]:
        cell, weights, x, lengths, states, cache = call
        h, c = (*(states or ()), None, None)[:2]
        count, units, bf16 = len(weights), weights[0].weight_h.shape[1], self._rounds()
        slices, team = plan(count, x.shape[0], padded(units), len(cell.gate_names), single=x.shape[1] == 1)
        name = operator_name(cell)
        if x.shape[0] == 1 and x.shape[1] < _STEPS_WORTH_PACKING and lengths is None and not bf16:
            # A sequence reads each weight once a step, wherever it lies: nothing need be packed, kept or compared.
            out, *final = operator("infer_in_place")(name, x, tensors, count, h, c, team)
        else:
            fresh = cache is None or torch.compiler.is_compiling()
            packed, vectors = pack(weights, bf16) if fresh else cache.of(weights, bf16)
            out, *final = operator("infer")(name, x, lengths, packed, vectors, h, c, units, slices, team)
        if out.shape[2] != count * units:
            out = unpad_outputs(out, count, units)
        return out, tuple(final[: len(cell.state_names)])

    def _run_for_gradients(self, call: LayerCall) -> tuple[Tensor, CellState]:
        cell, weights, x, lengths, states, _ = call
        layer, units = layer_of(weights), weights[0].weight_h.shape[1]
        hidden = layer.weight_h.shape[2]
        if states is None:
            state = x.new_zeros(len(cell.state_names), len(x), len(weights), hidden)
        else:
            state = pad_units(stack(states), units)
        slices, team = plan(len(weights), len(x), hidden, len(cell.gate_names), training=True)
        name = operator_name(cell)
        assert name is not None
        out, final, _, _ = forward(name, x, lengths, layer, state, Options(units, self._rounds(), slices, team))
        if units != hidden:
            out, final = unpad_outputs(out, len(weights), units), final[..., :units]
        return out, final.unbind(0)

    def _rounds(self) -> bool:
        return self.bf16 and multiplies_bf16()

    def step(
        self, cell: Cell, weights: Callable[[], list[Weights]], tensors: list[Tensor], count: int, x: Tensor,
        state: Mapping[str, Tensor] | None, kept: PackedStack,
    ) -> tuple[Tensor, dict[str, Tensor]]:  # fmt: skip
        """A step without gradients through a stack of ``count`` layers in one direction.

        x (B, I) and each state (B, L, H), None for zeros, to the output (B, H) and the states after it. One sequence
        reads the weights, ``tensors`` layer after layer, where they lie; several read packed ones, and so does one
        where the weights stand still.

        Raises:
            RuntimeError: a shape, dtype or device is not that of a step of this layer.
            KeyError: a state is missing.
        """
        (first, *others), units, h, c = cell.state_names, tensors[1].shape[1], None, None
        if state is not None:
            h, c = state[first], state[others[0]] if others else None
        rows, name = x.shape[0], operator_name(cell)
        slices, team = plan(1, rows, padded(units), len(cell.gate_names), single=True)
        if rows == 1 and not kept.hold.active:
            out, h, c = operator("step_in_place")(name, x, tensors, count, h, c, team)
        else:
            bf16 = self._rounds()
            packed, vectors = kept.standing(bf16) or kept.joined(weights(), bf16)
            out, h, c = operator("step")(name, x, packed, vectors, h, c, units, slices, team)
        return out, {first: h, others[0]: c} if others else {first: h}
