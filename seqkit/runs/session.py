"""One run from data to results; started new, or taken up where it stopped."""

from __future__ import annotations

import dataclasses
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from seqkit.config import TrainingConfig, options_of, write_toml
from seqkit.data import Splits
from seqkit.data.indexed import IndexedExamples
from seqkit.data.prepared import learning_splits
from seqkit.devices import describe_device, find_device
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import digest_of, json_bytes, json_line_bytes, read_json
from seqkit.kernels import built, ready
from seqkit.machine import peak
from seqkit.runs.directory import PRETRAINED, RunDirectory
from seqkit.runs.fingerprint import content_digest, fingerprint
from seqkit.runs.found import prediction_lines
from seqkit.runs.model import build_head, check_single, count_parameters, open_run, restore_head
from seqkit.runs.outcome import RunOutcome, label_facts
from seqkit.runs.own_cell import GivenCell
from seqkit.runs.places import check_free
from seqkit.runs.prepared import checked_splits, read_splits, with_reading
from seqkit.runs.schemas import RESULTS
from seqkit.runs.teacher import note_on_splits
from seqkit.runs.training import Training, learn_codec
from seqkit.runs.transfer import runs_of
from seqkit.runs.unlabelled import UNLABELLED_FILE, from_lines, label_texts, to_lines
from seqkit.runs.verdict import resample_scores, verdict_facts
from seqkit.schema import ANYTHING
from seqkit.topologies import AnyCodec, AnyTask, predict_items
from seqkit.topologies.distillation import TEACHER_FILE, SoftTargets
from seqkit.training.checkpoint import own_generators
from seqkit.training.distributed import Processes, alone
from seqkit.training.helping import helped
from seqkit.training.notebook import NotebookBar, in_notebook
from seqkit.training.trainer import Callback, Trainer

_TEXTS = "texts.json"
"""In the folder of language models: what says which texts they read"""


