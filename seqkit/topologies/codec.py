"""What lies between users' inputs and a head: items, batches, and what was learned to make them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, Generic, NamedTuple, TypeVar

from torch import nn

from seqkit.data import Vocabulary
from seqkit.data.inputs.labels import read_labels
from seqkit.devices import device_of, placed

__all__ = ["Codec", "EncodingReport", "batch_for", "read_labels"]

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
    """Those at its end that are skipped, because the input is longer than the model was made for"""
    unknown: Sequence[str]
    """Those of the others that training has not seen"""


class Codec(ABC, Generic[E, I, B]):
    """Inputs to batches, outputs to what people read: learned on the training split, saved beside the model.

    Generic in the examples E that it takes targets from, its items I and its batches B.
    """

    @abstractmethod
    def encode(self, raw: Any, example: E | None = None) -> I:
        """One input as an item for :meth:`collate`; with the example it comes from, its target goes along."""

    def encode_many(self, inputs: Sequence[Any], examples: Sequence[E] | None = None) -> list[I]:
        """:meth:`encode` of each; a subclass may do it in less time."""
        known: Iterable[E | None] = repeat(None) if examples is None else examples
        return [self.encode(raw, example) for raw, example in zip(inputs, known, strict=False)]

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
