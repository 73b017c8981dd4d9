"""A trained model, ready to predict."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from seqkit.config import TrainingConfig, make_config, read_toml
from seqkit.errors import SeqkitError, UsageError, unknown
from seqkit.files import read_json
from seqkit.layers import Head
from seqkit.plugins import Loader, discover
from seqkit.runs.directory import RunDirectory
from seqkit.search import Sampling
from seqkit.topologies import AnyCodec, AnyTask, Generates, Stream, Streams, predict_items
from seqkit.training.checkpoint import read_tensors


class Model:
    """A head with everything that it takes to use it."""

    def __init__(self, task: AnyTask, config: TrainingConfig, codec: AnyCodec, head: Head) -> None:
        self.task, self.config, self.codec, self.head = task, config, codec, head

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """One prediction for each input, in order; batches by length inside.

        ``options`` are those of the head's ``predict``, such as ``beam_size=1``; raises :class:`UsageError` for others.
        """
        check_options(self.head, options)
        items = [self.codec.encode(value) for value in inputs]
        return predict_items(self.head, self.codec, items, self.config, **options).predictions

    def predict_proba(self, inputs: Sequence[Any], **options: Any) -> list[dict[str, float]]:
        """The probability of every label, for each input in order.

        Raises :class:`UsageError` where predictions have none, such as texts that are written.
        """
        rows: list[dict[str, float]] = []
        for prediction in self.predict(inputs, **options):
            row = self.task.probabilities(prediction)
            if row is None:
                raise UsageError(f"a {self.task.name} model gives no probability of each label; use predict")
            rows.append(row)
        return rows

    def generate(self, prompt: str = "", *, notes: list[str] | None = None, **options: Any) -> Iterator[str]:
        """Goes on with a prompt: pieces of text as they are drawn; ``options`` are those of :class:`Sampling`.

        ``"".join(model.generate("To be", length=100, temperature=0.8))``. Raises :class:`UsageError` for options that
        cannot be, and where the task writes no text; ``notes`` is given sentences about the prompt.
        """
        if not isinstance(self.task, Generates):
            raise UsageError(f"a {self.task.name} model does not go on with a text; use `seqkit predict`")
        return self.task.generate(self.head, self.codec, prompt, Sampling(**options), [] if notes is None else notes)

    def stream(self) -> Stream:
        """Predictions while a sequence arrives, step by step, equal to those of :meth:`predict`.

        Raises :class:`UsageError` where the task has no streams, and for a model that needs whole sequences.
        """
        if not isinstance(self.task, Streams):
            raise UsageError(f"a {self.task.name} model reads whole inputs, no stream; leave out --stream")
        return self.task.open_stream(self.head, self.codec)

    def __repr__(self) -> str:
        return f"Model(task={self.task.name!r}, parameters={count_parameters(self.head):,})"


def load(path: str | Path) -> Model:
    """The best model of a run; ``load("runs/my-run").predict(["a great film"])``.

    Raises :class:`UsageError` for a folder that is no run, :class:`SeqkitError` for one that is damaged or newer.
    """
    run, _, task, config, codec = open_run(Path(path))
    if config.kernel == "native":
        # Predicting never waits for a build.
        config = dataclasses.replace(config, kernel="auto")
    head = task.build_head(config, codec)
    if not run.model.exists():
        raise SeqkitError(f"{path} has no trained model yet; finish it with `seqkit resume {path}`")
    restore_head(head, run)
    return Model(task, config, codec, head.eval())


def restore_head(head: Head, run: RunDirectory) -> None:
    """Puts the best weights of a run into a head."""
    tensors, _ = read_tensors(run.model)
    try:
        head.load_state_dict(tensors)
    except RuntimeError as error:
        raise SeqkitError(f"{run.model} does not fit {run.config} ({str(error).splitlines()[0]})") from None


def open_run(path: Path) -> tuple[RunDirectory, dict[str, Any], AnyTask, TrainingConfig, AnyCodec]:
    """The parts of a run but for its weights: folder, facts, task, configuration, codec."""
    run, facts = RunDirectory.open(path)
    values = read_toml(run.config)
    task = find_task(str(values.pop("task", "")))
    config = make_config(task.config, values, str(run.config))
    codec = task.load_codec({name: read_json(run.path / name) for name in facts["codec"]})
    return run, facts, task, config, codec


def available_tasks() -> dict[str, Loader]:
    """The names of all tasks, ours and those of installed packages, each with a function that loads it."""
    return discover("seqkit.tasks", skip=(), pick=lambda module: module.TASK)


def find_task(name: str) -> AnyTask:
    """The task of that name; raises :class:`UsageError` with the nearest name."""
    tasks = available_tasks()
    if name not in tasks:
        raise unknown("task", name, tasks)
    task: AnyTask = tasks[name]()
    return task


def count_parameters(head: Head) -> int:
    """How many numbers a head learns."""
    return sum(parameter.numel() for parameter in head.parameters())


def check_options(head: Head, options: Iterable[str]) -> None:
    """Raises :class:`UsageError` for an option that the head's ``predict`` does not have, with the nearest it has."""
    known = [name for name, entry in signature(head.predict).parameters.items() if entry.kind is entry.KEYWORD_ONLY]
    for name in options:
        if name not in known and known:
            raise unknown("option", name, known)
        if name not in known:
            raise UsageError(f"unknown option {name!r:.80}; {type(head).__name__}.predict has none")