class Session(Training):
    """The training of a run, kept in its folder. Made by :func:`start` or :func:`resume`."""

    def __init__(
        self,
        run: RunDirectory,
        task: AnyTask,
        config: TrainingConfig,
        codec: AnyCodec,
        splits: Splits[Any],
        further: Sequence[Any] = (),
        processes: Processes | None = None,
    ) -> None:
        super().__init__(task, config, codec, splits, further, processes)
        self.run = run
        self.keeper = Keeper(run, config.checkpoint_seconds)

    def train(self, callbacks: Sequence[Callback] | None = None) -> None:
        """See :class:`Training`; raises :class:`UsageError` where another process trains the run.

        Without ``callbacks`` (None), a notebook shows a bar.
        """
        if callbacks is None:
            callbacks = [NotebookBar()] if in_notebook() else []
        with self.run.writing():
            super().train((self.keeper, *callbacks))

    def keep_start(self, run: RunDirectory) -> None:
        """Writes the first checkpoint: a run that is killed before its first step still has what came from outside."""
        self.run = self.keeper.run = run
        run.checkpoint.parent.mkdir(exist_ok=True)
        with self._generators():
            self._place()
            self.keeper.save(self.trainer)
        if self.pretraining is not None:
            folder = self._pretraining_folder()
            folder.checkpoint.parent.mkdir(parents=True)
            folder.write(folder.path / _TEXTS, json_bytes({"digest": self.pretraining.digest}))

    def _pretraining_folder(self) -> RunDirectory:
        """The folder of the language models, which is part of the run."""
        folder = RunDirectory(self.run.path / "pretraining")
        folder.lock, folder.identity = self.run.lock, self.run.identity
        return folder

    def _pretrain(self, callbacks: Sequence[Callback]) -> None:
        """Language models are kept in a folder of their own, which is there until the head has what they learned."""
        folder = self._pretraining_folder()
        # The other processes see no folder.
        if not self.processes.share(b"begun" if folder.path.exists() else b""):
            return
        plan = self.pretraining or self.plan_pretraining([])
        if plan is None or plan.digest != read_json(folder.path / _TEXTS, {"digest": str})["digest"]:
            raise SeqkitError(f"the texts of --pretrain have changed since {self.run.path} began; restore them")

        def restore(trainer: Trainer) -> None:
            if folder.checkpoint.exists():
                trainer.restore(*folder.read_tensors(folder.checkpoint))

        keeper = Keeper(folder, self.config.checkpoint_seconds)
        others = [callback for callback in callbacks if callback is not self.keeper]
        self.fit_language_models(plan, [keeper, *others], restore)
        plan.take(folder.read_tensors(folder.model)[0])
        progress = folder.read_tensors(folder.checkpoint)[1]["progress"]
        self.keeper.save(self.trainer)
        self.run.write(self.run.pretraining, json_bytes(plan.facts(progress)))
        # Renamed first: a folder that is half deleted would look like one that is unfinished.
        shutil.rmtree(folder.path.rename(self.run.path / PRETRAINED))
        self.pretraining = None

    def _restore(self) -> None:
        if self.run.checkpoint.exists():
            self.trainer.restore(*self.run.read_tensors(self.run.checkpoint))
        elif self.run.identity is not None or self.config.init_from or getattr(self.config, "vectors", None):
            # Versions before 0.3 wrote the first checkpoint after the folder; most of their runs start again.
            raise SeqkitError(
                f"{self.run.checkpoint} is missing, and with it what the run began with; restore it from a backup, or "
                "delete the folder and run the task again"
            )

    def unread(self) -> str:
        """Which rows of a file that is read by an index could not be read and were left out; empty if none was."""
        faults = self.splits.train.faults if isinstance(self.splits.train, IndexedExamples) else []
        count = "one row was" if len(faults) == 1 else f"{len(faults):,} rows were"
        return f"{count} unreadable and left out of training; the first: {faults[0]}" if faults else ""

    def finish(self) -> RunOutcome:
        """Scores the best model and the baseline on the test split, once, and writes what the run found."""
        with self.run.writing():
            return self._finish()

    def _finish(self) -> RunOutcome:
        with helped(self.processes):
            restore_head(self.head, self.run)
            tuned = self.tune()
            predictions = self._predictions()
        if tuned:
            best = self.trainer.progress.best_epoch
            self.run.write_tensors(self.run.model, self.head.state_dict(), {"epoch": best})
        test = self.splits.test
        start = time.perf_counter()
        baseline = self.task.predict_baseline(self.config, learning_splits(self.splits))
        baseline_scores = self.task.score(baseline, test)
        seconds = time.perf_counter() - start
        results = self._results(self.task.score(predictions, test), baseline_scores, seconds)
        resampled, baseline_resampled = (resample_scores(self.task, p, test) for p in (predictions, baseline))
        labels = self.task.label_scores(predictions, test)
        history = self.trainer.progress.history
        verdict = verdict_facts(self.task, self.config, results, (resampled, baseline_resampled), labels, history)
        results |= {**label_facts(labels), **tuned, **verdict, **self._facts_of_folder()}
        found = self._found(predictions)
        # A run with results is finished, and is never scored again.
        self.run.complete(json_bytes(results), found)
        tables = self.task.tables(predictions, test)
        return RunOutcome(results, tables, predictions, baseline, self._drawn(found), resampled, baseline_resampled)

    def make_again(self, names: Iterable[str]) -> RunOutcome:
        """Makes those files of a finished run that :meth:`finish` writes before the results; its scores stay."""
        with self.run.writing():
            with self._generators():
                self._place()
                self._restore()
            restore_head(self.head, self.run)
            predictions = self._predictions()
            found = self._found(predictions)
            self.run.replace_files({name: found[name] for name in names if name in found}, self.run.read_facts())
        test, baseline = self.splits.test, self.task.predict_baseline(self.config, learning_splits(self.splits))
        resampled = [resample_scores(self.task, p, test) for p in (predictions, baseline)]
        results, tables = read_json(self.run.results, RESULTS), self.task.tables(predictions, test)
        return RunOutcome(results, tables, predictions, baseline, self._drawn(found), *resampled)

    def _drawn(self, found: Iterable[str]) -> list[str]:
        return [name for name in found if name not in (self.run.predictions.name, self.run.metrics.name)]

    def _predictions(self) -> list[Any]:
        """What the model predicts for the test split."""
        return predict_items(self.head, self.codec, self._test, self.config).predictions

    def _found(self, predictions: Sequence[Any]) -> dict[str, bytes]:
        """The files of what the run has found, beside its results: history, predictions and pictures."""
        test = self.splits.test
        lines = prediction_lines(self.task, test, predictions)
        return {
            self.run.metrics.name: json_line_bytes(self.trainer.progress.history),
            self.run.predictions.name: json_line_bytes(lines),
            **self.task.draw_pictures(self.head, self.codec, predictions, test),
        }

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

    def _facts_of_folder(self) -> dict[str, Any]:
        """How often the test split was scored before, and what language models came first."""
        scored = self.run.read_facts().get("scored")
        facts = (
            {"pretraining": read_json(self.run.pretraining, {str: ANYTHING})} if self.run.pretraining.exists() else {}
        )
        return {**facts, **({"scored_before": scored} if scored else {})}


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
        # A step that found no memory has changed nothing.
        if trainer.stopping or trainer.full:
            self.save(trainer)

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """The best model first, so that a checkpoint never promises a model that is not there."""
        if better:
            self.run.write_tensors(self.run.model, trainer.weights(), {"epoch": record["epoch"]})
        self.run.write(self.run.metrics, json_line_bytes(trainer.progress.history))
        self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Writes the checkpoint."""
        self.run.write_tensors(self.run.checkpoint, *trainer.state())
        self.saved_at = time.monotonic()


def start(
    task: AnyTask, config: TrainingConfig, out: Path, notes: list[str], processes: Processes | None = None
) -> Session:
    """A new run in the folder ``out``; sentences about the data are added to ``notes``.

    Of several ``processes`` the first one calls this, the others :func:`~seqkit.runs.follower.follow`. With shards,
    torch uses one thread from here on: shards are computed side by side.

    Raises :class:`~seqkit.errors.UsageError` if the folder is in use, before any other work.
    """
    check_free(out)
    processes = processes or alone()
    splits, further, config, codec = prepare(task, config, notes, processes)
    # The folder is made last, so that settings which cannot be leave nothing behind.
    session = Session(RunDirectory(out), task, config, codec, splits, further, processes)
    session.begin(notes)
    data, taught = fingerprint(task, splits), dict[str, bytes]()
    if session.teacher is not None:
        taught[TEACHER_FILE] = session.teacher.to_bytes()
        notes.extend(note_on_splits(Path(str(getattr(config, "teacher", ""))), data))
    if further:
        taught[UNLABELLED_FILE] = to_lines(further)
    where = session.device
    create_folder(out, task, config, codec, data, taught, first=session.keep_start, notes=notes, device=where)
    return session


class Prepared(NamedTuple):
    """What a new run is made of."""

    splits: Splits[Any]
    further: Sequence[Any]
    config: TrainingConfig
    codec: AnyCodec


def prepare(task: AnyTask, config: TrainingConfig, notes: list[str], processes: Processes) -> Prepared:
    """Reads the data of a new run, and learns what follows from them.

    Raises :class:`~seqkit.errors.UsageError` where processes have read other data than the first of them.
    """
    find_device(processes.device(config.device))
    if config.shards:
        # The bits of a product depend on the number of threads that compute it.
        torch.set_num_threads(1)
    config = with_reading(task, absolute_paths(task, config))
    splits = checked_splits(task, config, notes)
    further = label_texts(task, config, splits, notes)
    everything = dataclasses.replace(splits, train=[*splits.train, *further]) if further else splits
    config = task.recipe(config, learning_splits(everything))
    codec = learn_codec(task, config, everything)
    digest = digest_of(json_bytes([fingerprint(task, splits), content_digest(further), codec.to_json()]))
    processes.check_same({"set of examples": digest}, "give all processes the same data")
    return Prepared(splits, further, config, codec)


def create_folder(
    out: Path,
    task: AnyTask,
    config: TrainingConfig,
    codec: AnyCodec,
    data: str | None,
    extra_files: Mapping[str, bytes] | None = None,
    first: Callable[[RunDirectory], None] = lambda run: None,
    notes: Sequence[str] = (),
    device: torch.device | None = None,
) -> RunDirectory:
    """Makes the folder of a run with the files that never change.

    Args:
        out: the folder.
        task, config, codec: what the run is made of.
        data: the fingerprint of the splits; None for a run that cannot be resumed.
        extra_files: name to content of files that are guarded like the run's own.
        first: writes what the folder must have before it is a run.
        notes: sentences about the data, for the report.
        device: where the model is trained; None: the CPU.
    """
    files = {name: json_bytes(value) for name, value in codec.to_json().items()}
    facts = {
        "task": task.name,
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {_threads(torch.get_num_threads())}",
        "threads": torch.get_num_threads(),
        "device": describe_device(device or torch.device("cpu")),
        "codec": list(files),
        **_kernel_facts(config.kernel),
        **_cell_facts(config),
        "data": data,
        "notes": [*notes],
    }
    config_file = {"config.toml": write_toml(task.name, config).encode()}
    return RunDirectory.create(out, facts, {**config_file, **files, **(extra_files or {})}, first)


def _cell_facts(config: TrainingConfig) -> dict[str, Any]:
    """Of a user's own cell, the digest of its source."""
    digest = getattr(getattr(config, "cell", None), "digest", None)
    return {"cell_digest": digest} if digest else {}


