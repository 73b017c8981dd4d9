"""Answers for the rows of one file by several processes: the first one reads and writes, all of them predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from seqkit.data import DataError
from seqkit.errors import SeqkitError
from seqkit.runs.answers import AnsweredRow, ahead, predict_rows
from seqkit.runs.model import Model
from seqkit.runs.rows import InputRow, grouped
from seqkit.training.distributed import PeerLost, Processes
from seqkit.training.helping import ask, help_first, helped
from seqkit.training.values import from_bytes, to_bytes


class _Share(NamedTuple):
    """What a process has to say of a group of rows."""

    predictions: list[Any]
    """Of the rows before one that cannot be read"""
    problem: str | None
    """What is wrong with that row"""
    notes: list[str]


def predict_rows_together(
    processes: Processes,
    model: Model,
    groups: Iterable[Sequence[InputRow]],
    say: Callable[[str], None],
    **options: Any,
) -> Iterator[list[AnsweredRow]]:
    """As :func:`~seqkit.runs.answers.predict_rows` of a file, with every process predicting groups of its own.

    The first process calls this, the others :func:`help_predict_rows`. They need no file: each is given the rows that
    it predicts, and the predictions are those of one process with as many threads.
    """
    said = False
    with helped(processes):
        for turn in ahead(grouped(groups, processes.size)):
            for group, share in zip(turn, _shares(processes, model, turn, options), strict=True):
                if share.notes and not said:
                    said = True
                    say(share.notes[0])
                # Of those before a row that cannot be read, as many as there are.
                yield [AnsweredRow(*pair) for pair in zip(group, share.predictions, strict=False)]
                if share.problem is not None:
                    raise DataError(share.problem)


def help_predict_rows(processes: Processes, model: Model) -> None:
    """Predicts the rows that the first process hands out, until it has no more."""

    def help(options: Mapping[str, Any]) -> None:
        rows = from_bytes(processes.hand_out())
        processes.collect(_given(processes, model, rows, options))

    help_first(processes, help)


def _shares(
    processes: Processes, model: Model, turn: Sequence[Sequence[InputRow]], options: Mapping[str, Any]
) -> list[_Share]:
    ask(processes, dict(options))
    rows = [[(row.text, row.location) for row in group] for group in turn]
    rows += [[]] * (processes.size - len(rows))
    processes.hand_out([b"", *map(to_bytes, rows[1:])])
    try:
        own = _share_of(model, rows[0], options)
    except BaseException:
        processes.collect(b"")
        raise
    shares = [own]
    for rank, content in enumerate(processes.collect(b"")[1 : len(turn)], 1):
        if not content:
            raise PeerLost(f"process {rank} has failed")
        shares.append(from_bytes(content) or _share_of(model, rows[rank], options))
    return shares


def _given(processes: Processes, model: Model, rows: Sequence[Any], options: Mapping[str, Any]) -> bytes:
    """The share of a process that helps; empty where its predictions are of a class that cannot be sent."""
    try:
        share = _share_of(model, rows, options)
    except BaseException:
        processes.collect(b"")
        raise
    try:
        return to_bytes(share)
    except TypeError:
        return to_bytes(None)


def _share_of(model: Model, rows: Sequence[Any], options: Mapping[str, Any]) -> _Share:
    share = _Share([], None, [])
    try:
        for group in predict_rows(model, [[InputRow(*row) for row in rows]], share.notes.append, **options):
            share.predictions.extend(prediction for _, prediction in group)
    except SeqkitError as error:
        return share._replace(problem=str(error))
    return share
