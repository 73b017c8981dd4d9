"""The antisymmetric network with a gate on its steps."""

from __future__ import annotations

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, Parameters


class GatedAntisymmetricRNN(Cell):
    """The antisymmetric network whose units choose the length of each step by a gate of the same product.

    With ``a = W_x x + b`` for the gate and the candidate, and ``M = W_h - W_hᵀ``::

        q = M h - gamma h                 z = σ(a_z + q)
        h' = h + epsilon z ⊙ tanh(a_n + q)

    Args:
        epsilon: the length of the longest step, above 0.
        gamma: the strength of the diffusion, at least 0.

    Shapes:
        x (B, 2·H) in the order n, z; r (B, H); the state is ``h`` (B, H).

    Examples:
        A closed gate leaves the state where it is:

        >>> import torch
        >>> GatedAntisymmetricRNN().step(torch.tensor([[5.0, -20.0]]), torch.zeros(1, 1), (torch.full((1, 1), 0.3),))
        (tensor([[0.3000]]),)

    Use: as the antisymmetric network, where not every input counts.

    Source: Chang et al., "AntisymmetricRNN: a dynamical system view on recurrent neural networks", 2019
    (arXiv:1902.09689), equations 11 and 12.
    """

    gate_names = ("n", "z")
    derives_weights = True

    def __init__(self, epsilon: float = 0.1, gamma: float = 0.1) -> None:
        self.epsilon = epsilon
        self.gamma = gamma

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The gate shares the candidate's product."""
        return (("n",),)

    def derived(self, parameters: Parameters) -> Parameters:
        """``M`` in place of ``W_h``."""
        weight = parameters.weight_h
        return parameters._replace(weight_h=weight - weight.T)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), gates = state, self.gates(x, r, state)
        return (h + self.epsilon * gates["z"] * gates["n"],)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of n and z."""
        (h,), (n, z) = state, x.chunk(2, -1)
        q = r - self.gamma * h
        return {"n": tanh(n + q), "z": sigmoid(z + q)}
