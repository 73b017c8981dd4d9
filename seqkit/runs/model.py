"""A trained model, ready to predict, and how it is loaded from its run."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import signature
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

import torch

from seqkit.config import TrainingConfig, declared_defaults, make_config, read_toml
from seqkit.data.readers import has_nothing
from seqkit.devices import device_of, find_device, usable_device
from seqkit.errors import SeqkitError, UsageError, unknown
from seqkit.files import json_bytes, read_json
from seqkit.kernels import INFERENCE_PRECISIONS, ready
from seqkit.layers import Head, Recurrent
from seqkit.layers.bounded import TooLarge, bounded_tensors
from seqkit.pages import table
from seqkit.runs.directory import RunDirectory
from seqkit.runs.own_cell import GivenCell, with_cell
from seqkit.runs.schemas import TRAINED_RUN
from seqkit.runs.tasks import find_task
from seqkit.schema import check_schema
from seqkit.search import Sampling
from seqkit.topologies import (
    AnyCodec,
    AnyTask,
    EnsembleHead,
    Ensembles,
    Generates,
    Stream,
    Streams,
    join_codecs,
    predict_items,
)
from seqkit.topologies.files import check_codec_files

_SHOWN = ("cell", "hidden_size", "num_layers", "bidirectional", "data")
"""Options that a notebook shows of a model"""
_UNFIT = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, AssertionError)
"""What a codec raises that takes files for whole which are not: those of other people's tasks have no schema here."""


_ROOM, _ROOM_FOR_EACH = 256 << 20, 16
"""Bytes of a head's largest tensor: this many, and this many for each of its file, which leaves out what is derived."""


