"""The recurrent network whose state is an average of what its inputs were mapped to."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class MinimalRNN(Cell):
    """The minimal network: inputs are mapped to points, and the state moves among them by one gate.

    With ``a = W_x x + b``::

        n = tanh(a)                          u = σ(U h + V n + c)
        h' = u ⊙ h + (1 - u) ⊙ n

    Shapes:
        x (B, H); r (B, 2·H), the products of h and of n; c (H); the state is ``h`` (B, H).

    Examples:
        The gate may depend on what comes as well as on what is there:

        >>> import torch
        >>> x, own = torch.tensor([[5.0]]), MinimalRNN().own_parameters(1)
        >>> for r in ([[20.0, 0.0]], [[0.0, -20.0]]):
        ...     print(MinimalRNN().step(x, torch.tensor(r), (torch.zeros(1, 1),), **own)[0])
        tensor([[0.]])
        tensor([[0.9999]])

    Use: where states should remain in the space that inputs are mapped to, so that they can be read.

    Source: Chen, "MinimalRNN: toward more interpretable and trainable recurrent neural networks", 2017
    (arXiv:1711.06788).
    """

    gate_names = ("n",)

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """Products of h and of n for the gate, which has no input part of its own."""
        return (("u",), ("v",))

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """The bias ``c`` of the gate (H)."""
        return {"c": torch.zeros(hidden_size)}

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``, then ``n``."""
        return state[0] if stage == 0 else tanh(x)

    def step(self, x: Tensor, r: Tensor, state: CellState, *, c: Tensor) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (n, u) = state, self.gates(x, r, state, c=c).values()
        return (u * h + (1 - u) * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState, *, c: Tensor) -> dict[str, Tensor]:
        """The values of n and u."""
        of_h, of_n = r.chunk(2, -1)
        return {"n": tanh(x), "u": sigmoid(of_h + of_n + c)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``u``."""
        return gates["u"]
