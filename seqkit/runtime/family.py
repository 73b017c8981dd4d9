"""What every family of models answers, so that whoever asks need not know which it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from inspect import signature
from typing import Any

from seqkit.answers.sampling import Sampling
from seqkit.errors import UsageError
from seqkit.runtime.manifest import Opened
from seqkit.runtime.parts import Part


class Family(ABC):
    """Models that read the same kind of input and give the same kind of answer.

    Args:
        opened: the folder.
        parts: its ONNX files, by name.
    """

    def __init__(self, opened: Opened, parts: Mapping[str, Part]) -> None:
        self.name, self.parts, self.settings = opened.task, parts, opened.settings

    labels: Sequence[str] = ()
    """What answers say, where they are labels"""
    generates = False
    """Whether it continues texts"""
    backward = False
    """Whether a text is written before its prompt, from its end"""
    is_single = False
    """Whether it has one answer alone to an input"""

    @property
    def input_reader(self) -> Any:
        """What is learned to read inputs."""
        return vars(self)["reader"]

    @abstractmethod
    def encode(self, raw: Any) -> Any:
        """One input as an item; raises :class:`SeqkitError` for what cannot be read."""

    def encode_many(self, inputs: Sequence[Any]) -> list[Any]:
        """:meth:`encode` of each; a subclass may do it in less time."""
        return [self.encode(raw) for raw in inputs]

    def length(self, item: Any) -> int:
        """The number of steps that an item takes."""
        return 1

    @abstractmethod
    def predict(self, items: Sequence[Any]) -> list[Any]:
        """The answers to a batch of items; a subclass may take options by name."""

    @property
    def prediction_options(self) -> list[str]:
        """The options that :meth:`predict` takes."""
        entries = signature(self.predict).parameters.values()
        return [entry.name for entry in entries if entry.kind is entry.KEYWORD_ONLY]

    def probabilities(self, prediction: Any) -> dict[str, float] | None:
        """The probability of every label; None where predictions have none."""
        return None

    def parse_input(self, text: str) -> Any:
        """The input that a typed text means: itself, or the file that it names."""
        return text

    def format_prediction(self, prediction: Any) -> tuple[str, dict[str, Any]]:
        """A prediction as a line of text and as JSON."""
        formatted: tuple[str, dict[str, Any]] = prediction.formatted()
        return formatted

    def generate(self, prompt: str, sampling: Sampling, notes: list[str]) -> Iterator[str]:
        """The text that follows a prompt, piece by piece."""
        raise UsageError(f"a {self.name} model does not continue a text; use predict")

    def open_stream(self) -> Any:
        """Predictions while a sequence arrives: ``push(line)`` and ``finish()``."""
        raise UsageError(f"a {self.name} model reads whole inputs, not a stream")
