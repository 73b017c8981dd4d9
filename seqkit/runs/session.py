"""One run from data to results; started new, or taken up where it stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from seqkit.checks.splits import stop_at_problems
from seqkit.config import TrainingConfig, options_of, write_toml
from seqkit.data import Splits
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import json_bytes, write_atomic, write_json, write_json_lines
from seqkit.kernels import built, ready
from seqkit.machine import peak
from seqkit.runs.directory import RunDirectory, check_free
from seqkit.runs.model import count_parameters, open_run, restore_head
from seqkit.runs.training import Training
from seqkit.tables import Table
from seqkit.topologies import AnyCodec, AnyTask, predict_items
from seqkit.training.checkpoint import read_tensors, write_tensors
from seqkit.training.trainer import Callback, Trainer


class RunOutcome(NamedTuple):
    """What a run has found when it is finished."""

    results: dict[str, Any]
    tables: list[Table]
    predictions: list[Any]
    """For the test split, in its order"""
    baseline: Sequence[Any]
    """What the simple conventional model predicts there"""
    pictures: list[str]
    """The names of the files that were drawn"""


class Session(Training):
    """The training of a run, kept in its folder. Made by :func:`start` or :func:`resume`."""

    def __init__(
        self, run: RunDirectory, task: AnyTask, config: TrainingConfig, codec: AnyCodec, splits: Splits[Any]
    ) -> None:
        super().__init__(task, config, codec, splits)
        self.run = run
        self.keeper = Keeper(run, config.checkpoint_seconds)

    def train(self, callbacks: Sequence[Callback] = ()) -> None:
        """See :class:`Training`."""
        super().train((self.keeper, *callbacks))

    def _restore(self) -> None:
        if self.run.checkpoint.exists():
            self.trainer.restore(*read_tensors(self.run.checkpoint))

    def finish(self) -> RunOutcome:
        """Scores the best model and the baseline on the test split, once, and writes what the run found."""
        restore_head(self.head, self.run)
        tuned = self.tune()
        if tuned:
            write_tensors(self.run.model, self.head.state_dict(), {"epoch": self.trainer.progress.best_epoch})
        test = self.splits.test
        items = [self.codec.encode(self.task.input_of(example)) for example in test]
        predictions = predict_items(self.head, self.codec, items, self.config).predictions
        start = time.perf_counter()
        baseline = self.task.predict_baseline(self.config, self.splits)
        baseline_scores = self.task.score(baseline, test)
        seconds = time.perf_counter() - start
        results = self._results(self.task.score(predictions, test), baseline_scores, seconds)
        results |= {**self._label_facts(predictions), **tuned}
        pairs = zip(test, predictions, strict=True)
        lines = [{"input": self.task.input_of(e), **self.task.format_prediction(p)[1]} for e, p in pairs]
        write_json_lines(self.run.predictions, lines)
        pictures = self.task.draw_pictures(self.head, self.codec, predictions, test)
        for name, content in pictures.items():
            write_atomic(self.run.path / name, content)
        # Last: a run with results is finished, and is never scored again.
        write_json(self.run.results, results)
        return RunOutcome(results, self.task.tables(predictions, test), predictions, baseline, list(pictures))

    def _results(
        self, scores: Mapping[str, float], baseline_scores: Mapping[str, float], baseline_seconds: float
    ) -> dict[str, Any]:
        progress = self.trainer.progress
        best = progress.history[progress.best_epoch - 1]
        return {
            "task": self.task.name,
            "metric": self.metric,
            "better": "higher" if self.higher_is_better else "lower",
            "test": scores,
            "valid": {name: best[name] for name in dict.fromkeys((self.metric, self.criterion.score))},
            "selected_by": self.criterion.score,
            "baseline": baseline_scores,
            "best_epoch": progress.best_epoch,
            "epochs": progress.epoch,
            "seconds": round(progress.seconds, 2),
            "baseline_seconds": round(baseline_seconds, 2),
            "parameters": count_parameters(self.head),
            f"{self.task.unit(self.config)}_per_second": round(progress.examples / max(progress.seconds, 1e-9), 1),
            "peak_memory_mb": round(peak(), 1),
        }

    def _label_facts(self, predictions: Sequence[Any]) -> dict[str, Any]:
        """Precision, recall, F1 and support of each label, where the task has labels."""
        scores = self.task.label_scores(predictions, self.splits.test)
        return {"labels": {label: score._asdict() for label, score in scores.items()}} if scores else {}


class Keeper(Callback):
    """Writes the best model, the metrics and the checkpoints of a run."""

    def __init__(self, run: RunDirectory, seconds: float) -> None:
        self.run, self.seconds = run, seconds
        self.saved_at = time.monotonic()

    def on_start(self, trainer: Trainer) -> None:
        """A run killed in its first minute can be resumed, too."""
        if not self.run.checkpoint.exists():
            self.save(trainer)

    def on_step(self, trainer: Trainer) -> None:
        """A checkpoint, when the last is old enough."""
        if time.monotonic() - self.saved_at >= self.seconds:
            self.save(trainer)

    def on_stop(self, trainer: Trainer) -> None:
        """A checkpoint, if somebody asked to stop; a training that failed keeps its last good one instead."""
        if trainer.stopping:
            self.save(trainer)

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """The best model first, so that a checkpoint never promises a model that is not there."""
        if better:
            write_tensors(self.run.model, trainer.weights(), {"epoch": record["epoch"]})
        write_json_lines(self.run.metrics, trainer.progress.history)
        self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Writes the checkpoint."""
        write_tensors(self.run.checkpoint, *trainer.state())
        self.saved_at = time.monotonic()


