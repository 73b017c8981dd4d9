"""A run that answers requests, with torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from seqkit.config import answer_schemas
from seqkit.devices import find_device
from seqkit.errors import UsageError
from seqkit.inspection.inside import look_inside
from seqkit.inspection.model_calls import check_has_time
from seqkit.layers.recurrent import weights_stand_still
from seqkit.runs import Model
from seqkit.runs.model import answering_digest, load_model
from seqkit.runs.model import open_run as open_folder
from seqkit.serve.inputs import Inputs, inputs_of
from seqkit.serve.insides import inside_as_json
from seqkit.serve.limits import Limits
from seqkit.serve.options import AnswerOptions
from seqkit.serve.served import ServedModel, can
from seqkit.topologies import AnyCodec, AnyTask, EnsembleCodec, Generates, NamesFiles, Streams, predict_items
from seqkit.topologies.next_step import NextStep
from seqkit.topologies.next_step.stream import TextStream


class ServedRun(ServedModel):
    """A run's model, ready to answer requests."""

    def __init__(self, model: Model, version: str, limits: Limits) -> None:
        self.model = model
        schemas = answer_schemas(model.config, model.task.prediction_options)
        # A tagger has several answers only where labels are searched for together.
        single = getattr(model.head, "crf", self) is None
        options = AnswerOptions(model.task.name, schemas, limits, single)
        super().__init__(version, limits, _inputs_of(model.task, model.codec), options)
        # For as long as it is served: nobody trains it here.
        self._standing = ExitStack()
        self._standing.enter_context(weights_stand_still(model.head))

    def about(self) -> dict[str, Any]:
        """See :class:`ServedModel`."""
        task = self.model.task
        return {
            "task": task.name,
            "topology": task.topology,
            "summary": task.summary,
            "labels": list(getattr(self.model.codec, "labels", None) or ()),
            "generates": isinstance(task, Generates),
            "explains": can(lambda: check_has_time(self.model)),
        }

    def encoded(self, raw: Any) -> tuple[Any, int]:
        """See :class:`ServedModel`."""
        item = self.model.codec.encode(raw)
        return item, self.model.codec.length(item)

    def answer(self, items: Sequence[Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See :class:`Served`."""
        model = self.model
        found = predict_items(model.head, model.codec, items, model.config, **options).predictions
        return [self.formatted(prediction) for prediction in found]

    def formatted(self, prediction: Any) -> dict[str, Any]:
        """See :class:`ServedModel`."""
        facts: dict[str, Any] = self.model.task.format_prediction(prediction)[1]
        return facts

    def written(self, prompt: str, options: Mapping[str, Any], notes: list[str]) -> Iterator[str]:
        """See :class:`ServedModel`."""
        return self.model.generate(prompt, notes=notes, **options)

    def stream(self) -> Any:
        """See :class:`Served`."""
        task, model = self.model.task, self.model
        if isinstance(task, NextStep):
            return TextStream(model.head, model.codec)  # type: ignore[arg-type]  # it refuses what it cannot read
        if not isinstance(task, Streams):
            raise UsageError(f"a {task.name} model reads whole inputs, not a stream; ask it at /predict")
        return task.open_stream(model.head, model.codec)

    def explain(self, value: Any, units: bool) -> dict[str, Any]:
        """See :class:`Served`."""
        check_has_time(self.model)
        raw = self.inputs.read(value)
        report = None if raw is None else self.model.codec.encoding_report(raw)
        if raw is None or (isinstance(raw, str) and report is not None and not report.symbols):
            raw = None
        self.prepare(value)
        return inside_as_json(None if raw is None else look_inside(self.model, raw), units)


def _inputs_of(task: AnyTask, codec: AnyCodec) -> Inputs:
    """How inputs are written; raises :class:`UsageError` for a task whose inputs are files of a kind of its own."""
    inputs = inputs_of(codec.members[0] if isinstance(codec, EnsembleCodec) else codec)
    names_files = isinstance(task, NamesFiles) or not isinstance(task.parse_input("a"), str)
    if inputs.kind == "text" and names_files:
        raise UsageError(f"inputs of a {task.name} model are files, which a service does not open; use seqkit predict")
    return inputs


def open_run(path: Path, limits: Limits, device: str | None = None, cell: str | None = None) -> ServedRun:
    """A run's folder, ready to answer; raises :class:`UsageError` and :class:`SeqkitError` as :func:`load` does."""
    version = answering_digest(path)[:16]
    model = load_model(open_folder(path, cell), None if device is None else find_device(device), cell)
    if answering_digest(path)[:16] != version:
        raise UsageError(f"{path} was written while it was read; try again")
    for parameter in model.head.parameters():
        parameter.requires_grad_(False)
    return ServedRun(model, version, limits)
