"""More of the worst mistakes than a run's report has, from its ``predictions.jsonl``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqkit.answers.labels import numbers_text, written
from seqkit.data.normal_forms import canonical
from seqkit.data.questions import asked
from seqkit.errors import UsageError
from seqkit.files import read_json_lines
from seqkit.report.run_files import RunFiles

_TITLE = "Worst mistakes"
_REPLACED = (_TITLE, "Most confident mistakes", "Largest errors")
"""Tables of the topologies that show the first few of the same mistakes"""
_OUTPUTS = ("translation", "pronunciation", "caption")
"""What a written text is called"""
_AROUND = 4
"""Words on either side of one that is labelled wrongly"""

_Record = Mapping[str, Any]


class _Mistake(NamedTuple):
    """A row of the table, and how bad it is: the largest come first."""

    badness: float
    row: list[Any]


def with_mistakes(files: RunFiles, count: int) -> RunFiles:
    """The files with a table of this many mistakes, the worst first.

    Those are the labels whose truth was found least likely, the steps and the texts that the model was most confident
    of, and the largest errors of numbers.

    Raises :class:`UsageError` for a run whose predictions have no truth: a language model, a run of 0.2.0 and before.
    """
    records = read_json_lines(files.run.predictions)
    find = next((find for fits, find in _KINDS if records and all(map(fits, records))), None)
    if find is None:
        raise UsageError(
            f"{files.run.path} has no mistakes to list: its predictions.jsonl does not say what is correct, as that of "
            "a language model or an old run; leave out --mistakes"
        )
    columns, mistakes = find(records)
    rows = [mistake.row for mistake in sorted(mistakes, key=lambda mistake: -mistake.badness)[:count]]
    table = {"title": _TITLE, "columns": columns, "rows": rows}
    others = [entry for entry in files.findings["tables"] if entry["title"] not in _REPLACED]
    return files._replace(findings={**files.findings, "tables": [*others, table]})


def _labels(records: Sequence[_Record]) -> tuple[list[str], list[_Mistake]]:
    wrong = [record for record in records if record["label"] != record["truth"]]
    return ["truth", "answer", "confidence", "line", "text"], [
        _Mistake(
            -float(record.get("probabilities", {}).get(record["truth"], 0.0)),
            [record["truth"], record["label"], f"{record['confidence']:.2f}", _line(record), _text(record)],
        )
        for record in wrong
    ]


def _label_sets(records: Sequence[_Record]) -> tuple[list[str], list[_Mistake]]:
    wrong = [record for record in records if {*record["labels"]} != {*record["truth"]}]
    return ["truth", "answer", "line", "text"], [
        _Mistake(
            sum(abs((label in record["truth"]) - p) for label, p in record["probabilities"].items()),
            [written(record["truth"]), written(record["labels"]), _line(record), _text(record)],
        )
        for record in wrong
    ]


def _steps(records: Sequence[_Record]) -> tuple[list[str], list[_Mistake]]:
    """Of words, with the line that their sequence is on, and of frames; steps are counted from 1."""
    return ["truth", "answer", "confidence", "line", "step", "at"], [
        _Mistake(
            sure,
            [
                truth,
                answer,
                f"{sure:.2f}",
                _line(record) if "words" in record else "",
                place + 1,
                _around(record, place),
            ],
        )
        for record in records
        for place, truth, answer, sure in _answered(record)
        if truth != answer
    ]


def _answered(record: _Record) -> Iterator[tuple[int, str, str, float]]:
    """The place, the truth, the answer and its confidence of each step that has an answer."""
    answers = next(record[name] for name in ("answers", "tags", "labels") if name in record)
    places = asked(record["words"]) if "answers" in record else range(len(answers))
    confidences = record["sure"] or [0.0] * len(answers)
    for place, answer, sure in zip(places, answers, confidences, strict=True):
        yield place, record["truth"][place], answer, sure


def _around(record: _Record, place: int) -> str:
    """The word with its neighbours; of frames, the name of the sequence."""
    if "words" not in record:
        return _text(record)
    words, first = record["words"], max(0, place - _AROUND)
    return " ".join([*words[first:place], f"[{words[place]}]", *words[place + 1 : place + 1 + _AROUND]])


def _numbers(records: Sequence[_Record]) -> tuple[list[str], list[_Mistake]]:
    sides = [[_each(record[side]) for side in ("truth", "number", "low", "high")] for record in records]
    names = sides[0][0].keys()
    # Several numbers have units of their own.
    scales = {name: _deviation([truth[name] for truth, *_ in sides]) for name in names}
    found = [
        _Mistake(
            abs(truth[name] - number[name]) / scales[name],
            [
                *([name] if name else []),
                *(numbers_text([side[name]]) for side in (truth, number)),
                f"{low[name]:.4g} to {high[name]:.4g}",
                _line(record),
                _text(record),
            ],
        )
        for record, (truth, number, low, high) in zip(records, sides, strict=True)
        for name in names
    ]
    columns = ["truth", "answer", "interval", "line", "text"]
    return columns if "" in names else ["", *columns], found


def _each(value: Any) -> Mapping[str, float]:
    return value if isinstance(value, Mapping) else {"": value}


def _deviation(values: Sequence[float]) -> float:
    average = sum(values) / len(values)
    return float((sum((value - average) ** 2 for value in values) / len(values)) ** 0.5) or 1.0


def _texts(records: Sequence[_Record]) -> tuple[list[str], list[_Mistake]]:
    found = []
    for record in records:
        output = next(record[name] for name in _OUTPUTS if name in record)
        if canonical(output) not in map(canonical, record["truth"]):
            score = record["score"] if "score" in record else record["log_probability"]
            found.append(_Mistake(score, [" | ".join(record["truth"]), output, _line(record), _text(record)]))
    return ["truth", "answer", "line", "input"], found


def _line(record: _Record) -> str:
    return Path(str(record.get("source", ""))).name.rpartition(":")[2]


def _text(record: _Record) -> str:
    return record["input"] if isinstance(record["input"], str) else " | ".join(map(str, record["input"]))


def _has(*names: str) -> Callable[[_Record], bool]:
    return lambda record: {"truth", *names} <= record.keys()


_KINDS: tuple[
    tuple[Callable[[_Record], bool], Callable[[Sequence[_Record]], tuple[list[str], list[_Mistake]]]], ...
] = (
    (_has("label", "confidence"), _labels),
    (lambda record: _has("labels", "probabilities")(record) and isinstance(record["input"], str), _label_sets),
    (lambda record: _has("sure")(record) and not {"answers", "tags", "labels"}.isdisjoint(record), _steps),
    (_has("number", "low", "high"), _numbers),
    (lambda record: _has()(record) and not {*_OUTPUTS}.isdisjoint(record), _texts),
)
"""What a record of each kind has, and what finds the mistakes of those records"""
