"""A study begun, or joined: what ``study.json`` says, and the sentences that refuse what would be another study."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqkit.config import Option, TrainingConfig, make_config, options_of
from seqkit.data.prepared import learning_splits
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import read_json, signed, without_digest, write_atomic
from seqkit.runs.fingerprint import fingerprint
from seqkit.runs.own_cell import with_cell
from seqkit.runs.places import check_free
from seqkit.runs.prepared import checked_splits, read_splits, with_reading
from seqkit.runs.session import absolute_paths
from seqkit.schema import ANYTHING, Whole
from seqkit.scores.direction import Criterion
from seqkit.topologies import AnyTask
from seqkit.tuning.space import parse_space, search_space
from seqkit.tuning.study import Plan
from seqkit.version import __version__

_FORMAT = 1
"""Counts up when an older seqkit could not read the folder."""
_STUDY: dict[str, Any] = {
    "format": Whole(1, 1000),
    "seqkit?": str,
    "task": str,
    "asked": {str: ANYTHING},
    "config": {str: ANYTHING},
    "space": {str: str},
    "first": {str: ANYTHING},
    "criterion": {"score": str, "higher_is_better": bool},
    "data": str,
}
"""``study.json``"""
_OWN = ("kernel", "checkpoint_seconds")
"""Options in which the processes of one study may differ"""


class Wanted(NamedTuple):
    """What a command line asks of a study."""

    asked: Mapping[str, Any]
    """The values of the configuration that somebody has set, now or when the study began; they are not searched"""
    values: Mapping[str, Any]
    """These, and those that go with them: of a data set, of the run that another starts from"""
    searches: Sequence[str] = ()
    only: bool = False


def open_plan(folder: Path, task: AnyTask, wanted: Wanted, notes: list[str]) -> Plan:
    """The plan of the study in a folder, which is begun if there is none.

    Raises :class:`UsageError` where the folder is used for something else, and for another task, other options, another
    space or other data than those the study began with.
    """
    if not (folder / "study.json").exists():
        if not _is_being_made(folder):
            check_free(folder)
        plan = _new_plan(task, wanted, notes)
        if _write(folder, plan):
            return plan
        # Another process was quicker; this one joins it.
    return _join(folder, task, wanted, notes)


def _is_being_made(folder: Path) -> bool:
    """Whether there is nothing but the draft of another process, which makes the same folder at this moment."""
    return folder.is_dir() and all(path.name.lstrip(".").startswith("study.") for path in folder.iterdir())


def _new_plan(task: AnyTask, wanted: Wanted, notes: list[str]) -> Plan:
    base = with_reading(task, absolute_paths(task, make_config(task.config, wanted.values)))
    splits = checked_splits(task, base, notes)
    learned = learning_splits(splits)
    # What the trials begin with, as a run would have it.
    config = task.recipe(base, learned)
    space = search_space(config, _fixed(task, wanted), wanted.searches, wanted.only)
    first = {name: domain.value(domain.proposal(getattr(config, name))) for name, domain in space.items()}
    criterion = task.criterion(config, task.learn_codec(config, learned.train))
    asked = {name: getattr(base, name) for name in wanted.asked}
    return Plan(task, base, asked, space, first, criterion, fingerprint(task, splits))


def _fixed(task: AnyTask, wanted: Wanted) -> set[str]:
    """The options that are not searched: what somebody has set, and sizes that follow from it.

    The options of a data set are only where a search of its own begins.
    """
    data = wanted.values.get("data", getattr(task.config, "data", None))
    return {*wanted.values} - ({*task.data_set_options.get(data, {})} - {*wanted.asked})


def _write(folder: Path, plan: Plan) -> bool:
    """Makes the folder; False if another process has just done so."""
    facts = {
        "format": _FORMAT,
        "seqkit": __version__,
        "task": plan.task.name,
        "asked": plan.asked,
        "config": dataclasses.asdict(plan.config),
        "space": {name: domain.text() for name, domain in plan.space.items()},
        "first": plan.first,
        "criterion": {"score": plan.criterion.score, "higher_is_better": plan.criterion.higher_is_better},
        "data": plan.data,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}; choose another folder with --out") from None
    draft = folder / f".study.{os.getpid()}.json"
    write_atomic(draft, signed(facts))
    try:
        # Unlike a rename, a link never replaces what is there.
        os.link(draft, folder / "study.json")
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _join(folder: Path, task: AnyTask, wanted: Wanted, notes: list[str]) -> Plan:
    facts = read_study(folder)
    if facts["task"] != task.name:
        raise UsageError(f"{folder} is a study of {facts['task']}, not {task.name}; choose another folder with --out")
    options = with_cell(facts["config"], None, wanted.values.get("cell"), folder)
    began = make_config(task.config, options, str(folder / "study.json"))
    base = with_reading(task, absolute_paths(task, make_config(task.config, wanted.values)))
    _check_options(folder, began, base)
    space = parse_space(task.config, facts["space"], str(folder / "study.json"))
    splits = read_splits(task, base, notes)
    if fingerprint(task, splits) != facts["data"]:
        raise UsageError(f"{folder} was started with other data; give the same, or another folder with --out")
    if wanted.searches or wanted.only:
        config = task.recipe(base, learning_splits(splits))
        again = search_space(config, _fixed(task, wanted), wanted.searches, wanted.only)
        _check_space(folder, facts["space"], {name: domain.text() for name, domain in again.items()})
    criterion = Criterion(**facts["criterion"])
    return Plan(task, base, facts["asked"], space, facts["first"], criterion, facts["data"])


def read_study(folder: Path) -> dict[str, Any]:
    """What ``study.json`` says; raises :class:`SeqkitError` for a file that is damaged or too new."""
    path = folder / "study.json"
    facts: dict[str, Any] = read_json(path, _STUDY)
    if facts["format"] > _FORMAT:
        raise SeqkitError(f"{path} was made by a newer seqkit ({facts.get('seqkit')}); upgrade: pip install -U seqkit")
    return without_digest(facts, path, needed=False)


def _check_options(folder: Path, began: TrainingConfig, now: TrainingConfig) -> None:
    for name, entry in options_of(type(now)).items():
        before, value = getattr(began, name), getattr(now, name)
        if name not in _OWN and not _alike(entry, before, value):
            raise UsageError(
                f"{folder} was started with {name} {before}, not {value}; give the options it was started with, or "
                "another folder with --out"
            )


def _alike(entry: Option, before: Any, value: Any) -> bool:
    """Whether two values mean the same; files may lie elsewhere on another machine, and data are compared as read."""
    return before == value or (entry.names_file(before) and entry.names_file(value))


def _check_space(folder: Path, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            raise UsageError(
                f"{folder} searches {name} in {before.get(name, 'nothing')}, not in {now.get(name, 'nothing')}; leave "
                "out --search, or choose another folder with --out"
            )


def trial_config(plan: Plan, values: Mapping[str, Any]) -> TrainingConfig:
    """The configuration of a trial; what follows from the data is filled in when its run starts."""
    return dataclasses.replace(plan.config, **values)
