"""The LSTM whose input and state change each other before each step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState

_ROUNDS = 5


class MogrifierLSTM(Cell):
    """Long short-term memory with mogrification: input and state gate each other for five rounds before the step.

    With ``v = W_x x + b``, and then in turns::

        v = 2 σ(Q_1 h) ⊙ v    h = 2 σ(R_2 v) ⊙ h    v = 2 σ(Q_3 h) ⊙ v
        h = 2 σ(R_4 v) ⊙ h          v = 2 σ(Q_5 h) ⊙ v
        a = W v + U h + b_a for each gate
        i, f, o = σ(a_i), σ(a_f), σ(a_o)       g = tanh(a_g)
        c' = f ⊙ c + i ⊙ g                     h' = o ⊙ tanh(c')

    v stands for the input itself, which has another size in general. Q and R are full matrices.

    Shapes:
        x (B, H); r (B, 13·H), of Q_1 to Q_5 in turns, of U and of W; b_i, b_f, b_g, b_o (H); the state is ``h`` and
        ``c``, (B, H) each.

    Examples:
        Where all products are 0, the rounds change nothing, and the gates are those of their biases:

        >>> import torch
        >>> own, state = MogrifierLSTM().own_parameters(1), (torch.ones(1, 1), torch.ones(1, 1))
        >>> [round(each.item(), 4) for each in MogrifierLSTM().step(torch.ones(1, 1), torch.zeros(1, 13), state, **own)]
        [0.3119, 0.7311]

    Use: for language models of small data, where an LSTM's reading of a word should depend on its context.

    Source: Melis, Kočiský and Blunsom, "Mogrifier LSTM", 2020 (arXiv:1909.01792).
    """

    gate_names = ("v",)
    state_names = ("h", "c")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """Five rounds, then the gates' products of h and of v; none has an input part."""
        rounds = tuple((f"{'rq'[number % 2]}{number}",) for number in range(1, _ROUNDS + 1))
        return (*rounds, ("u_i", "u_f", "u_g", "u_o"), ("w_i", "w_f", "w_g", "w_o"))

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """The biases of the gates, (H) each; that of the forget gate starts at 1."""
        return {f"b_{gate}": torch.full((hidden_size,), float(gate == "f")) for gate in "ifgo"}

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h`` and ``v`` in turns, as far as they are changed by then; for the gates ``h``, then ``v``."""
        h, v = _mogrified(x, r, state[0], min(stage, _ROUNDS))
        return v if stage in (1, 3, _ROUNDS + 1) else h

    def step(self, x: Tensor, r: Tensor, state: CellState, **own: Tensor) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        _, i, f, g, o = self.gates(x, r, state, **own).values()
        c = f * state[1] + i * g
        return o * tanh(c), c

    def gates(self, x: Tensor, r: Tensor, state: CellState, **own: Tensor) -> dict[str, Tensor]:
        """The values of v after all rounds, and of i, f, g and o."""
        hidden = state[0].shape[-1]
        of_h, of_v = r[..., _ROUNDS * hidden :].chunk(2, -1)
        parts = zip((of_h + of_v).chunk(4, -1), own.values(), strict=True)
        i, f, g, o = (part + bias for part, bias in parts)
        v = _mogrified(x, r, state[0], _ROUNDS)[1]
        return {"v": v, "i": sigmoid(i), "f": sigmoid(f), "g": tanh(g), "o": sigmoid(o)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]


def _mogrified(v: Tensor, r: Tensor, h: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """h and v after so many rounds."""
    hidden = h.shape[-1]
    for number in range(rounds):
        gate = 2 * sigmoid(r[..., number * hidden : (number + 1) * hidden])
        if number % 2:
            h = gate * h
        else:
            v = gate * v
    return h, v
