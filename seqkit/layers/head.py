"""The contract of a task head: from layer outputs to a loss and to predictions."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from torch import Tensor, nn

from seqkit.errors import UsageError

T = TypeVar("T")


class Loss(NamedTuple):
    """A sum over a batch and the number of its items, divided once at the end: padding and batch size never bias it."""

    sum: Tensor
    count: float | Tensor  # type: ignore[assignment]  # it hides tuple.count, which nobody calls
    """On a GPU it may be a tensor, that of :func:`count_of`"""
    carried: Mapping[str, Tensor] | None = None
    """Where the next batch of the epoch starts, detached from the graph: the state of a recurrent layer"""
    items: int | None = None
    """The number of items, where ``count`` is the sum of their weights"""

    @property
    def mean(self) -> Tensor:
        """The average loss of an item."""
        count = self.count
        return self.sum / (count.clamp(min=1) if isinstance(count, Tensor) else count or 1)


def count_of(counted: Tensor) -> int | Tensor:
    """How many are True; a number on the CPU, and elsewhere a tensor of none that no step has to wait for."""
    total = counted.sum()
    return int(total) if counted.is_cpu else total


class Head(nn.Module, ABC):
    """A model for one task: it holds its encoder (or decoder), scores a batch and predicts."""

    @abstractmethod
    def loss(self, batch: Any) -> Loss:
        """The loss of a batch with targets."""

    @abstractmethod
    def predict(self, batch: Any) -> list[Any]:
        """One prediction for each row of the batch, in order; a head names its options as keyword arguments."""

    def storeys(self) -> list[list[nn.Parameter]]:
        """Its parameters from the output down to the embeddings: what reads the layer below comes first.

        On top is all that is neither a recurrent layer nor an embedding, then come recurrent layers from the last to
        the first, then embeddings. A head of another build says its own.
        """
        found: dict[int, list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            found.setdefault(_height(name), []).append(parameter)
        return [found[height] for height in sorted(found, reverse=True)]


_LAYER = re.compile(r"(?:^|\.)recurrent\.layers\.(\d+)\.")
_TOP = 2**31
"""Above any recurrent layer"""


def _height(name: str) -> int:
    """Of a parameter by its name: -1 for embeddings, the number of a recurrent layer, and above those the rest."""
    if "embedding" in name.split("."):
        return -1
    layer = _LAYER.search(name)
    return int(layer[1]) if layer else _TOP


def require_targets(targets: T | None) -> T:
    """The targets of a batch; raises :class:`UsageError` where it has none."""
    if targets is None:
        raise UsageError("the batch has no targets; collate examples that have them")
    return targets
