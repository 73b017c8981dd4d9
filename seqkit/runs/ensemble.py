"""Several runs of one task as one run: the average of what their models predict.

The folder holds a copy of each member, which is a run that can be used alone, and no weights of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from seqkit.data import Splits
from seqkit.data.prepared import learning_splits
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import digest_of, json_bytes, json_line_bytes, read_json
from seqkit.machine import peak
from seqkit.runs.directory import RunDirectory
from seqkit.runs.fingerprint import content_digest, fingerprint
from seqkit.runs.found import prediction_lines
from seqkit.runs.manifest import ENSEMBLE_FORMAT
from seqkit.runs.model import Model, OpenedRun, count_parameters, is_ensemble, join_models, load_model, open_run
from seqkit.runs.outcome import RunOutcome, label_facts
from seqkit.runs.places import UNFINISHED, check_free
from seqkit.runs.prepared import read_splits
from seqkit.runs.schemas import RESULTS
from seqkit.runs.verdict import resample_scores, verdict_facts
from seqkit.topologies import Ensembles

_COPIED = ("results.json", "metrics.jsonl")
"""What a member has beside its guarded files and its model, if it has it."""


class Member(NamedTuple):
    """A run that is to be part of an ensemble."""

    path: Path
    opened: OpenedRun
    model: Model


class Ensemble(NamedTuple):
    """A new ensemble: its folder, its model, and the splits that all members share."""

    run: RunDirectory
    model: Model
    splits: Splits[Any] | None
    """The first member's, if all members have the same test split"""
    members: Sequence[Member]


def make_ensemble(paths: Sequence[Path], out: Path, notes: list[str]) -> Ensemble:
    """Makes the folder ``out`` with a copy of each run; sentences about the data are added to ``notes``.

    The folder of the same ensemble, which was stopped before it had its results, is taken as it is.

    Raises :class:`UsageError` for a folder in use, fewer than two runs, a run named twice or that is an ensemble
    itself, and for runs that cannot be combined, with what differs.
    """
    begun = _begun(out)
    if begun is None:
        check_free(out)
    _check_paths(paths)
    members = [_open_member(path) for path in paths]
    for member in members[1:]:
        _check_agreement(members[0], member)
    model = join_models([member.model for member in members])
    splits = _common_splits(members, notes)
    files = {name: content for number, member in enumerate(members, 1) for name, content in _copies(number, member)}
    facts = {
        "format": ENSEMBLE_FORMAT,
        "task": model.task.name,
        "members": [{"name": m.path.absolute().name, "data": m.opened.facts["data"]} for m in members],
        "test": None if splits is None else content_digest(splits.test),
        "codec": [],
        "data": None,
    }
    run = RunDirectory.create(out, facts, files) if begun is None else _go_on(out, begun, facts, files)
    return Ensemble(run, model, splits, members)


def score_ensemble(ensemble: Ensemble) -> RunOutcome:
    """Scores an ensemble, its members and the baseline on the test split that all share; writes what was found.

    Members that have scores already are not scored again.
    """
    run, model, splits, members = ensemble
    assert splits is not None
    task, start = model.task, time.perf_counter()
    inputs = [task.input_of(example) for example in splits.test]
    predictions = model.answers(inputs)
    seconds = time.perf_counter() - start
    baseline = task.predict_baseline(model.config, learning_splits(splits))
    labels = task.label_scores(predictions, splits.test)
    results: dict[str, Any] = {
        "task": task.name,
        "metric": task.metric_for(model.codec),
        "better": "higher" if task.metric_criterion(model.codec).higher_is_better else "lower",
        "test": task.score(predictions, splits.test),
        "baseline": task.score(baseline, splits.test),
        "members": [{"name": m.path.absolute().name, "test": _member_scores(m, inputs, splits)} for m in members],
        "seconds": round(seconds, 2),
        "parameters": count_parameters(model.head),
        "peak_memory_mb": round(peak(), 1),
    }
    resampled, baseline_resampled = (resample_scores(task, p, splits.test) for p in (predictions, baseline))
    verdict = verdict_facts(task, model.config, results, (resampled, baseline_resampled), labels)
    results |= {**label_facts(labels), **verdict}
    lines = prediction_lines(task, splits.test, predictions)
    pictures = task.draw_pictures(model.head, model.codec, predictions, splits.test)
    with run.writing():
        run.complete(json_bytes(results), {run.predictions.name: json_line_bytes(lines), **pictures})
    tables = task.tables(predictions, splits.test)
    return RunOutcome(results, tables, predictions, baseline, list(pictures), resampled, baseline_resampled)


def _begun(out: Path) -> dict[str, Any] | None:
    """What is known of an ensemble that was stopped before it had its results; None for any other folder."""
    run = RunDirectory(out)
    if not run.manifest.exists() or run.results.exists() or (out / UNFINISHED).exists():
        return None
    facts = run.read_facts()
    return facts if is_ensemble(facts) and facts.get("test") is not None else None


