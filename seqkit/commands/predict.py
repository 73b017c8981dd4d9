"""``seqkit predict RUN``: apply a run's model to texts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from seqkit.commands.completion import complete_runs
from seqkit.commands.device import cell_option, device_option, precision_option
from seqkit.commands.output import echo, echo_data
from seqkit.commands.processes import called, load_on
from seqkit.errors import UsageError
from seqkit.machine import launched

if TYPE_CHECKING:
    from seqkit.commands.answering import PredictRequest
    from seqkit.runs import Model

_FORMATS = ("csv", "tsv", "jsonl", "json", "conll", "conllu")
_LONGEST = 1 << 22
"""Bytes in a line of a stream, at most: a stream without line ends must not fill the memory."""

_LONGEST_PATH = 255
"""Letters of a name that a file may have; the system refuses to look for a longer one."""


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.argument("texts", nargs=-1)
@click.option("--input", "source", metavar="FILE", help="A file, or a folder of sequences; - for standard input.")
@click.option(
    "--format", "form", metavar="csv|tsv|jsonl|json|conll|conllu", help="Format of standard input. [one text per line]"
)
@click.option("--text-column", "column", metavar="NAME", help="Column of the text in a table. [the run's own]")
@click.option("--encoding", metavar="NAME", help="Encoding of the file. [UTF-8, or what its byte order mark says]")
@click.option("--columns", metavar="A,B,C", help="Names of a table's columns, if its first line does not name them.")
@click.option("--output", metavar="FILE", help="File for the answers. [standard output]")
@click.option("--shard", "part", metavar="I/N", help="Answer shard I of N of the file: 1/8 is the first of eight.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Set an option of the search by name.")
@click.option("--stream", is_flag=True, help="Each line is a step of one sequence; a blank line starts a new one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line, with all details.")
@device_option
@precision_option
@cell_option
def command(
    run: str,
    texts: tuple[str, ...],
    source: str | None,
    form: str | None,
    column: str | None,
    encoding: str | None,
    columns: str | None,
    output: str | None,
    part: str | None,
    settings: tuple[str, ...],
    stream: bool,
    as_json: bool,
    device: str | None,
    precision: str | None,
    cell: str | None,
) -> int:
    """Apply a run's best model to texts given as arguments, in a file, or on standard input.

    A file has a text on each line, or is a table (.csv, .tsv, .jsonl, .json; also compressed), which is written back
    with the same rows in the same order and the predictions in additional columns. A blank input keeps its place and
    gets no answer.

    Standard input is answered line by line as it arrives; with --format it is a table, answered row by row.

    With --output, answers are written to OUTPUT.partial, which is renamed when it is complete. Run again with the same
    input and model, an interrupted command continues from there. An OUTPUT that ends in .parquet is written as
    Parquet, and starts from the beginning.

    For a run on frames, FILE is a sequence or a folder of sequences, and each row gets the label of its frame and its
    probability. A folder is answered as one table, or with --output FOLDER as a table for each sequence.

    With --shard each shard is a separate table; all of them, in order, make up the undivided answer.

    Under torchrun, processes share the rows of a file.

    With --stream each line is a frame: numbers separated by commas, semicolons, tabs or spaces. Each is answered as
    soon as the model has seen enough. A line that cannot be read is reported, the stream continues, and the exit code
    is 1 at the end.
    """
    from seqkit.commands.answering import PredictRequest
    from seqkit.commands.shards import parse_shard
    from seqkit.data.readers import file_form
    from seqkit.training.distributed import joined

    if stream and (texts or settings or column or output or form or encoding or columns or part):
        raise UsageError(
            "a stream takes neither texts nor --set, --format, --text-column, --encoding, --columns, --shard or "
            "--output; give its lines with --input FILE, or - for standard input"
        )
    if stream and launched():
        raise UsageError("a stream is read in its order, by one process; call it without torchrun")
    source = _checked_source(run, texts, source)
    path, streamed = _input_path(source, form), source == "-"
    request = PredictRequest(
        texts, path, column, Path(output) if output else None, as_json, streamed, file_form(encoding, columns)
    )
    request = replace(request, shard=None if part is None else parse_shard(part))
    request.check()
    with joined({"command": called("predict", run, precision, device)}) as processes:
        model = load_on(processes, run, device, cell, precision)
        request = replace(request, processes=processes)
        if stream:
            return _stream(model, request, source or "-", as_json, precision)
        return _answer(model, run, request, settings, precision)


def _stream(model: Model, request: PredictRequest, source: str, as_json: bool, precision: str | None) -> int:
    from seqkit.layers.recurrent import weights_stand_still

    _check_folder(model, request.path)
    # Whether the weights are those of before takes longer to find out than a step in int8 does.
    with weights_stand_still(model.head) if precision == "int8" else nullcontext():
        return _follow(model, source, as_json)


def _answer(model: Model, run: str, request: PredictRequest, settings: Sequence[str], precision: str | None) -> int:
    from seqkit.commands.answering import answer
    from seqkit.commands.sequences import answer_sequences, sequences_of
    from seqkit.runs.model import answering_digest
    from seqkit.runs.shared_answers import help_predict_rows

    # What an interrupted command wrote in one precision is not continued in another.
    digest = answering_digest(Path(run)) + (f" {precision}" if precision else "")
    request.processes.check_same({"run": digest}, "give all processes the same run")
    if not request.processes.first:
        help_predict_rows(request.processes, model)
        return 0
    path, files = request.path, None
    if path and not (request.streamed or request.column):
        files = sequences_of(model, path, request.form)
    if path and files is not None:
        if request.shard or settings or request.in_parquet or request.processes.size > 1:
            raise UsageError(
                "sequences are answered with tables; leave out --shard, --set, torchrun, and an output in Parquet"
            )
        answer_sequences(model, path, files, request.output, request.form, request.as_json)
        return 0
    _check_folder(model, path)
    _check_texts(model, run, request.texts)
    options = dict(_option(model, setting) for setting in settings)
    answer(model, replace(request, model=digest), options)
    return 0


def _checked_source(run: str, texts: Sequence[str], source: str | None) -> str | None:
    """Where inputs come from: a file, ``-`` for standard input, or None for texts."""
    if texts and source:
        raise UsageError("give texts or --input, not both")
    if not texts and source is None:
        if sys.stdin is not None and sys.stdin.isatty():
            raise UsageError(f'give a text: seqkit predict {run} "…", or a file: --input FILE')
        source = "-"
    if source == "-" and sys.stdin is None:
        raise UsageError("standard input is closed; give a text, or a file with --input FILE")
    if source is not None and source != "-" and not Path(source).exists():
        raise UsageError(f"no file {source}; check the path")
    return source


def _check_texts(model: Model, run: str, texts: Sequence[str]) -> None:
    """Raises :class:`UsageError` for the name of a file, where the model takes texts: nobody means its letters."""
    for text in texts:
        names_file = "\n" not in text and len(text) < _LONGEST_PATH and Path(text).is_file()
        if names_file and not isinstance(model.task.parse_input(text), Path):
            command = f"seqkit predict {quote(run)} --input {quote(text)}"
            raise UsageError(f"{text} is a file; for what is in it: {command}")


def _check_folder(model: Model, path: Path | None) -> None:
    """Raises :class:`UsageError` for a folder, unless it has texts by label and the model takes texts."""
    from seqkit.data.readers import holds_class_folders

    if path is not None and path.is_dir() and not (model.task.answers_class_folders and holds_class_folders(path)):
        raise UsageError(f"{path} is a folder; give a file in it")


def _input_path(source: str | None, form: str | None) -> Path | None:
    """The file; for a table on standard input, a name whose ending tells its format."""
    if form is not None and (source != "-" or form not in _FORMATS):
        raise UsageError(f"--format says what standard input is: {', '.join(_FORMATS)}; a file's ending says it")
    if source == "-":
        return Path(f"standard input.{form}") if form else None
    return None if source is None else Path(source)


def _follow(model: Model, source: str, as_json: bool) -> int:
    """Answers each line of a stream; the exit code is 1 if one could not be read."""
    from seqkit.data import DataError

    stream, code = model.stream(), 0

    def show(predictions: Iterable[Any]) -> None:
        for prediction in predictions:
            line, facts = model.task.format_prediction(prediction)
            echo_data(json.dumps(facts, ensure_ascii=False) if as_json else line)

    with nullcontext(sys.stdin.buffer) if source == "-" else Path(source).open("rb") as file:
        name = "standard input" if source == "-" else source
        for number, line in enumerate(iter(partial(file.readline, _LONGEST), b""), 1):
            text = line.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
            try:
                answer = stream.push(text) if text.strip() else None
            except DataError as error:
                echo(f"{name}:{number}: {error}", err=True)
                code = 1
                continue
            show([] if answer is None else [answer])
            if not text.strip():
                show(stream.finish())
                # In JSON the number of the frame says that another sequence begins.
                echo("", nl=not as_json)
    show(stream.finish())
    return code


def _option(model: Model, setting: str) -> tuple[str, Any]:
    from seqkit.config import parse_setting

    name, value = parse_setting(type(model.config), setting)
    known = model.task.prediction_options
    if name not in known:
        hint = f"choose one of: {', '.join(known)}" if known else f"a {model.task.name} model has none"
        raise UsageError(f"{name} is not an option of predict; {hint}")
    return name, value
