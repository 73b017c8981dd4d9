"""The LSTM of which only the forget gate is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class JANET(Cell):
    """Just another network: an LSTM with nothing but its forget gate, and without the tanh before the output.

    With ``a = W_x x + W_h h + b`` for each gate::

        f, n = σ(a_f), tanh(a_n)          i = 1 - σ(a_f - beta)
        h' = f ⊙ h + i ⊙ n

    With beta above 0 a unit takes in a little more than it forgets. The paper draws the gate's bias from the logarithm
    of the lengths that it expects; here it starts at 1, as the forget bias of our LSTM does.

    Args:
        beta: how far the input gate's threshold lies above that of the forget gate.

    Shapes:
        x, r (B, 2·H) in the order f, n; the state is ``h`` (B, H).

    Examples:
        A half-open gate keeps half and takes in σ(beta) of the candidate, tanh(20) = 1:

        >>> import torch
        >>> x, r, h = torch.tensor([[0.0, 20.0]]), torch.zeros(1, 2), torch.ones(1, 1)
        >>> [JANET(beta).step(x, r, (h,)) for beta in (0.0, 1.0)]
        [(tensor([[1.]]),), (tensor([[1.2311]]),)]

    Use: for long dependencies at half of an LSTM's weights.

    Source: van der Westhuizen and Lasenby, "The unreasonable effectiveness of the forget gate", 2018
    (arXiv:1804.04849).
    """

    gate_names = ("f", "n")
    initial_bias: ClassVar[Mapping[str, float]] = {"f": 1.0}
    memory_gates: ClassVar[Mapping[str, int]] = {"f": 1}

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (a_f, a_n) = state, (x + r).chunk(2, -1)
        return (sigmoid(a_f) * h + (1 - sigmoid(a_f - self.beta)) * tanh(a_n),)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of f and n."""
        f, n = (x + r).chunk(2, -1)
        return {"f": sigmoid(f), "n": tanh(n)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]
