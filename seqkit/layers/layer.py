"""What the parts of a recurrent layer need to know of it: its sizes, its options, and what it keeps between calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor, nn

from seqkit.cells import Cell
from seqkit.kernels import OnePiece, PackedStack, Weights
from seqkit.layers.direction import Direction
from seqkit.layers.learned import LearnedState
from seqkit.layers.noise import Noise
from seqkit.layers.state import State


class RecurrentLayer(Protocol):
    """A :class:`~seqkit.layers.recurrent.Recurrent`, whose docstring says what each of these is."""

    cell: Cell
    input_size: int
    hidden_size: int
    bidirectional: bool
    dropout: float
    weight_dropout: float
    recurrent_dropout: float
    variational_dropout: float
    residual: bool
    kernel: str
    precision: str
    training: bool
    initial: LearnedState | None
    noise: Noise
    _modules: dict[str, nn.Module | None]
    _packed: PackedStack
    _memory: dict[int, OnePiece]

    @property
    def num_layers(self) -> int:
        """L."""
        ...

    @property
    def num_directions(self) -> int:
        """D."""
        ...

    @property
    def draws(self) -> bool:
        """Whether training draws numbers, other than between layers."""
        ...

    def _layers(self) -> list[list[nn.Module]]: ...

    def _weights(self, layers: list[list[nn.Module]], number: int) -> list[Weights]: ...

    def _in_own_dtype(self, x: Tensor, state: State | None) -> tuple[Tensor, State | None]: ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """All that is learned."""
        ...

    def directions(self) -> Iterator[Direction]:
        """The parameters of each layer and direction."""
        ...