def resume(
    path: Path,
    notes: list[str],
    device: str | None = None,
    processes: Processes | None = None,
    cell: GivenCell = None,
) -> Session:
    """A run taken up where it stopped, there or on another device; refuses data that have changed since.

    ``cell`` is that of :func:`seqkit.load`.

    Of several ``processes`` the first one calls this, the others :func:`~seqkit.runs.follower.follow_again`.
    """
    # Before the data are read: where another process is at work, that would be for nothing.
    run, _ = RunDirectory.open(path)
    with run.writing():
        pass
    processes = processes or alone()
    again = reopen(path, notes, device, processes, cell)
    session = Session(*again, processes)
    take_teacher(session, again.run)
    return session


class Reopened(NamedTuple):
    """What a run that continues is made of."""

    run: RunDirectory
    task: AnyTask
    config: TrainingConfig
    codec: AnyCodec
    splits: Splits[Any]
    further: Sequence[Any]


def reopen(path: Path, notes: list[str], device: str | None, processes: Processes, cell: GivenCell = None) -> Reopened:
    """Reads a run that continues, and its data; raises :class:`SeqkitError` where these have changed since it began."""
    run, facts, task, config, codec = opened = open_run(path, cell)
    check_single(path, "resumed")
    where = find_device(processes.device(config.device if device is None else device))
    config = dataclasses.replace(config, device=str(where))
    with own_generators():
        build_head(opened)
    if facts["data"] is None:
        raise UsageError(f"{path} was saved without its training data, so it cannot be resumed; fit it again")
    splits = read_splits(task, config, notes)
    # Other examples, or the same in other splits, would make another model, and a test split that was trained on.
    if fingerprint(task, splits) != facts["data"]:
        raise SeqkitError(f"the data of {path} have changed since the run began; restore them, or start a new run")
    _take_threads(config, facts["threads"], notes)
    config = _as_trained(config, facts, notes)
    if torch.__version__ != facts["torch"]:
        notes.append(
            f"the run was started with torch {facts['torch']}, this is {torch.__version__}: "
            "results may differ in the last bits"
        )
    if (began := facts.get("device", "cpu")) != describe_device(where):
        notes.append(f"the run began on {began}, this is {describe_device(where)}: results may differ in the last bits")
    return Reopened(run, task, config, codec, splits, from_lines(run.path / UNLABELLED_FILE))


