"""What was exported of a run, answering requests without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqkit.errors import UsageError
from seqkit.files import digest_of, read_ordinary
from seqkit.runtime import RuntimeModel, load
from seqkit.runtime.language import Language, TextStream
from seqkit.runtime.manifest import MANIFEST
from seqkit.serve.inputs import inputs_of
from seqkit.serve.limits import Limits
from seqkit.serve.options import AnswerOptions
from seqkit.serve.served import ServedModel


class ServedExport(ServedModel):
    """An exported model, ready to answer requests."""

    def __init__(self, model: RuntimeModel, version: str, limits: Limits) -> None:
        self.model = model
        task, about = model.task, model.about
        options = AnswerOptions(task.name, about["options"], limits, task.is_single)
        super().__init__(version, limits, inputs_of(task.input_reader), options)

    def about(self) -> dict[str, Any]:
        """See :class:`ServedModel`."""
        task, about = self.model.task, self.model.about
        return {
            "task": task.name,
            "topology": about["topology"],
            "summary": about["summary"],
            "labels": list(task.labels),
            "generates": task.generates,
            "explains": False,
        }

    def encoded(self, raw: Any) -> tuple[Any, int]:
        """See :class:`ServedModel`."""
        item = self.model.task.encode(raw)
        return item, self.model.task.length(item)

    def answer(self, items: Sequence[Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See :class:`Served`."""
        return [self.formatted(prediction) for prediction in self.model.answer_items(items, **options)]

    def formatted(self, prediction: Any) -> dict[str, Any]:
        """See :class:`ServedModel`."""
        return self.model.task.format_prediction(prediction)[1]

    def written(self, prompt: str, options: Mapping[str, Any], notes: list[str]) -> Iterator[str]:
        """See :class:`ServedModel`."""
        return self.model.generate(prompt, notes=notes, **options)

    def stream(self) -> Any:
        """See :class:`Served`."""
        task = self.model.task
        return TextStream(task) if isinstance(task, Language) else self.model.stream()

    def explain(self, value: Any, units: bool) -> dict[str, Any]:
        """Raises :class:`UsageError`: neither gates nor gradients are exported."""
        raise UsageError("what was exported has neither gates nor gradients to show; serve the run itself for that")


def open_exported(path: Path, limits: Limits) -> ServedExport:
    """A folder that ``seqkit export`` has written, ready to answer; raises as :func:`seqkit.runtime.load` does."""
    version = _version(path)
    model = load(path)
    if _version(path) != version:
        raise UsageError(f"{path} was written while it was read; try again")
    return ServedExport(model, version, limits)


def _version(path: Path) -> str:
    """The manifest has a digest of every other file."""
    return digest_of(read_ordinary(path / MANIFEST))[:16]
