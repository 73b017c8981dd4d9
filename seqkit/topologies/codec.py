"""What stands between people's inputs and a head: items, batches, and what was learned to make them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from torch import nn

from seqkit.data import DataError, Vocabulary
from seqkit.data.normal_forms import canonical
from seqkit.devices import device_of, placed

E = TypeVar("E")
"""An example"""
I = TypeVar("I")  # noqa: E741
"""An item: one input as numbers, with its target where that is known"""
B = TypeVar("B")
"""A batch of items"""


class EncodingReport(NamedTuple):
    """How a codec reads an input."""

    symbols: int
    """Symbols that the input has"""
    cut: int
    """Those at its end that are left out, because the input is longer than the model was made for"""
    unknown: Sequence[str]
    """Those of the others that training has not seen"""


class Codec(ABC, Generic[E, I, B]):
    """Inputs to batches, outputs to what people read: learned on the training split, saved beside the model.

    Generic in the examples E that it takes targets from, its items I and its batches B.
    """

    @abstractmethod
    def encode(self, raw: Any, example: E | None = None) -> I:
        """One input as an item for :meth:`collate`; with the example it comes from, its target goes along."""

    @abstractmethod
    def length(self, item: I) -> int:
        """The number of steps that an item takes."""

    @abstractmethod
    def collate(self, items: Sequence[I]) -> B:
        """A batch of items; it has targets if every item has."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """File name to content, from which the task makes the codec again."""

    def encoding_report(self, raw: Any, example: E | None = None) -> EncodingReport | None:
        """How an input is read, that of an example with its target; None: all of it, symbol by symbol."""
        return None

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the embeddings of the head read, by their name in it: ``{"encoder.embedding": vocabulary}``."""
        return {}

    def output_labels(self) -> Mapping[str, Sequence[str]]:
        """What each output of a layer of the head is a score of, by the layer's name: ``{"output": labels}``."""
        return {}


def batch_for(head: nn.Module, codec: Codec[Any, I, B], items: Sequence[I]) -> B:
    """A batch of items on the device of a head."""
    return placed(codec.collate(items), device_of(head))


def read_labels(value: Any) -> tuple[str, ...]:
    """The content of ``labels.json``; raises :class:`DataError` for anything but a list of texts."""
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise DataError("labels.json must be a list of texts; restore it from a backup")
    labels = tuple(map(canonical, value))
    # Runs that are older than normal forms have labels as their data had them, and perhaps one in two forms.
    return labels if len({*labels}) == len({*value}) else tuple(value)
