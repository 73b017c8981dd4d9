"""The LSTM whose recurrent weights depend on the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class MultiplicativeLSTM(Cell):
    """Long short-term memory with a transition for each input: the recurrent product depends on what is read.

    With ``a = W_x x + b`` for each gate::

        m = a_m ⊙ (U_m h)
        i, f, o = σ(a_i + U_i m), σ(a_f + U_f m), σ(a_o + U_o m)      g = tanh(a_g + U_g m)
        c' = f ⊙ c + i ⊙ g                                            h' = o ⊙ tanh(c')

    The forget gate's bias starts at 1.

    Shapes:
        x, r (B, 5·H) in the order m, i, f, g, o; the state is ``h`` and ``c``, (B, H) each.

    Examples:
        The factor of the recurrent weights is the product of what input and state say:

        >>> import torch
        >>> x, state = torch.tensor([[3.0, 0.0, 0.0, 0.0, 0.0]]), (torch.ones(1, 1), torch.zeros(1, 1))
        >>> MultiplicativeLSTM().operand(1, x, torch.tensor([[0.5]]), state)
        tensor([[1.5000]])

    Use: for language models of letters and bytes, where the next transition depends on the letter.

    Source: Krause et al., "Multiplicative LSTM for sequence modelling", 2016 (arXiv:1609.07959).
    """

    gate_names = ("m", "i", "f", "g", "o")
    state_names = ("h", "c")
    initial_bias: ClassVar[Mapping[str, float]] = {"f": 1.0}

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The gates' product has to wait for m."""
        return (("m",), ("i", "f", "g", "o"))

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        (_, c), (_, i, f, g, o) = state, self.gates(x, r, state).values()
        c = f * c + i * g
        return o * tanh(c), c

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of m, i, f, g and o."""
        _, i, f, g, o = (x + r).chunk(5, -1)
        m = self.operand(1, x, r, state)
        return {"m": m, "i": sigmoid(i), "f": sigmoid(f), "g": tanh(g), "o": sigmoid(o)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for the gates ``m``."""
        h, _ = state
        hidden = h.shape[-1]
        return h if stage == 0 else x[..., :hidden] * r[..., :hidden]
