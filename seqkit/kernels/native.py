"""The native kernel: the time loop of our own cells in C++, for float32 on a CPU.

The C++ (``cpp/``) is registered as torch operators; ``operators`` calls them and tells torch their derivative,
``layout`` and ``packed`` bring weights into the form that they want, ``plan`` divides the work among threads, ``step``
prepares single steps, ``library`` loads what ``build`` has built.
B batch, T time, H hidden units, D directions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import Kernel, LayerCall, Weights
from seqkit.kernels.layout import layer_of, pad_units, stack, unpad_outputs, weights_of
from seqkit.kernels.library import ensure, ensure_or_warn, multiplies_bf16, ready
from seqkit.kernels.operators import Options, forward, operator, operator_name
from seqkit.kernels.packed import Packed, packed_weights, stamp_of, tensors_of
from seqkit.kernels.plan import plan
from seqkit.kernels.step import PreparedStep

__all__ = [
    "Native",
    "PreparedStep",
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


class Native(Kernel):
    """Runs every cell of ours for which C++ was written.

    Args:
        bf16: round both sides of each product to bfloat16 where the processor multiplies those; sums, gates, states
            and gradients stay float32.
    """

    def __init__(self, bf16: bool = False) -> None:
        self.bf16 = bf16

    def supports(self, cell: Cell, x: Tensor) -> bool:
        """float32 on a CPU, and a cell that the C++ source has."""
        return x.dtype is torch.float32 and x.is_cpu and operator_name(cell) is not None

    def run_layer(self, call: LayerCall) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.Kernel`."""
        tensors = tensors_of(call.weights)
        if torch.is_grad_enabled() and any(t.requires_grad for t in (call.x, *(call.states or ()), *tensors)):
            return self._run_for_gradients(call)
        return self._infer(call, tensors)

    def _infer(self, call: LayerCall, tensors: list[Tensor]) -> tuple[Tensor, CellState]:
        cell, weights, x, lengths, states, cache = call
        packed, vectors = packed_weights(weights, tensors, cache, self._rounds())
        units, hidden = weights[0].weight_h.shape[1], vectors.shape[2]
        h, c = (*(states or ()), None, None)[:2]
        slices, team = plan(len(weights), x.shape[0], hidden, len(cell.gate_names), single=x.shape[1] == 1)
        name = operator_name(cell)
        out, *final = operator("infer")(name, x, lengths, packed, vectors, h, c, units, slices, team)
        if units != hidden:
            out = unpad_outputs(out, len(weights), units)
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

    def prepare_step(
        self,
        cell: Cell,
        weights: Sequence[Weights],
        parameters: Sequence[Mapping[str, Tensor | None]],
        caches: Sequence[dict[str, Any]],
    ) -> PreparedStep | None:
        """Steps through a stack of layers in one direction, for as long as its weights stay as they are.

        ``weights`` and ``caches`` are those of each layer, ``parameters`` the dictionaries in which the weights are
        looked up again. None where :meth:`run` has to serve: weights created in inference mode show no change.
        """
        if stamp_of(tensors_of(weights)) is None:
            return None
        layers = [
            packed_weights([w], tensors_of([w]), cache, self._rounds())
            for w, cache in zip(weights, caches, strict=True)
        ]
        packed = layers[0] if len(layers) == 1 else Packed(*(torch.cat(same) for same in zip(*layers, strict=True)))
        return PreparedStep(cell, parameters, packed, weights[0].weight_h.shape[1])