def start(task: AnyTask, config: TrainingConfig, out: Path, notes: list[str]) -> Session:
    """A new run in the folder ``out``; sentences about the data are added to ``notes``.

    Raises :class:`~seqkit.errors.UsageError` if the folder is in use, before any other work.
    """
    check_free(out)
    config = absolute_paths(task, config)
    splits = task.read(config, notes)
    stop_at_problems(task, splits, notes)
    config = task.recipe(config, splits)
    codec = task.learn_codec(config, splits.train)
    # The folder is made last, so that settings which cannot be leave nothing behind.
    session = Session(RunDirectory(out), task, config, codec, splits)
    session.begin(notes)
    create_folder(out, task, config, codec, fingerprint(task, splits))
    return session


def create_folder(
    out: Path,
    task: AnyTask,
    config: TrainingConfig,
    codec: AnyCodec,
    data: str | None,
    extra_files: Mapping[str, bytes] | None = None,
) -> RunDirectory:
    """Makes the folder of a run with the files that never change.

    Args:
        out: the folder.
        task, config, codec: what the run is made of.
        data: the fingerprint of the splits; None for a run that cannot be resumed.
        extra_files: name to content of files that are guarded like the run's own.
    """
    files = {name: json_bytes(value) for name, value in codec.to_json().items()}
    facts = {
        "task": task.name,
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "threads": torch.get_num_threads(),
        "codec": list(files),
        **_kernel_facts(config.kernel),
        "data": data,
    }
    config_file = {"config.toml": write_toml(task.name, config).encode()}
    return RunDirectory.create(out, facts, {**config_file, **files, **(extra_files or {})})


def resume(path: Path, notes: list[str]) -> Session:
    """A run taken up where it stopped; refuses data that have changed since."""
    run, facts, task, config, codec = open_run(path)
    if facts["data"] is None:
        raise UsageError(f"{path} was saved without the data of its training, so it cannot go on; fit it anew")
    splits = task.read(config, notes)
    # Other examples, or the same in other splits, would make another model, and a test split that was trained on.
    if fingerprint(task, splits) != facts["data"]:
        raise SeqkitError(f"the data of {path} have changed since the run began; put them back, or start a new run")
    # Sums over a batch are divided among threads: with other threads they round otherwise.
    if torch.get_num_threads() != facts["threads"]:
        torch.set_num_threads(facts["threads"])
        notes.append(f"using {facts['threads']} threads, as the run began with, so that it gives the same bits")
    config = _as_trained(config, facts, notes)
    if torch.__version__ != facts["torch"]:
        notes.append(f"the run began with torch {facts['torch']}, this is {torch.__version__}: the bits may differ")
    return Session(run, task, config, codec, splits)


def _kernel_facts(kernel: str) -> dict[str, Any]:
    """Whether the native kernels train the run, and which build of them."""
    path = built() if kernel in ("auto", "native") and ready() else None
    return {"native": None if path is None else path.parent.name}


def _as_trained(config: TrainingConfig, facts: dict[str, Any], notes: list[str]) -> TrainingConfig:
    """The configuration with the kernel that the run began with, so that it gives the same bits."""
    now = _kernel_facts(config.kernel)
    if facts.get("native") == now["native"]:
        return config
    if facts.get("native") is None:
        notes.append("using torch's own kernels, as the run began with, so that it gives the same bits")
        return dataclasses.replace(config, kernel="torch")
    notes.append("the native kernels that the run began with are not here: the bits may differ")
    return config


def fingerprint(task: AnyTask, splits: Splits[Any]) -> str:
    """A digest of all examples and of the split that each is in."""
    digest = hashlib.blake2b(digest_size=16)
    for split in dataclasses.fields(splits):
        digest.update(split.name.encode())
        for example in getattr(splits, split.name):
            digest.update(repr(_content(example)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _content(example: Any) -> Any:
    """An example without its location, which changes with the file's name.

    A weight of 1 is left out, too: the examples of earlier versions had none.
    """
    if not dataclasses.is_dataclass(example):
        return example
    left_out = {"location", "weight"} if getattr(example, "weight", 1) == 1 else {"location"}
    return [getattr(example, f.name) for f in dataclasses.fields(example) if f.name not in left_out]


def absolute_paths(task: AnyTask, config: TrainingConfig) -> TrainingConfig:
    """The configuration with absolute paths, so that `resume` works from any folder."""
    changes: dict[str, Any] = {}
    for name, entry in options_of(type(config)).items():
        value = getattr(config, name)
        if entry.names_file(value) and value not in task.data_sets:
            changes[name] = str(Path(value).expanduser().absolute())
    return dataclasses.replace(config, **changes)
