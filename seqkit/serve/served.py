"""The seam between HTTP and models: what a service asks of a model, whether it is a run or what was exported of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from seqkit.answers.streams import StreamedText
from seqkit.errors import UsageError
from seqkit.serve.inputs import Inputs
from seqkit.serve.limits import Limits
from seqkit.serve.options import AnswerOptions
from seqkit.serve.problem import Problem


class Served(Protocol):
    """What answers: a run, or what was exported of one. All but the facts is asked from one thread."""

    version: str
    """Another one where an answer could be another"""

    def facts(self) -> dict[str, Any]:
        """What people and the page should know: task, kind of inputs, labels, what else it can do."""
        ...

    def input_schema(self) -> dict[str, Any]:
        """The JSON schema of an input."""
        ...

    def option_schemas(self) -> dict[str, Any]:
        """The JSON schema of each option of an answer."""
        ...

    def prepare(self, value: Any) -> Any | None:
        """An input as the model reads it, None of one with nothing in it; raises an error with a sentence."""
        ...

    def checked_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options, if they can be."""
        ...

    def answer(self, items: Sequence[Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """An answer for each of what :meth:`prepare` gave, batched by length."""
        ...

    def generate(self, prompt: str, options: Mapping[str, Any], notes: list[str]) -> Iterator[str]:
        """The text after a prompt, piece by piece."""
        ...

    def stream(self) -> Any:
        """A new stream, see :class:`~seqkit.answers.streams.MovableStream`."""
        ...

    def streamed(self, prediction: Any) -> dict[str, Any]:
        """What a stream has settled, as JSON."""
        ...

    def step(self, value: Any) -> Any:
        """A step of a stream as the stream reads it."""
        ...

    def explain(self, value: Any, units: bool) -> dict[str, Any]:
        """What happens inside with one input: influence, attention and gates."""
        ...


class ServedModel(ABC):
    """What all models have in common that answer requests: inputs, options and limits.

    Args:
        version: see :class:`Served`.
        limits: what requests may take.
        inputs: how they are written.
        options: those that an answer takes.
    """

    def __init__(self, version: str, limits: Limits, inputs: Inputs, options: AnswerOptions) -> None:
        self.version, self.limits, self.inputs, self.options = version, limits, inputs, options

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """Task, topology, summary and labels, whether it ``generates`` and ``explains``."""

    @abstractmethod
    def encoded(self, raw: Any) -> tuple[Any, int]:
        """An input as an item, and its number of steps."""

    @abstractmethod
    def written(self, prompt: str, options: Mapping[str, Any], notes: list[str]) -> Iterator[str]:
        """The text after a prompt; raises :class:`UsageError` for a model that writes none."""

    @abstractmethod
    def stream(self) -> Any:
        """See :class:`Served`."""

    @abstractmethod
    def formatted(self, prediction: Any) -> dict[str, Any]:
        """A prediction as JSON."""

    def facts(self) -> dict[str, Any]:
        """See :class:`Served`."""
        about, inputs = self.about(), self.inputs
        return {
            **about,
            "version": self.version,
            "input": inputs.kind,
            "names": list(inputs.names),
            "frame_size": inputs.frame_size,
            "grid": inputs.grid,
            "options": list(self.options.schemas),
            "streams": can(self.stream),
        }

    def input_schema(self) -> dict[str, Any]:
        """See :class:`Served`."""
        return self.inputs.schema

    def option_schemas(self) -> dict[str, Any]:
        """See :class:`Served`."""
        return self.options.schemas

    def prepare(self, value: Any) -> Any | None:
        """See :class:`Served`."""
        raw = self.inputs.read(value)
        if raw is None:
            return None
        item, steps = self.encoded(raw)
        # A search writes as many tokens again, and keeps many hypotheses of each.
        most = self.limits.steps // 10 if self.options.searches else self.limits.steps
        if steps > most:
            raise Problem(422, f"an input has {steps:,} steps, and this service reads {most:,}; shorten it")
        return item

    def checked_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """See :class:`Served`."""
        return self.options.checked(options)

    def generate(self, prompt: str, options: Mapping[str, Any], notes: list[str]) -> Iterator[str]:
        """See :class:`Served`."""
        about = self.about()
        if not about["generates"]:
            raise UsageError(f"a {about['task']} model does not continue a text; ask it at /predict")
        text = prompt.encode("utf-8", "replace").decode()
        if self.encoded(text)[1] > self.limits.steps:
            raise Problem(422, f"the prompt has more than {self.limits.steps:,} tokens; shorten it")
        return self.written(text, options, notes)

    def streamed(self, prediction: Any) -> dict[str, Any]:
        """See :class:`Served`."""
        return prediction._asdict() if isinstance(prediction, StreamedText) else self.formatted(prediction)

    def step(self, value: Any) -> Any:
        """See :class:`Served`."""
        if self.inputs.kind == "frames":
            return self.inputs.read([value]).features[0]
        if not isinstance(value, str):
            raise Problem(422, "a step of this model is a text; see /openapi.json")
        return value.encode("utf-8", "replace").decode()


def can(power: Callable[[], Any]) -> bool:
    """Whether a model has a power: it is tried, for what it can depends on how it was trained."""
    try:
        power()
    except UsageError:
        return False
    return True
