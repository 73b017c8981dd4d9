"""The LSTM with a way past its memory, from one layer to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class ResidualLSTM(Cell):
    """The residual LSTM: its output is a projection of its memory plus its input, behind one gate.

    With ``a = W_x x + U h + b`` for each gate, and ``a_s = W_s x + b_s``::

        i, f, o = σ(a_i), σ(a_f), σ(a_o)         g = tanh(a_g)
        c' = f ⊙ c + i ⊙ g
        h' = o ⊙ (W_p tanh(c') + a_s)

    a_s stands for the input itself, which has another size in general. The paper's gates have peepholes, too.

    Shapes:
        x (B, 5·H) in the order i, f, g, o, s; r (B, 5·H) in the order i, f, g, o, p; the state is ``h`` and ``c``,
        (B, H) each.

    Examples:
        What is read goes past an empty memory:

        >>> import torch
        >>> x, zero = torch.tensor([[-20.0, 20.0, 0.0, 20.0, 0.5]]), torch.zeros(1, 1)
        >>> ResidualLSTM().step(x, torch.zeros(1, 5), (zero, zero))[0]
        tensor([[0.5000]])

    Use: in stacks of three layers and more; the paper has ten, for speech.

    Source: Kim, El-Khamy and Lee, "Residual LSTM: design of a deep recurrent architecture for distant speech
    recognition", 2017 (arXiv:1701.03360).
    """

    gate_names = ("i", "f", "g", "o", "s")
    state_names = ("h", "c")
    initial_bias: ClassVar[Mapping[str, float]] = {"f": 1.0}
    memory_gates: ClassVar[Mapping[str, int]] = {"f": 1, "i": -1}

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The gates' product, then the projection, which has no input part; s is the input alone."""
        return (("i", "f", "g", "o"), ("p",))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for the projection ``tanh(c')``."""
        return state[0] if stage == 0 else tanh(self._written(x, r, state))

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        gates, hidden = self.gates(x, r, state), state[0].shape[-1]
        return gates["o"] * (r[..., 4 * hidden :] + gates["s"]), self._written(x, r, state)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i, f, g, o and s."""
        rows = 4 * state[0].shape[-1]
        i, f, g, o = (x[..., :rows] + r[..., :rows]).chunk(4, -1)
        return {"i": sigmoid(i), "f": sigmoid(f), "g": tanh(g), "o": sigmoid(o), "s": x[..., rows:]}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]

    def _written(self, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """The new ``c``."""
        i, f, g, _, _ = self.gates(x, r, state).values()
        return f * state[1] + i * g
