"""``seqkit predict --input FOLDER|FILE`` where a file is a sequence: a table with a row for each of its steps."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from seqkit.commands.output import echo, echo_data
from seqkit.data.readers import FileForm, read_records
from seqkit.errors import UsageError
from seqkit.files import remove_drafts_of, write_atomic
from seqkit.runs import Model
from seqkit.runs.answer_columns import PREFIX
from seqkit.topologies import LabelsSteps, NamesFiles

_TABLES = (".csv", ".tsv", ".tab")
_TOGETHER = 64
"""Sequences that are read and answered together"""


def sequences_of(model: Model, path: Path, form: FileForm) -> list[Path] | None:
    """The files of sequences that an input is; None for an input of another kind."""
    return model.task.sequence_files(model.codec, path, form) if isinstance(model.task, LabelsSteps) else None


def answer_sequences(
    model: Model, source: Path, files: Sequence[Path], output: Path | None, form: FileForm, as_json: bool
) -> None:
    """Writes a table for each sequence; of a folder without ``output``, or with a file, one table of all.

    Raises :class:`UsageError` for an output that would be written over what is read.
    """
    answered = _answered(model, files, form)
    folder = output if output and source.is_dir() and output.suffix.lower() not in (*_TABLES, ".jsonl") else None
    if folder and not as_json:
        _check_folder(source, folder)
        for file, prediction in answered:
            target = (folder / file.relative_to(source)).with_suffix(file.suffix if file.suffix in _TABLES else ".csv")
            target.parent.mkdir(parents=True, exist_ok=True)
            remove_drafts_of(target)
            write_atomic(target, "".join(_table(model, file, prediction, form)).encode())
        echo(f"{len(files)} {'table' if len(files) == 1 else 'tables'} in {folder}", err=True)
        return
    if as_json:
        _write(_objects(model, answered), output)
    elif source.is_dir():
        _write(_together(model, source, answered, output), output)
    else:
        _write((line for file, prediction in answered for line in _table(model, file, prediction, form)), output)


def _check_folder(source: Path, folder: Path) -> None:
    if folder.is_file():
        raise UsageError(f"{folder} is a file; name a folder with --output, or a .csv for one table of all sequences")
    if folder.exists() and folder.samefile(source):
        raise UsageError("--output must be another folder than --input; nothing is written over what is read")


def _answered(model: Model, files: Sequence[Path], form: FileForm) -> Iterator[tuple[Path, Any]]:
    remaining = iter(files)
    while group := [*islice(remaining, _TOGETHER)]:
        raws = [_read(model, file, form) for file in group]
        yield from zip(group, model.answers(raws), strict=True)


def _read(model: Model, file: Path, form: FileForm) -> Any:
    task = model.task
    return (
        task.read_named_file(str(file), model.codec, form)
        if isinstance(task, NamesFiles)
        else task.parse_input(str(file))
    )


def _columns(model: Model, prediction: Any) -> Mapping[str, list[str]]:
    task = model.task
    found = task.step_columns(prediction) if isinstance(task, LabelsSteps) else {}
    return {f"{PREFIX}{name}": [*map(_cell, values)] for name, values in found.items()}


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _table(model: Model, file: Path, prediction: Any, form: FileForm) -> Iterator[str]:
    """The rows of a sequence as they were, with columns beside them; of an array, the numbers of its steps."""
    columns = _columns(model, prediction)
    answers = zip(*columns.values(), strict=True)
    mark = "," if file.suffix.lower() not in _TABLES[1:] else "\t"
    if file.suffix.lower() not in _TABLES:
        yield _line(["frame", *columns], mark)
        yield from (_line([str(number), *answer], mark) for number, answer in enumerate(answers, 1))
        return
    records = read_records(file, encoding=form.encoding, columns=form.columns)
    for number, (record, answer) in enumerate(zip(records, answers, strict=True)):
        if number == 0:
            yield _line([*record.values.header, *columns], mark)
        yield _line([*record.values.cells, *answer], mark)


def _together(model: Model, source: Path, answered: Iterable[tuple[Path, Any]], output: Path | None) -> Iterator[str]:
    """One table of all sequences: the file and the number of each step, and what is said of it."""
    mark = "\t" if output and output.suffix.lower() in _TABLES[1:] else ","
    for number, (file, prediction) in enumerate(answered):
        columns = _columns(model, prediction)
        if number == 0:
            yield _line(["file", "frame", *columns], mark)
        for step, answer in enumerate(zip(*columns.values(), strict=True), 1):
            yield _line([str(file.relative_to(source)), str(step), *answer], mark)


def _objects(model: Model, answered: Iterable[tuple[Path, Any]]) -> Iterator[str]:
    for file, prediction in answered:
        facts = model.task.format_prediction(prediction)[1]
        yield json.dumps({"input": str(file), **facts}, ensure_ascii=False) + "\n"


def _line(cells: Sequence[str], mark: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=mark, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _write(lines: Iterable[str], output: Path | None) -> None:
    if output is not None:
        remove_drafts_of(output)
        write_atomic(output, "".join(lines).encode())
        return
    for line in lines:
        echo_data(line.removesuffix("\n"))