def take_teacher(training: Training, run: RunDirectory) -> None:
    """Has a training that continues learn from what its teacher said at the start."""
    if (run.path / TEACHER_FILE).exists():
        training.learn_from(SoftTargets.from_bytes((run.path / TEACHER_FILE).read_bytes()))


def _threads(number: int) -> str:
    return f"{number} thread" if number == 1 else f"{number} threads"


def _take_threads(config: TrainingConfig, threads: int, notes: list[str]) -> None:
    """Takes the number of threads that a run began with, for sums over a batch are divided among them: with another
    number they round otherwise.
    """
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
        if not config.shards:
            notes.append(f"using {_threads(threads)}, as when the run was started, for bit-identical results")


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
        notes.append("using torch's own kernels, as when the run was started, for bit-identical results")
        return dataclasses.replace(config, kernel="torch")
    notes.append("the native kernels that the run began with are not available: results may differ in the last bits")
    return config


def absolute_paths(task: AnyTask, config: TrainingConfig) -> TrainingConfig:
    """The configuration with absolute paths, so that `resume` works from any folder."""
    changes: dict[str, Any] = {}
    for name, entry in options_of(type(config)).items():
        value = getattr(config, name)
        if entry.names_file(value) and value not in task.data_sets:
            names = map(str, runs_of(value)) if name == "init_from" else [value]
            changes[name] = ",".join(str(Path(each).expanduser().absolute()) for each in names)
    return dataclasses.replace(config, **changes)
