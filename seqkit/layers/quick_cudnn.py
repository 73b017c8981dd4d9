"""Calls of a recurrent layer on an NVIDIA GPU that cuDNN can do at once, with as little before them as can be.

Nothing is checked here beyond what decides that: where a call is not of that kind, or does not fit, there is no result,
and the ordinary way finds out what is wrong and says so. B batch, T time, I inputs, L layers, D directions, H hidden
units.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor

from seqkit.errors import UsageError
from seqkit.kernels import Cudnn, Weights, runs_as_written
from seqkit.layers.direction import step_tensors
from seqkit.layers.layer import RecurrentLayer
from seqkit.layers.state import State

_KERNELS = ("auto", "cudnn", "torch")
"""Under which names cuDNN may run"""


def quick_cudnn(layer: RecurrentLayer, x: Tensor, state: State | None) -> tuple[Tensor, State] | None:
    """All layers over x (B, T, I), of one length each; None where it is not that."""
    # Looked up in the dictionary: an attribute of a module takes three times as long.
    own = layer.__dict__
    if own["kernel"] not in _KERNELS or not Cudnn.knows(own["cell"]) or not _runs_at_once(layer):
        return None
    if not runs_as_written() or not torch._C._get_cudnn_enabled() or torch.is_autocast_enabled("cuda"):
        return None
    layers, cell, names = own["_modules"]["layers"]._modules, own["cell"], own["cell"].state_names
    try:
        tensors = step_tensors(layers.values())
        joined = own["_memory"][-1].joined(cell, len(layers), tensors, lambda: _checked(layer))
        if x.dim() != 3 or x.shape[2] != own["input_size"] or not x.numel():
            return None
        wanted = x.shape[0], joined.layers * joined.directions, joined.hidden
        given = [None, None] if state is None else [*(state[name] for name in names), None][:2]
        if any(t.dtype != x.dtype or t.device != x.device for t in (tensors[0], *given) if t is not None):
            return None
        if any(t.shape != wanted for t in given if t is not None):
            return None
        out, final = joined.run(x, (given[0], given[1]), own["precision"] == "bf16")
    except (RuntimeError, LookupError, TypeError, AttributeError, UsageError):
        return None
    return out, State(zip(names, final, strict=True))


def _runs_at_once(layer: RecurrentLayer) -> bool:
    """Whether nothing happens in a layer or between two that cuDNN does not do."""
    own = layer.__dict__
    several = len(own["_modules"]["layers"]._modules) > 1
    if own["training"] and (layer.draws or (several and own["dropout"])):
        return False
    return not (several and own["residual"])


def _checked(layer: RecurrentLayer) -> list[Weights]:
    """The weights of all layers; raises :class:`UsageError` for sizes that do not fit."""
    layers = layer._layers()
    return list(chain.from_iterable(layer._weights(layers, number) for number in range(len(layers))))
