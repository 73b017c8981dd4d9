"""A trained model, ready to predict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from seqkit.config import TrainingConfig, make_config
from seqkit.config.options import read_toml
from seqkit.data.batching import token_batches
from seqkit.errors import SeqkitError, UsageError, unknown
from seqkit.files import read_json
from seqkit.layers import Head
from seqkit.plugins import Loader, discover
from seqkit.runs.directory import RunDirectory
from seqkit.search import Sampling
from seqkit.topologies import Codec, Stream, Task
from seqkit.training.checkpoint import read_tensors


class Model:
    """A head with everything that it takes to use it."""

    def __init__(self, task: Task[Any], config: TrainingConfig, codec: Codec, head: Head) -> None:
        self.task, self.config, self.codec, self.head = task, config, codec, head

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """One prediction for each input, in order; batches by length inside."""
        items = [self.codec.encode(value) for value in inputs]
        return predict_items(self.head, self.codec, items, self.config, **options)[0]

    def predict_proba(self, inputs: Sequence[Any], **options: Any) -> list[dict[str, float]]:
        """The probability of every label, for each input in order.

        Raises :class:`UsageError` where predictions have none, such as texts that are written.
        """
        if self.task.probabilities is None:
            raise UsageError(f"a {self.task.name} model gives no probability of each label; use predict")
        return [self.task.probabilities(prediction) for prediction in self.predict(inputs, **options)]

    def generate(self, prompt: str = "", *, notes: list[str] | None = None, **options: Any) -> Iterator[str]:
        """Goes on with a prompt: pieces of text as they are drawn; ``options`` are those of :class:`Sampling`.

        ``"".join(model.generate("To be", length=100, temperature=0.8))``. Raises :class:`UsageError` for options that
        cannot be, and where the task writes no text; ``notes`` is given sentences about the prompt.
        """
        if self.task.generate is None:
            raise UsageError(f"a {self.task.name} model does not go on with a text; use `seqkit predict`")
        return self.task.generate(self.head, self.codec, prompt, Sampling(**options), [] if notes is None else notes)

    def stream(self) -> Stream:
        """Predictions while a sequence arrives, step by step, equal to those of :meth:`predict`.

        Raises :class:`UsageError` where the task has no streams, and for a model that needs whole sequences.
        """
        if self.task.stream is None:
            raise UsageError(f"a {self.task.name} model reads whole inputs, no stream; leave out --stream")
        return self.task.stream(self.head, self.codec)

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
    head = task.head(config, codec)
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


def open_run(path: Path) -> tuple[RunDirectory, dict[str, Any], Task[Any], TrainingConfig, Codec]:
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


def find_task(name: str) -> Task[Any]:
    """The task of that name; raises :class:`UsageError` with the nearest name."""
    tasks = available_tasks()
    if name not in tasks:
        raise unknown("task", name, tasks)
    task: Task[Any] = tasks[name]()
    return task


def count_parameters(head: Head) -> int:
    """How many numbers a head learns."""
    return sum(parameter.numel() for parameter in head.parameters())


@torch.no_grad()
def predict_items(
    head: Head,
    codec: Codec,
    items: Sequence[Any],
    config: TrainingConfig,
    with_loss: bool = False,
    between: Callable[[], None] = lambda: None,
    **options: Any,
) -> tuple[list[Any], float]:
    """Predictions in the order of the items, and their mean loss if asked for; ``between`` runs after each batch."""
    head.eval()
    found: list[Any] = [None] * len(items)
    total, count = 0.0, 0
    lengths = [codec.length(item) for item in items]
    for group in token_batches(lengths, 2 * config.batch_tokens, 4 * config.batch_size):
        batch = codec.collate([items[number] for number in group])
        if with_loss:
            loss = head.loss(batch)
            total, count = total + float(loss.sum), count + loss.count
        for number, prediction in zip(group, head.predict(batch, **options), strict=True):
            found[number] = prediction
        between()
    return found, total / max(1, count)
