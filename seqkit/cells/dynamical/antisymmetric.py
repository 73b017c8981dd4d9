"""The recurrent network of a stable differential equation."""

from __future__ import annotations

from torch import Tensor, tanh

from seqkit.cells.base import Cell, CellState, Parameters


class AntisymmetricRNN(Cell):
    """The antisymmetric network: a small step along a differential equation that neither explodes nor vanishes.

    With ``a = W_x x + b`` and ``M = W_h - W_hᵀ``::

        h' = h + epsilon tanh(a + M h - gamma h)

    M h turns h without making it longer or shorter; gamma makes it a little shorter, which keeps the discrete steps
    stable. The network learns W_h.

    Args:
        epsilon: the length of a step, above 0.
        gamma: the strength of the diffusion, at least 0.

    Shapes:
        x, r (B, H); the state is ``h`` (B, H).

    Examples:
        Without input, a state of two units goes round in a circle, here by the product r = (-h_2, h_1):

        >>> import torch
        >>> h, cell = torch.tensor([[0.1, 0.0]]), AntisymmetricRNN(epsilon=0.01, gamma=0.0)
        >>> for _ in range(157):
        ...     (h,) = cell.step(torch.zeros(1, 2), torch.stack([-h[:, 1], h[:, 0]], 1), (h,))
        >>> h
        tensor([[0.0005, 0.1008]])

    Use: for long sequences, with few weights; the paper has sequences of pixels.

    Source: Chang et al., "AntisymmetricRNN: a dynamical system view on recurrent neural networks", 2019
    (arXiv:1902.09689), equation 9.
    """

    gate_names = ("n",)
    derives_weights = True

    def __init__(self, epsilon: float = 0.1, gamma: float = 0.1) -> None:
        self.epsilon = epsilon
        self.gamma = gamma

    def derived(self, parameters: Parameters) -> Parameters:
        """``M`` in place of ``W_h``."""
        weight = parameters.weight_h
        return parameters._replace(weight_h=weight - weight.T)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equation is the class's."""
        (h,) = state
        return (h + self.epsilon * tanh(x + r - self.gamma * h),)
