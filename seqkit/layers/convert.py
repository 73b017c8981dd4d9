"""Weights from and to torch's own recurrent modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from seqkit.cells import Cell
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.rnn import RNN
from seqkit.errors import UsageError
from seqkit.kernels.aten import from_torch_layout, to_torch_layout, torch_operator
from seqkit.layers.recurrent import Direction, Recurrent


def from_torch(module: nn.RNNBase) -> Recurrent:
    """See :meth:`Recurrent.from_torch`."""
    if module.proj_size:
        raise UsageError("an LSTM with proj_size has no seqkit form; convert one with proj_size=0")
    layer = Recurrent(
        _cell_of(module), module.input_size, module.hidden_size, module.num_layers, module.bidirectional, module.dropout
    ).to(module.all_weights[0][0].dtype)
    with torch.no_grad():
        for direction, tensors in zip(_all_directions(layer), module.all_weights, strict=True):
            for name, value in from_torch_layout(layer.cell, tensors)._asdict().items():
                if name != "own" and value is not None:
                    getattr(direction, name).copy_(value)
    return layer.to(module.all_weights[0][0].device).train(module.training)


def to_torch(layer: Recurrent) -> nn.RNNBase:
    """See :meth:`Recurrent.to_torch`."""
    sizes = (layer.input_size, layer.hidden_size, layer.num_layers)
    options: dict[str, Any] = {
        "batch_first": True,
        "bidirectional": layer.bidirectional,
        "dropout": layer.dropout if layer.num_layers > 1 else 0.0,
        "dtype": next(layer.parameters()).dtype,
        "device": next(layer.parameters()).device,
    }
    module = _module_of(layer.cell, sizes, options)
    with torch.no_grad():
        for direction, tensors in zip(_all_directions(layer), module.all_weights, strict=True):
            for target, value in zip(tensors, to_torch_layout(layer.cell, direction.weights()), strict=True):
                target.copy_(value)
    return module.train(layer.training)


def _all_directions(layer: Recurrent) -> list[Direction]:
    return [module for module in layer.modules() if isinstance(module, Direction)]


def _cell_of(module: nn.RNNBase) -> Cell:
    if isinstance(module, nn.LSTM):
        return LSTM()
    if isinstance(module, nn.GRU):
        return GRU(reset="after")
    if isinstance(module, nn.RNN):
        return RNN("relu" if module.nonlinearity == "relu" else "tanh")
    raise UsageError(f"from_torch takes nn.RNN, nn.LSTM or nn.GRU, not {type(module).__name__}")


def _module_of(cell: Cell, sizes: tuple[int, int, int], options: dict[str, Any]) -> nn.RNNBase:
    if torch_operator(cell) is None:
        raise UsageError(f"torch has no module for {cell!r}; to_torch takes rnn, lstm and gru with reset='after'")
    if isinstance(cell, LSTM):
        return nn.LSTM(*sizes, **options)
    if isinstance(cell, GRU):
        return nn.GRU(*sizes, **options)
    assert isinstance(cell, RNN)
    return nn.RNN(*sizes, nonlinearity=cell.nonlinearity, **options)
