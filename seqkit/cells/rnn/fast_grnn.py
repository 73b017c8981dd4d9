"""The gated cell that shares its weights between gate and candidate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class FastGRNN(Cell):
    """The gated network of FastRNN: gate and candidate share both products and differ in their bias alone.

    With ``a = W_x x + W_h h + b``::

        z, n = σ(a), tanh(a + d)          h' = (σ(zeta) ⊙ (1 - z) + σ(nu)) ⊙ n + z ⊙ h

    ``d`` is the candidate's bias less the gate's. The paper learns one zeta and one nu for a layer, here each unit has
    its own. They start at 1 and -4 and both biases at 1, as in the authors' code.

    Shapes:
        x, r (B, H); d, zeta, nu (H); the state is ``h`` (B, H).

    Examples:
        An open gate keeps the state and still takes in σ(nu) of the candidate:

        >>> import torch
        >>> own = FastGRNN().own_parameters(1)
        >>> FastGRNN().step(torch.tensor([[30.0]]), torch.zeros(1, 1), (torch.zeros(1, 1),), **own)
        (tensor([[0.0180]]),)

    Use: on small devices: as many weights as a simple recurrent network, and a gate.

    Source: Kusupati et al., "FastGRNN", 2018 (arXiv:1901.02358); without its low rank and sparsity.
    """

    gate_names = ("z",)
    initial_bias: ClassVar[Mapping[str, float]] = {"z": 1.0}

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """``d``, ``zeta`` and ``nu``, (H) each."""
        starts = {"d": 0.0, "zeta": 1.0, "nu": -4.0}
        return {name: torch.full((hidden_size,), start) for name, start in starts.items()}

    def step(self, x: Tensor, r: Tensor, state: CellState, *, d: Tensor, zeta: Tensor, nu: Tensor) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), a = state, x + r
        z = sigmoid(a)
        return ((sigmoid(zeta) * (1 - z) + sigmoid(nu)) * tanh(a + d) + z * h,)

    def gates(
        self, x: Tensor, r: Tensor, state: CellState, *, d: Tensor, zeta: Tensor, nu: Tensor
    ) -> dict[str, Tensor]:
        """The values of z and n."""
        return {"z": sigmoid(x + r), "n": tanh(x + r + d)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``z``."""
        return gates["z"]
