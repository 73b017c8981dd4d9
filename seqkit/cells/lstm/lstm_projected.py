"""The LSTM with a memory larger than its output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState
from seqkit.errors import UsageError

_MEMORY = 2


def _gates(memory: int) -> tuple[str, ...]:
    return tuple(f"{gate}{number}" for gate in "ifgo" for number in range(1, memory + 1))


class ProjectedLSTM(Cell):
    """Long short-term memory with a projection (LSTMP): a memory larger than the output, to which a matrix leads back.

    With ``a = W_x x + U h + b`` for each gate, all of the memory's size::

        i, f, o = σ(a_i), σ(a_f), σ(a_o)      g = tanh(a_g)
        c' = f ⊙ c + i ⊙ g                    h' = P (o ⊙ tanh(c'))

    The layer's ``hidden_size`` is the size H of h; c has ``memory`` times as many units, side by side in states of H
    each, and P is as many matrices. torch's ``LSTM(input_size, memory * H, proj_size=H)`` is the same layer.

    Args:
        memory: units of c for each unit of h, 1 at least.

    Shapes:
        x (B, 4·memory·H) in the order i, f, g, o; r (B, 5·memory·H), with the projection's products behind; the state
        is ``h`` and ``c1``, ``c2``, ..., (B, H) each.

    Examples:
        What is given out is what the projection makes of the whole memory:

        >>> import torch
        >>> x, r = torch.zeros(1, 8), torch.tensor([[0.0] * 8 + [0.25, 0.5]])
        >>> ProjectedLSTM().step(x, r, (torch.zeros(1, 1),) * 3)
        (tensor([[0.7500]]), tensor([[0.]]), tensor([[0.]]))

    Use: for large memories in speech and language models, where products of h would cost most of the time.

    Source: Sak, Senior and Beaufays, "Long short-term memory based recurrent neural network architectures for large
    vocabulary speech recognition", 2014 (arXiv:1402.1128).
    """

    gate_names = _gates(_MEMORY)
    state_names = ("h", *(f"c{number}" for number in range(1, _MEMORY + 1)))
    initial_bias: ClassVar[Mapping[str, float]] = {f"f{number}": 1.0 for number in range(1, _MEMORY + 1)}
    memory_gates: ClassVar[Mapping[str, int]] = {}

    def __init__(self, memory: int = _MEMORY) -> None:
        if memory < 1:
            raise UsageError(f"memory must be 1 or more, not {memory}")
        self.memory = memory
        self.gate_names = _gates(memory)  # type: ignore[misc]
        self.state_names = ("h", *(f"c{number}" for number in range(1, memory + 1)))  # type: ignore[misc]
        self.initial_bias = {f"f{number}": 1.0 for number in range(1, memory + 1)}  # type: ignore[misc]

    @property
    def options(self) -> dict[str, Any]:
        """``memory``."""
        return {"memory": self.memory}

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The gates' product of h, then one for each piece of the memory, without an input part."""
        return (self.gate_names, *((f"p{number}",) for number in range(1, self.memory + 1)))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for the projection a piece of ``o ⊙ tanh(c')``."""
        if stage == 0:
            return state[0]
        _, _, _, o = self._chunks(x, r)
        return sigmoid(o[stage - 1]) * tanh(self._memory_after(x, r, state)[stage - 1])

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and the pieces of ``c``; the equations are the class's."""
        projected = r[..., x.shape[-1] :].chunk(self.memory, -1)
        return (sum(projected[1:], projected[0]), *self._memory_after(x, r, state))

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i, f, g and o, of each piece of the memory."""
        i, f, g, o = self._chunks(x, r)
        values = [*map(sigmoid, i), *map(sigmoid, f), *map(tanh, g), *map(sigmoid, o)]
        return dict(zip(self.gate_names, values, strict=True))

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """The average of ``f`` over the pieces of the memory."""
        return torch.stack([gates[f"f{number}"] for number in range(1, self.memory + 1)]).mean(0)

    def _chunks(self, x: Tensor, r: Tensor) -> list[tuple[Tensor, ...]]:
        sums = x + r[..., : x.shape[-1]]
        return [gate.chunk(self.memory, -1) for gate in sums.chunk(4, -1)]

    def _memory_after(self, x: Tensor, r: Tensor, state: CellState) -> list[Tensor]:
        i, f, g, _ = self._chunks(x, r)
        return [
            sigmoid(forget) * c + sigmoid(write) * tanh(new)
            for write, forget, new, c in zip(i, f, g, state[1:], strict=True)
        ]
