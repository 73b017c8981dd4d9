"""The seam between HTTP and models: what a service asks of a model, and a run that answers it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from seqkit.config import options_of
from seqkit.devices import find_device
from seqkit.errors import UsageError, unknown
from seqkit.inspection.inside import look_inside
from seqkit.inspection.model_calls import check_has_time
from seqkit.layers.recurrent import weights_stand_still
from seqkit.runs import Model
from seqkit.runs.model import answering_digest, load_model, open_run
from seqkit.search import Sampling
from seqkit.serve.inputs import inputs_of
from seqkit.serve.insides import inside_as_json
from seqkit.serve.limits import Limits
from seqkit.serve.problem import Problem
from seqkit.topologies import Generates, Streams, predict_items
from seqkit.topologies.next_step import NextStep
from seqkit.topologies.next_step.stream import StreamedText, TextStream

_RATIO = 4
"""Tokens that a search may write for one of the input, at most"""


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
        """A new stream, see :class:`~seqkit.topologies.MovableStream`."""
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


class ServedRun:
    """A run's model, ready to answer requests."""

    def __init__(self, model: Model, version: str, limits: Limits) -> None:
        self.model, self.version, self.limits = model, version, limits
        self.inputs = inputs_of(model.task, model.codec)
        # For as long as it is served: nobody trains it here.
        self._standing = ExitStack()
        self._standing.enter_context(weights_stand_still(model.head))
        self._options = {name: options_of(type(model.config))[name] for name in model.task.prediction_options}

    def facts(self) -> dict[str, Any]:
        """See :class:`Served`."""
        model, inputs = self.model, self.inputs
        labels = getattr(model.codec, "labels", None) or ()
        return {
            "task": model.task.name,
            "topology": model.task.topology,
            "summary": model.task.summary,
            "version": self.version,
            "input": inputs.kind,
            "names": list(inputs.names),
            "frame_size": inputs.frame_size,
            "grid": inputs.grid,
            "labels": list(labels),
            "options": list(self._options),
            "generates": isinstance(model.task, Generates),
            "streams": self._can(self.stream),
            "explains": self._can(lambda: check_has_time(model)),
        }

    def _can(self, power: Any) -> bool:
        try:
            power()
        except UsageError:
            return False
        return True

    def input_schema(self) -> dict[str, Any]:
        """See :class:`Served`."""
        return self.inputs.schema

    def option_schemas(self) -> dict[str, Any]:
        """See :class:`Served`."""
        kinds = {int: "integer", float: "number", bool: "boolean"}
        schemas: dict[str, Any] = {}
        for name, option in self._options.items():
            schema: dict[str, Any] = {"type": kinds.get(option.kind, "string"), "description": option.help}
            if option.kind in (int, float):
                least, most = self._bounds(name)
                schema |= {"minimum": least, "maximum": most}
                if option.limits.get("above") is not None:
                    schema["exclusiveMinimum"] = option.limits["above"]
            schemas[name] = schema
        return schemas

    def prepare(self, value: Any) -> Any | None:
        """See :class:`Served`."""
        raw = self.inputs.read(value)
        if raw is None:
            return None
        item = self.model.codec.encode(raw)
        steps = self.model.codec.length(item)
        # A search writes as many tokens again, and keeps many hypotheses of each.
        most = self.limits.steps // 10 if "beam_size" in self._options else self.limits.steps
        if steps > most:
            raise Problem(422, f"an input has {steps:,} steps, and this service reads {most:,}; cut it")
        return item

    def checked_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """See :class:`Served`."""
        checked: dict[str, Any] = {}
        for name, value in options.items():
            if name not in self._options:
                if not self._options:
                    raise UsageError(f"a {self.model.task.name} model has no options; leave them out")
                raise unknown("option", name, self._options)
            # JSON has one kind of number: 5.0 is 5.
            option = self._options[name]
            plain = int(value) if option.kind is int and type(value) is float and value.is_integer() else value
            checked[name] = option.check(plain, name)
            least, most = self._bounds(name)
            if checked[name] is None or (option.kind in (int, float) and not least <= checked[name] <= most):
                raise UsageError(f"{name} must be from {least:g} to {most:g}, not {value!r:.40}; or leave it out")
        # Whoever asks for many texts means a search that finds them.
        if "n_best" in checked and "beam_size" in self._options:
            beam = checked.get("beam_size", getattr(self.model.config, "beam_size", 1))
            checked["beam_size"] = max(beam, checked["n_best"])
        return checked

    def _bounds(self, name: str) -> tuple[float, float]:
        """Between which values an option lies."""
        least = self._options[name].limits.get("minimum")
        # A tagger has several answers only where labels are searched for together.
        has_one = name == "n_best" and getattr(self.model.head, "crf", self) is None
        most = 1 if has_one else _RATIO if name == "max_ratio" else self.limits.beam
        return 0 if least is None else least, most

    def answer(self, items: Sequence[Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See :class:`Served`."""
        model = self.model
        found = predict_items(model.head, model.codec, items, model.config, **options).predictions
        return [model.task.format_prediction(prediction)[1] for prediction in found]

    def generate(self, prompt: str, options: Mapping[str, Any], notes: list[str]) -> Iterator[str]:
        """See :class:`Served`."""
        task, model = self.model.task, self.model
        if not isinstance(task, Generates):
            raise UsageError(f"a {task.name} model does not continue a text; ask it at /predict")
        text = prompt.encode("utf-8", "replace").decode()
        if model.codec.length(model.codec.encode(text)) > self.limits.steps:
            raise Problem(422, f"the prompt has more than {self.limits.steps:,} tokens; cut it")
        return task.generate(model.head, model.codec, text, Sampling(**options), notes)

    def stream(self) -> Any:
        """See :class:`Served`."""
        task, model = self.model.task, self.model
        if isinstance(task, NextStep):
            return TextStream(model.head, model.codec)  # type: ignore[arg-type]  # it refuses what it cannot read
        if not isinstance(task, Streams):
            raise UsageError(f"a {task.name} model reads whole inputs, no stream; ask it at /predict")
        return task.open_stream(model.head, model.codec)

    def streamed(self, prediction: Any) -> dict[str, Any]:
        """See :class:`Served`."""
        if isinstance(prediction, StreamedText):
            return prediction._asdict()
        return self.model.task.format_prediction(prediction)[1]

    def step(self, value: Any) -> Any:
        """See :class:`Served`."""
        if self.inputs.kind == "frames":
            return self.inputs.read([value]).features[0]
        if not isinstance(value, str):
            raise Problem(422, "a step of this model is a text; see /openapi.json")
        return value.encode("utf-8", "replace").decode()

    def explain(self, value: Any, units: bool) -> dict[str, Any]:
        """See :class:`Served`."""
        check_has_time(self.model)
        raw = self.inputs.read(value)
        report = None if raw is None else self.model.codec.encoding_report(raw)
        if raw is None or (isinstance(raw, str) and report is not None and not report.symbols):
            raw = None
        self.prepare(value)
        return inside_as_json(None if raw is None else look_inside(self.model, raw), units)


def open_served(path: Path, limits: Limits, device: str | None = None, cell: str | None = None) -> ServedRun:
    """A run's folder, ready to answer; raises :class:`UsageError` and :class:`SeqkitError` as :func:`load` does."""
    version = answering_digest(path)[:16]
    model = load_model(open_run(path, cell), None if device is None else find_device(device), cell)
    if answering_digest(path)[:16] != version:
        raise UsageError(f"{path} was written while it was read; try again")
    for parameter in model.head.parameters():
        parameter.requires_grad_(False)
    return ServedRun(model, version, limits)
