"""The state of a stream as arrays, which :mod:`seqkit.answers.streams` carries, and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from seqkit.layers import State


def as_arrays(state: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The tensors of a state, on the CPU."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in state.items()}


def as_state(arrays: Mapping[str, np.ndarray], device: torch.device) -> State:
    """The state of these arrays, with tensors of its own."""
    return State({name: torch.tensor(array, device=device) for name, array in arrays.items()})
