"""The contract of a task head: layer outputs to a loss and to predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from torch import Tensor, nn

from seqkit.errors import UsageError

T = TypeVar("T")


class Loss(NamedTuple):
    """A sum over a batch and what it counts, normalised once: padding and batch size never bias it."""

    sum: Tensor
    count: float  # type: ignore[assignment]  # it hides tuple.count, which nobody calls
    carried: Mapping[str, Tensor] | None = None
    """What the next batch of the epoch starts from, cut from the graph: the state of a recurrent layer"""
    items: int | None = None
    """How many items there are, where ``count`` is the sum of their weights"""

    @property
    def mean(self) -> Tensor:
        """The loss of one item."""
        return self.sum / (self.count or 1)


class Head(nn.Module, ABC):
    """A model for one task: it holds its encoder (or decoder), scores a batch and predicts."""

    @abstractmethod
    def loss(self, batch: Any) -> Loss:
        """The loss of a batch with targets."""

    @abstractmethod
    def predict(self, batch: Any) -> list[Any]:
        """One prediction for each row of the batch, in its order; heads name further options one by one."""


def require_targets(targets: T | None) -> T:
    """The targets of a batch; raises :class:`UsageError` where it has none."""
    if targets is None:
        raise UsageError("the batch has no targets; make it of examples that have them")
    return targets
