"""An exported model that answers as its run does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqkit.answers.sampling import Sampling
from seqkit.data.packing import pack
from seqkit.data.readers import has_nothing
from seqkit.errors import SeqkitError, UsageError, unknown
from seqkit.runtime.family import Family
from seqkit.runtime.kinds import family_of
from seqkit.runtime.manifest import Opened, open_folder
from seqkit.runtime.parts import Part

_UNFIT = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What is raised where files are whole and do not fit together"""


class RuntimeModel:
    """What :class:`seqkit.Model` offers, without torch.

    ``model.task`` is what knows the kind of model: ``name``, ``parse_input``, ``format_prediction``, ``probabilities``
    and ``prediction_options``, as the task of a run has them. ``model.about`` is that of
    :class:`~seqkit.runtime.manifest.Opened`.
    """

    def __init__(self, task: Family, opened: Opened) -> None:
        self.task, self.about = task, opened.about
        self._batches = opened.batches

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """One prediction for each input, in order; of an input with nothing in it, such as a blank text, None.

        ``options`` are those of the run's ``predict``, such as ``beam_size=1``; raises :class:`UsageError` for others.
        """
        present = [number for number, value in enumerate(inputs) if not has_nothing(value)]
        answers = dict(zip(present, self.answers([inputs[number] for number in present], **options), strict=True))
        return [answers.get(number) for number in range(len(inputs))]

    def answers(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """As :meth:`predict`, but with whatever the model says of nothing."""
        self._check_options(options)
        return self.answer_items(self.task.encode_many(inputs), **options)

    def answer_items(self, items: Sequence[Any], **options: Any) -> list[Any]:
        """The answers to what ``model.task.encode`` made of inputs, in batches by length."""
        lengths = [self.task.length(item) for item in items]
        order = np.argsort(np.array(lengths, np.int64), kind="stable").tolist()
        most = (2 * self._batches["batch_tokens"], 4 * self._batches["batch_size"])
        found: list[Any] = [None] * len(items)
        for group in pack(order, lengths, *most):
            predictions = self.task.predict([items[number] for number in group], **options)
            for number, prediction in zip(group, predictions, strict=True):
                found[number] = prediction
        return found

    def predict_proba(self, inputs: Sequence[Any], **options: Any) -> list[dict[str, float]]:
        """The probability of every label, for each input in order; an input with nothing in it has none of any.

        Raises :class:`UsageError` where predictions have no probabilities, such as texts that are written.
        """
        return self.probabilities(self.predict(inputs, **options))

    def probabilities(self, predictions: Sequence[Any]) -> list[dict[str, float]]:
        """The probability of every label in each prediction; raises as :meth:`predict_proba` does."""
        rows = [{} if prediction is None else self.task.probabilities(prediction) for prediction in predictions]
        if any(row is None for row in rows):
            raise UsageError(f"a {self.task.name} model gives no probability of each label; use predict")
        return [row for row in rows if row is not None]

    def generate(self, prompt: str = "", *, notes: list[str] | None = None, **options: Any) -> Iterator[str]:
        """Continues a prompt: pieces of text as they are drawn; ``options`` are those of
        :class:`~seqkit.answers.sampling.Sampling`.

        A temperature of 0 writes what the run writes; drawn texts have the same probabilities, not the same letters,
        for the same seed. Raises as :meth:`seqkit.Model.generate` does.
        """
        return self.task.generate(prompt, Sampling(**options), [] if notes is None else notes)

    def stream(self) -> Any:
        """Predictions while a sequence arrives, ``push(line)`` and ``finish()``, equal to those of :meth:`predict`.

        Raises :class:`UsageError` where the task has no streams, and for a model that needs whole sequences.
        """
        return self.task.open_stream()

    def __repr__(self) -> str:
        return f"RuntimeModel(task={self.task.name!r})"

    def _check_options(self, options: dict[str, Any]) -> None:
        known = self.task.prediction_options
        for name in options:
            if name not in known and known:
                raise unknown("option", name, known)
            if name not in known:
                raise UsageError(f"unknown option {name!r:.80}; a {self.task.name} model has none")


def load(folder: str | Path, threads: int = 1) -> RuntimeModel:
    """The model in a folder that ``seqkit export`` has written; ``load("exported").predict(["a great film"])``.

    ``threads`` is how many one call computes with; the texts of people are short, so 1 is quick enough as a rule.

    Raises :class:`UsageError` for a folder that it has not written, :class:`SeqkitError` for one that is damaged or
    newer.
    """
    opened = open_folder(Path(folder))
    family = family_of(opened)
    parts = {name: Part(content, threads) for name, content in opened.parts.items()}
    try:
        return RuntimeModel(family(opened, parts), opened)
    except _UNFIT as error:
        if isinstance(error, SeqkitError):
            raise
        what = f"{type(error).__name__}: {error!s:.100}"
        raise SeqkitError(f"the files of {folder} do not fit together ({what}); export the run again") from None
