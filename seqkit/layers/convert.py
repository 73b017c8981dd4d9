"""Weights from and to torch's own recurrent modules, layer by layer and direction by direction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from seqkit.cells import Cell
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.lstm.lstm_projected import ProjectedLSTM
from seqkit.cells.rnn import RNN
from seqkit.errors import UsageError
from seqkit.kernels import Weights
from seqkit.kernels.aten import from_torch_layout, to_torch_layout, torch_operator
from seqkit.kernels.projected import projected_cell, projected_from_torch, projected_to_torch
from seqkit.layers.direction import Direction, weights_of
from seqkit.layers.layer import RecurrentLayer
from seqkit.layers.zoneout import Zoneout


def layer_to_torch(layer: RecurrentLayer) -> nn.RNNBase:
    """See :meth:`~seqkit.layers.recurrent.Recurrent.to_torch`."""
    _check_options(layer)
    weight = next(layer.parameters())
    module = module_of(
        layer.cell,
        layer.input_size,
        layer.hidden_size,
        layer.num_layers,
        batch_first=True,
        bidirectional=layer.bidirectional,
        # torch warns of a dropout between layers where there is only one.
        dropout=layer.dropout if layer.num_layers > 1 else 0.0,
        dtype=weight.dtype,
        device=weight.device,
    )
    copy_to_torch(layer.cell, layer.directions(), module)
    return module.train(layer.training)


def _check_options(layer: RecurrentLayer) -> None:
    """Raises :class:`UsageError` for what a module of torch would leave out; noise counts in training alone."""
    noise = ("weight_dropout", "recurrent_dropout", "variational_dropout") if layer.training else ()
    beyond = [name for name in ("residual", *noise) if getattr(layer, name)]
    beyond += ["learned_state"] * (layer.initial is not None) + ["zoneout"] * isinstance(layer.cell, Zoneout)
    if beyond:
        advice = "; call eval() first to convert what it does without noise" if set(beyond) <= set(noise) else ""
        raise UsageError(f"torch's modules have no {' and no '.join(beyond)}, so this layer has no torch form{advice}")


def cell_of(module: nn.RNNBase) -> Cell:
    """The cell that a module of torch runs; raises :class:`UsageError` for one that has no such cell."""
    if isinstance(module, nn.LSTM):
        return projected_cell(module.hidden_size, module.proj_size) if module.proj_size else LSTM()
    if isinstance(module, nn.GRU):
        return GRU(reset="after")
    if isinstance(module, nn.RNN):
        return RNN("relu" if module.nonlinearity == "relu" else "tanh")
    raise UsageError(f"from_torch takes nn.RNN, nn.LSTM or nn.GRU, not {type(module).__name__}")


def module_of(cell: Cell, input_size: int, hidden_size: int, num_layers: int, **options: Any) -> nn.RNNBase:
    """A module of torch that runs the cell, its weights not yet those of ours; ``options`` are those of the module.

    Raises :class:`UsageError` for a cell that torch does not have.
    """
    if isinstance(cell, ProjectedLSTM) and cell.memory > 1:
        return nn.LSTM(input_size, cell.memory * hidden_size, num_layers, proj_size=hidden_size, **options)
    if torch_operator(cell) is None:
        raise UsageError(
            f"torch has no module for {cell!r}; to_torch takes rnn, lstm, lstm-projected with memory above 1, and gru "
            "with reset='after'"
        )
    sizes = (input_size, hidden_size, num_layers)
    if isinstance(cell, LSTM):
        return nn.LSTM(*sizes, **options)
    if isinstance(cell, GRU):
        return nn.GRU(*sizes, **options)
    assert isinstance(cell, RNN)
    return nn.RNN(*sizes, nonlinearity=cell.nonlinearity, **options)


@torch.no_grad()
def copy_from_torch(directions: Iterable[Direction], module: nn.RNNBase) -> None:
    """Copies the weights of torch's module into ours, which are in the same order: layer by layer, forward first."""
    for direction, tensors in zip(directions, module.all_weights, strict=True):
        for name, value in _from_torch(direction.cell, tensors)._asdict().items():
            if name != "own" and value is not None:
                getattr(direction, name).copy_(value)
        _pass_on_freezing(direction, tensors)


@torch.no_grad()
def copy_to_torch(cell: Cell, directions: Iterable[nn.Module], module: nn.RNNBase) -> None:
    """Copies our weights into torch's module."""
    for direction, tensors in zip(directions, module.all_weights, strict=True):
        given = weights_of(direction)
        for target, value in zip(tensors, _to_torch(cell, given), strict=True):
            target.copy_(value)
        bias = given.bias.requires_grad or (given.bias_h is not None and given.bias_h.requires_grad)
        recurrent = given.weight_h.requires_grad
        learned = [given.weight_x.requires_grad, recurrent, bias, bias, recurrent]
        for target, trained in zip(tensors, learned[: len(tensors)], strict=True):
            target.requires_grad_(trained)


def _from_torch(cell: Cell, tensors: Sequence[torch.Tensor]) -> Weights:
    """torch's tensors of one direction as our weights."""
    return projected_from_torch(cell, tensors) if isinstance(cell, ProjectedLSTM) else from_torch_layout(cell, tensors)


def _to_torch(cell: Cell, weights: Weights) -> tuple[torch.Tensor, ...]:
    return projected_to_torch(cell, weights) if isinstance(cell, ProjectedLSTM) else to_torch_layout(cell, weights)


def _pass_on_freezing(direction: Direction, tensors: Sequence[torch.Tensor]) -> None:
    """A weight of ours learns if that of torch's module does which it comes from; a bias, if either of the two does."""
    direction.weight_x.requires_grad_(tensors[0].requires_grad)
    direction.weight_h.requires_grad_(tensors[1].requires_grad)
    if len(tensors) >= 4:
        direction.bias.requires_grad_(tensors[2].requires_grad or tensors[3].requires_grad)
        if direction.bias_h is not None:
            direction.bias_h.requires_grad_(tensors[3].requires_grad)