def _go_on(out: Path, begun: Mapping[str, Any], facts: Mapping[str, Any], files: Mapping[str, bytes]) -> RunDirectory:
    """The folder that was begun; raises :class:`UsageError` if it is of other runs."""
    same = all(begun.get(name) == value for name, value in facts.items())
    if not same or any(begun["digests"].get(name) != digest_of(content) for name, content in files.items()):
        raise UsageError(f"{out} is an unfinished ensemble of other runs; choose another folder with --out")
    return RunDirectory.open(out)[0]


def check_test_split(path: Path) -> None:
    """Raises :class:`UsageError` for a run without a test split: an estimator that was saved without its data, or an
    ensemble without one that is unseen by all of its members.
    """
    facts = RunDirectory(path).read_facts()
    mend = f"score it on a file: seqkit evaluate {quote(str(path))} --data FILE"
    if not is_ensemble(facts) and facts.get("data", "") is None:
        raise UsageError(f"{path} was trained on data in memory, so it has no test split; {mend}")
    if is_ensemble(facts) and facts.get("test") is None:
        raise UsageError(f"the members of {path} have different test splits, so none is unseen by all of them; {mend}")


def _check_paths(paths: Sequence[Path]) -> None:
    if len(paths) < 2:
        raise UsageError("an ensemble has two runs or more; name another run")
    for one, other in combinations(paths, 2):
        if one.exists() and other.exists() and one.samefile(other):
            raise UsageError(f"{other} is named twice; name each run once")


def _open_member(path: Path) -> Member:
    opened = open_run(path)
    if is_ensemble(opened.facts):
        raise UsageError(f"{path} is an ensemble itself; name its members, {path}/members/1 and so on")
    return Member(path, opened, load_model(opened))


def _check_agreement(first: Member, other: Member) -> None:
    task, other_task = first.model.task, other.model.task
    if task.name != other_task.name:
        raise _differ(first, other, "task", task.name, other_task.name)
    if not isinstance(task, Ensembles):
        return
    own, others = (task.agreement(member.model.head, member.model.codec) for member in (first, other))
    for what, value in own.items():
        if value != others[what]:
            raise _differ(first, other, what, value, others[what])


def _differ(first: Member, other: Member, what: str, value: Any, other_value: Any) -> UsageError:
    shown, other_shown = (_shown(each) for each in (value, other_value))
    values = f" ({shown} and {other_shown})" if shown != other_shown and len(shown + other_shown) < 100 else ""
    return UsageError(
        f"{first.path} and {other.path} differ in {what}{values}, so they cannot be combined; choose runs "
        "that were trained alike"
    )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _common_splits(members: Sequence[Member], notes: list[str]) -> Splits[Any] | None:
    """The splits of the first member, if the test split of all is the same; else None, and a note why."""
    first = _splits_of(members[0], notes)
    if first is None:
        return None
    digest = content_digest(first.test)
    for member in members[1:]:
        if member.opened.facts["data"] == members[0].opened.facts["data"]:
            continue
        splits = _splits_of(member, notes)
        if splits is None:
            return None
        if content_digest(splits.test) != digest:
            notes.append(
                f"not scored: {members[0].path} and {member.path} have different test splits (--split-seed and "
                "--test-data give several runs the same one); try: seqkit evaluate … --data FILE"
            )
            return None
    return first


def _splits_of(member: Member, notes: list[str]) -> Splits[Any] | None:
    """The splits that a member was trained and tested with; None, and a note, where they are not to be had any more."""
    _, facts, task, config, _ = member.opened
    if facts["data"] is None:
        notes.append(f"not scored: {member.path} was saved without the data of its training")
        return None
    try:
        splits = read_splits(task, config, [])
        changed = fingerprint(task, splits) != facts["data"]
    except (SeqkitError, OSError) as error:
        notes.append(f"not scored: the data of {member.path} cannot be read ({error})")
        return None
    if changed:
        notes.append(f"not scored: the data of {member.path} have changed since it was trained")
    return None if changed else splits


def _copies(number: int, member: Member) -> Iterator[tuple[str, bytes]]:
    """The files of a member by their names in the ensemble; results, which may be rebuilt, are not among them."""
    run = member.opened.run
    names = [run.manifest.name, run.model.name, *member.opened.facts["digests"]]
    for name in [*names, *(name for name in _COPIED if (run.path / name).exists())]:
        yield f"members/{number}/{name}", (run.path / name).read_bytes()


def _member_scores(member: Member, inputs: Sequence[Any], splits: Splits[Any]) -> Mapping[str, float]:
    run = member.opened.run
    if run.results.exists():
        run.check_found(member.opened.facts, run.results.name)
        scores: Mapping[str, float] = read_json(run.results, RESULTS)["test"]
        return scores
    return member.model.task.score(member.model.answers(inputs), splits.test)
