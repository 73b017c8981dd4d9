"""The parameters of one direction of one recurrent layer.

I input size, H hidden units, G gates.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from seqkit.cells import Cell
from seqkit.cells.base import Parameters
from seqkit.errors import UsageError
from seqkit.kernels import Weights
from seqkit.kernels.packed import tensors_of

_PARAMETERS = ("weight_x", "weight_h", "bias", "bias_h")


class Direction(nn.Module):
    """Weights (G·H, I) and (G·H, H) and biases, as in :class:`~seqkit.kernels.base.Weights`.

    A cell without a recurrent product has no recurrent weights: they are (0, H), and no parameter.

    Initial values: orthogonal recurrent weights for each gate (Saxe et al., 2014), Glorot-uniform input weights for
    each gate, biases 0 unless the cell gives another value (the forget gate of an LSTM starts at 1).

    With ``chrono`` T, the bias of a gate that keeps the state is drawn as ``log U(1, T - 1)``, and that of one that
    replaces it is its negative, so that units begin with memories of up to T steps (Tallec and Ollivier, 2018,
    arXiv:1804.11188). Raises :class:`UsageError` for a cell without such a gate.
    """

    weight_h: Tensor
    bias_h: Tensor | None

    def __init__(self, cell: Cell, input_size: int, hidden_size: int, chrono: int | None = None) -> None:
        super().__init__()
        if chrono is not None:
            _check_chrono(cell, chrono)
        self.cell, self.chrono = cell, chrono
        rows = len(cell.gate_names) * hidden_size
        self.weight_x = nn.Parameter(torch.empty(rows, input_size))
        weight_h = torch.empty(cell.recurrent_gates * hidden_size, hidden_size)
        if cell.stages:
            self.weight_h = nn.Parameter(weight_h)
        else:
            self.register_buffer("weight_h", weight_h, persistent=False)
        self.bias = nn.Parameter(torch.empty(rows))
        inner = len(cell.recurrent_bias) * hidden_size
        self.register_parameter("bias_h", nn.Parameter(torch.empty(inner)) if inner else None)
        # A ParameterDict sorts the names of a plain dict; kernels need the order in which the cell declares them.
        self.own = nn.ParameterDict(OrderedDict(cell.own_parameters(hidden_size)))
        self.has_own = len(self.own) > 0
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draws new initial weights from torch's generator; the cell's own parameters are again as it declares them."""
        gates = self.cell.gate_names
        hidden = self.weight_h.shape[1]
        inputs, recurrent, bias = map(torch.empty_like, (self.weight_x, self.weight_h, self.bias))
        for weight_x, weight_h in zip_longest(inputs.split(hidden), recurrent.split(hidden) if len(recurrent) else ()):
            if weight_x is not None:
                nn.init.xavier_uniform_(weight_x)
            if weight_h is not None:
                nn.init.orthogonal_(weight_h)
        for gate, part in zip(gates, bias.chunk(len(gates)), strict=True):
            part.fill_(self.cell.initial_bias.get(gate, 0.0))
        if self.chrono is not None:
            self._draw_memories(bias, self.chrono)
        bias_h = None if self.bias_h is None else torch.zeros_like(self.bias_h)
        for name, value in zip(_PARAMETERS, (inputs, recurrent, bias, bias_h), strict=True):
            if value is not None:
                _reset(self, name, value)
        for name, value in self.cell.own_parameters(hidden).items():
            _reset(self.own, name, value)

    def _draw_memories(self, bias: Tensor, longest: int) -> None:
        """The same memory for all gates of a unit."""
        gates = self.cell.gate_names
        biases = dict(zip(gates, bias.chunk(len(gates)), strict=True))
        memories = torch.empty_like(biases[gates[0]]).uniform_(1, longest - 1).log()
        for gate, sign in self.cell.memory_gates.items():
            biases[gate].copy_(sign * memories)

    def forward(self) -> Weights:
        """The parameters as kernels take them, after whatever hooks have put in their place."""
        # Hooks of a ParameterDict, such as those of pruning, wait for a call, which it never gets.
        for hook in self.own._forward_pre_hooks.values():
            hook(self.own, ())
        return Weights(self.weight_x, self.weight_h, self.bias, self.bias_h, dict(self.own.items()))

    def is_plain(self) -> bool:
        """Whether the parameters are the weights: no hook, no wrapper that has put something in a parameter's place."""
        own: nn.Module = self._modules["own"]  # type: ignore[assignment]
        return not self.is_hooked() and not own._forward_pre_hooks and tuple(self._parameters) == _PARAMETERS

    def is_hooked(self) -> bool:
        """Whether a call does something else than :meth:`forward` of this class."""
        return _is_hooked(self.__dict__)

    def weights(self) -> Weights:
        """The parameters as kernels take them; see :func:`weights_of`."""
        return weights_of(self)