class Model:
    """A head with everything that it takes to use it."""

    def __init__(self, task: AnyTask, config: TrainingConfig, codec: AnyCodec, head: Head) -> None:
        self.task, self.config, self.codec, self.head = task, config, codec, head

    def _repr_html_(self) -> str:
        facts = [["task", f"{self.task.name}: {self.task.summary}"], ["topology", self.task.topology]]
        facts += [[name, str(getattr(self.config, name))] for name in _SHOWN if hasattr(self.config, name)]
        return table(["", ""], [*facts, ["parameters", f"{count_parameters(self.head):,}"]])

    @property
    def device(self) -> torch.device:
        """Where the model is; ``model.head.to(device)`` moves it."""
        return device_of(self.head)

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """One prediction for each input, in order; batches by length inside. Of an input with nothing in it, such as a
        blank text, it is None.

        ``options`` are those of the head's ``predict``, such as ``beam_size=1``; raises :class:`UsageError` for others.
        """
        present = [number for number, value in enumerate(inputs) if not has_nothing(value)]
        answers = dict(zip(present, self.answers([inputs[number] for number in present], **options), strict=True))
        return [answers.get(number) for number in range(len(inputs))]

    def answers(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """As :meth:`predict`, but with whatever the head says of nothing, for who needs a prediction of every input."""
        check_options(self.head, options)
        items = self.codec.encode_many(inputs)
        return predict_items(self.head, self.codec, items, self.config, **options).predictions

    def predict_proba(self, inputs: Sequence[Any], **options: Any) -> list[dict[str, float]]:
        """The probability of every label, for each input in order.

        An input with nothing in it has none of any label. Raises :class:`UsageError` where predictions have no
        probabilities, such as texts that are written.
        """
        return self.probabilities(self.predict(inputs, **options))

    def probabilities(self, predictions: Sequence[Any]) -> list[dict[str, float]]:
        """The probability of every label in each prediction; raises as :meth:`predict_proba` does."""
        rows: list[dict[str, float]] = []
        for prediction in predictions:
            if prediction is None:
                rows.append({})
                continue
            row = self.task.probabilities(prediction)
            if row is None:
                raise UsageError(f"a {self.task.name} model gives no probability of each label; use predict")
            rows.append(row)
        return rows

    def generate(self, prompt: str = "", *, notes: list[str] | None = None, **options: Any) -> Iterator[str]:
        """Continues a prompt: pieces of text as they are drawn; ``options`` are those of :class:`Sampling`.

        ``"".join(model.generate("To be", length=100, temperature=0.8))``. Raises :class:`UsageError` for options that
        cannot be, and where the task writes no text; sentences about the prompt are added to ``notes``.
        """
        if not isinstance(self.task, Generates):
            raise UsageError(f"a {self.task.name} model does not continue a text; use `seqkit predict`")
        return self.task.generate(self.head, self.codec, prompt, Sampling(**options), [] if notes is None else notes)

    def stream(self) -> Stream:
        """Predictions while a sequence arrives, step by step, equal to those of :meth:`predict`.

        Raises :class:`UsageError` where the task has no streams, and for a model that needs whole sequences.
        """
        if not isinstance(self.task, Streams):
            raise UsageError(f"a {self.task.name} model reads whole inputs, not a stream; leave out --stream")
        return self.task.open_stream(self.head, self.codec)

    def __repr__(self) -> str:
        return f"Model(task={self.task.name!r}, parameters={count_parameters(self.head):,})"


class OpenedRun(NamedTuple):
    """A run as its folder has it, apart from the weights."""

    run: RunDirectory
    facts: dict[str, Any]
    """What ``run.json`` says"""
    task: AnyTask
    config: TrainingConfig
    codec: AnyCodec


def load(path: str | Path, device: str | None = None, cell: GivenCell = None, precision: str | None = None) -> Model:
    """The best model of a run; ``load("runs/my-run").predict(["a great film"])``.

    ``device`` is ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``; None: what the run's option says, or what ``auto``
    means where that is not there. ``cell`` is needed by a run whose cell is somebody's own: its class, or
    ``"my.py:MyCell"``, a file that is run. Nothing that a run has recorded is ever run. ``precision`` is that of the
    products of recurrent layers: ``"f32"``, ``"bf16"`` or ``"int8"``; None: what the run was trained with.

    Raises :class:`UsageError` for a folder that is not a run, a missing device or precision, and a cell that has to be
    given, :class:`SeqkitError` for a run that is damaged or newer, and for a cell whose source has changed since.
    """
    where = None if device is None else find_device(device)
    model = load_model(open_run(Path(path), cell), where, cell)
    if precision is not None:
        set_precision(model, precision)
    return model


def set_precision(model: Model, precision: str) -> None:
    """Sets that of the products of all recurrent layers.

    Raises :class:`UsageError` where there are none, and for ``"int8"`` where float32 would run in its place.
    """
    if precision not in INFERENCE_PRECISIONS:
        raise unknown("precision", precision, INFERENCE_PRECISIONS)
    layers = [module for module in model.head.modules() if isinstance(module, Recurrent)]
    if not layers:
        raise UsageError(f"a {model.task.name} model has no recurrent layers whose precision could be chosen")
    if precision == "int8" and not ready():
        raise UsageError(
            "precision 'int8' needs the native kernels, which are not built here; run: seqkit kernels build"
        )
    if precision == "int8" and device_of(model.head).type != "cpu":
        raise UsageError("precision 'int8' is for a CPU; give --device cpu as well")
    for layer in layers:
        layer.precision = precision


def load_model(opened: OpenedRun, device: torch.device | None = None, cell: GivenCell = None) -> Model:
    """The best model of a run that is open already; raises :class:`SeqkitError` where there is none yet."""
    run, facts, task, config, codec = opened
    if is_ensemble(facts):
        return _load_ensemble(run, facts, device, cell)
    if config.kernel == "native":
        # Predicting never waits for a build.
        config = dataclasses.replace(config, kernel="auto")
    if not run.model.exists():
        raise SeqkitError(f"{run.path} has no trained model yet; finish it with `seqkit resume {quote(str(run.path))}`")
    head = build_head(opened._replace(config=config))
    restore_head(head, run)
    head.to(usable_device(config.device) if device is None else device)
    return Model(task, config, codec, head.eval())


def _load_ensemble(run: RunDirectory, facts: dict[str, Any], device: torch.device | None, cell: GivenCell) -> Model:
    return join_models([load_model(open_run(folder, cell), device) for folder in member_folders(run.path, facts)])


def join_models(members: Sequence[Model]) -> Model:
    """Models of one task as one model: the average of their predictions.

    Raises :class:`UsageError` for a task whose predictions have no average. That members agree is for the caller to
    check, by ``Task.agreement``.
    """
    first = members[0]
    if not isinstance(first.task, Ensembles):
        raise UsageError(f"predictions of a {first.task.name} model have no average; use the runs one by one")
    head = first.task.ensemble([member.head for member in members])
    return Model(first.task, first.config, join_codecs([member.codec for member in members]), head.eval())


def is_ensemble(facts: Mapping[str, Any]) -> bool:
    """Whether ``run.json`` is that of an ensemble."""
    return bool(facts.get("members"))


def member_folders(path: Path, facts: Mapping[str, Any]) -> list[Path]:
    """The folders of an ensemble's members, in order."""
    return [path / "members" / str(number) for number, _ in enumerate(facts["members"], 1)]


def answering_digest(path: Path) -> str:
    """A digest of all that a run's answers depend on: settings, codec and weights, of an ensemble its members'."""
    run = RunDirectory(path)
    facts = run.read_facts()
    members = member_folders(path, facts) if is_ensemble(facts) else []
    digest = hashlib.blake2b(json_bytes([facts["digests"], [answering_digest(folder) for folder in members]]))
    digest.update(run.model.read_bytes() if run.model.is_file() else b"")
    return digest.hexdigest()


def check_single(path: Path, what: str) -> None:
    """Raises :class:`UsageError` for an ensemble, which cannot be ``what``: "resumed", for instance."""
    if is_ensemble(RunDirectory(path).read_facts()):
        raise UsageError(f"{path} is an ensemble and cannot be {what}; name one of its members, {path}/members/1")


def restore_head(head: Head, run: RunDirectory) -> None:
    """Puts the best weights of a run into a head."""
    tensors, _ = run.read_tensors(run.model)
    try:
        head.load_state_dict(tensors)
    except RuntimeError as error:
        raise SeqkitError(f"{run.model} does not fit {run.config} ({str(error).splitlines()[0]})") from None


def open_run(path: Path, cell: GivenCell = None) -> OpenedRun:
    """Opens a run, with a user's own cell if it needs one.

    Raises as :meth:`RunDirectory.open` and :func:`with_cell` do, and for a task or option that is not known here.
    """
    run, facts = RunDirectory.open(path)
    if is_ensemble(facts):
        # The members agree on what those who do not need the model ask of the others.
        return open_run(member_folders(path, facts)[0], cell)._replace(run=run, facts=facts)
    check_schema(facts, TRAINED_RUN, run.manifest)
    values = with_cell(read_toml(run.config), facts.get("cell_digest"), cell, path)
    task = find_task(str(values.pop("task", "")))
    config = make_config(task.config, {**declared_defaults(task.config), **values}, str(run.config))
    files = {name: read_json(run.path / name) for name in facts["codec"]}
    codec = load_codec(task, files, run.path)
    return OpenedRun(run, facts, task, task.as_trained(config, codec), codec)


def build_head(opened: OpenedRun) -> Head:
    """A new head for the weights of a run; raises :class:`SeqkitError` if it would be far larger than they are.

    Whoever writes a run writes its sizes, too: they get no memory that the file of the weights does not have.
    """
    run, _, task, config, codec = opened
    held = [path.stat().st_size for path in (run.model, run.checkpoint) if path.is_file()]
    try:
        with bounded_tensors(_ROOM + _ROOM_FOR_EACH * max(held, default=0)):
            head: Head = task.build_head(config, codec)
            return head
    except TooLarge as error:
        raise SeqkitError(f"{run.config} asks for {error}, which its weights do not have; restore it") from None


def load_codec(task: AnyTask, files: Mapping[str, Any], folder: Path) -> AnyCodec:
    """A task's codec from the content of its files; raises :class:`SeqkitError` naming what is damaged."""
    check_codec_files(files, folder)
    try:
        codec: AnyCodec = task.load_codec(files)
        return codec
    except _UNFIT as error:
        raise SeqkitError(
            f"{', '.join(files)} in {folder} do not fit together ({type(error).__name__}: {error!s:.100}); "
            "restore them from a backup"
        ) from None


def count_parameters(head: Head) -> int:
    """How many numbers a head learns."""
    return sum(parameter.numel() for parameter in head.parameters())


def check_options(head: Head, options: Iterable[str]) -> None:
    """Raises :class:`UsageError` for an option that the head's ``predict`` does not have, with the nearest it has."""
    answering: Any = head.members[0] if isinstance(head, EnsembleHead) else head
    predict = signature(answering.predict)
    known = [name for name, entry in predict.parameters.items() if entry.kind is entry.KEYWORD_ONLY]
    for name in options:
        if name not in known and known:
            raise unknown("option", name, known)
        if name not in known:
            raise UsageError(f"unknown option {name!r:.80}; {type(answering).__name__}.predict has none")