class DerivedDirection(Direction):
    """Of a cell whose products use other weights than those that are learned."""

    def forward(self) -> Weights:
        """See :meth:`Direction.forward`."""
        given = super().forward()
        return Weights(*self.cell.derived(Parameters(*given[:3])), *given[3:])


def make_direction(cell: Cell, input_size: int, hidden_size: int, chrono: int | None = None) -> Direction:
    """New parameters for a cell."""
    return (DerivedDirection if cell.derives_weights else Direction)(cell, input_size, hidden_size, chrono)


def _reset(module: nn.Module, name: str, value: Tensor) -> None:
    """Gives a parameter a value, or what it is computed from where it was parametrized or pruned.

    Raises :class:`UsageError` where nobody knows how it is computed.
    """
    places = module._parameters.get(f"{name}_orig"), module._parameters.get(name), module._buffers.get(name)
    held = [tensor for tensor in places if tensor is not None]
    if is_parametrized(module, name):
        setattr(module, name, value)
    elif held:
        held[0].copy_(value)
    else:
        raise UsageError(f"{name} is no parameter any more, so it cannot begin anew; remove what computes it first")


def _is_hooked(inside: Mapping[str, Any]) -> bool:
    # Some wrappers put a function of their own into an instance.
    return bool(inside["_forward_pre_hooks"] or inside["_forward_hooks"] or "forward" in inside)


def _check_chrono(cell: Cell, chrono: int) -> None:
    if chrono < 2:
        raise UsageError(f"chrono is the longest memory in steps, 2 at least, not {chrono}")
    if not cell.memory_gates:
        raise UsageError(
            f"{type(cell).__name__} has no gate that chrono could set; leave it out, or take a cell such as lstm or gru"
        )


def step_tensors(layers: Iterable[nn.Module]) -> list[Tensor]:
    """The tensors of all directions, one after another, as :func:`~seqkit.kernels.packed.tensors_of` has them.

    Raises KeyError where a parameter has been replaced by something else; :func:`weights_of` knows what to do.
    """
    tensors: list[Tensor] = []
    for layer in layers:
        for each in layer._modules.values():
            # Looked up in dictionaries: an attribute of a module takes three times as long, and a step waits for ten.
            inside = each.__dict__
            if type(each) is Direction and not _is_hooked(inside):
                named = inside["_parameters"]
                tensors += (named["weight_x"], named["weight_h"], named["bias"])
                if named["bias_h"] is not None:
                    tensors.append(named["bias_h"])
                if inside["has_own"]:
                    tensors += _own_tensors(each)
            else:
                tensors += tensors_of([weights_of(cast(nn.Module, each))])
    return tensors


def _own_tensors(direction: Direction) -> list[Tensor]:
    """The cell's own parameters, in the order in which it declares them."""
    own = direction._modules["own"]
    if type(own) is nn.ParameterDict and not own._forward_pre_hooks:
        # Items of a ParameterDict are attributes of a module: to look up three of them takes 4 microseconds.
        named = own._parameters
        return [named[name] for name in own._keys]  # type: ignore[misc]
    return list(weights_of(direction).own.values())


def plain_weights(direction: nn.Module) -> Weights | None:
    """The parameters of a direction, if they are its weights and nothing is beside them."""
    return weights_of(direction) if type(direction) is Direction and direction.is_plain() else None


def weights_of(direction: nn.Module) -> Weights:
    """What a direction gives when it is called, be it parametrized, pruned, or wrapped in another module.

    Raises :class:`UsageError` for a module that gives no weights.
    """
    if type(direction) is Direction and direction.is_plain():
        # Looked up in the dictionary in 0.4 microseconds: as attributes of a module they take 3.5, and a whole step of
        # a small GRU takes 13.
        named = direction._parameters
        given = dict(direction.own.items()) if direction.has_own else {}
        return Weights(named["weight_x"], named["weight_h"], named["bias"], named["bias_h"], given)  # type: ignore[arg-type]
    found = _called(direction)
    if not isinstance(found, Weights):
        raise UsageError(
            f"{type(direction).__name__} stands in for a direction of a layer, but its call gives no weights; "
            "return those of a Direction from forward()"
        )
    return found


def _called(direction: nn.Module) -> Any:
    """What the call of a module without arguments gives; None of one that needs arguments, as other layers do."""
    if not callable(getattr(direction, "forward", None)):
        return None
    try:
        return direction()
    except TypeError:
        try:
            inspect.signature(direction.forward).bind()
        except TypeError:
            return None
        # Its own code is at fault.
        raise
