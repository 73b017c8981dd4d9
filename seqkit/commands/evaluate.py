"""``seqkit evaluate RUN``: score a run's model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seqkit.commands.adaptation import dynamic_flag, dynamic_options, dynamic_settings, predict_dynamically
from seqkit.commands.completion import complete_runs
from seqkit.commands.device import cell_option, device_option, precision_option
from seqkit.commands.output import echo, echo_data
from seqkit.commands.processes import called, load_on
from seqkit.errors import UsageError

if TYPE_CHECKING:
    from seqkit.runs import Model
    from seqkit.topologies.next_step import DynamicOptions
    from seqkit.training.distributed import Processes

F = TypeVar("F", bound=Callable[..., Any])
_READING = {
    "text_column": "Column of the text.",
    "label_column": "Column of the label.",
    "source_column": "Column of the source.",
    "target_column": "Column of the target.",
    "word_column": "Column of the words.",
    "tag_column": "Column of the tags.",
    "label_separator": "Separator of labels in a column.",
    "columns": "Names of a table's columns, separated by commas, if its first line does not name them.",
    "encoding": "Encoding of the file. [UTF-8, or what its byte order mark says]",
}
"""Options of a run that say how a file is read, as far as a task has them; unless given, they are those of the run."""
_OF_THE_FILE = ("columns", "encoding")
"""Those that another file need not share with the training data"""


def _reading_options(function: F) -> F:
    for name, text in reversed(_READING.items()):
        flag = f"--{name.replace('_', '-')}"
        whose = "" if name in _OF_THE_FILE else " [the run's own]"
        function = click.option(flag, name, metavar="NAME", help=text + whose)(function)
    return function


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option("--data", metavar="FILE", help="Score on this file instead of the run's test split.")
@click.option("--source", metavar="FILE", help="Instead of --data: a text file, one sentence per line ...")
@click.option("--target", metavar="FILE", help="... and their translations, line by line.")
@_reading_options
@click.option("--json", "as_json", is_flag=True, help="Print the scores as one JSON object.")
@device_option
@precision_option
@cell_option
@dynamic_flag
@dynamic_settings
def command(
    run: str,
    data: str | None,
    source: str | None,
    target: str | None,
    as_json: bool,
    device: str | None,
    precision: str | None,
    cell: str | None,
    dynamic: bool,
    settings: tuple[str, ...],
    **reading: str | None,
) -> None:
    """Score a run's best model on its test split, or on a file.

    With --precision, also in the precision that the run was trained with, side by side.
    """
    from seqkit.runs.ensemble import check_test_split
    from seqkit.training.distributed import joined

    options = dynamic_options(dynamic, settings)
    given = {name: value for name, value in reading.items() if value is not None}
    _check_files(data, source, target, given)
    if not (data or source):
        check_test_split(Path(run))
    asked = called("evaluate", run, data, source, target, *given.values(), precision, device)
    with joined({"command": asked}) as processes:
        model = load_on(processes, run, device, cell)
        examples = _examples(model, data, (source, target), given, processes.first)
        predict = _predicting(processes, model, run, examples, options)
        _evaluate(model, examples, predict, precision, dynamic, data or source or "test split", as_json)


def _predicting(
    processes: Processes, model: Model, run: str, examples: Sequence[Any], options: DynamicOptions | None
) -> Callable[[], list[Any] | None]:
    """Predicts the examples; the first of several processes has the predictions, the others None."""
    from seqkit.runs.fingerprint import content_digest
    from seqkit.runs.model import answering_digest
    from seqkit.topologies import SharedItems, help_predict, predict_items
    from seqkit.training.helping import help_first, helped

    inputs = [model.task.input_of(example) for example in examples]
    if options is not None:
        if processes.size > 1:
            raise UsageError("with --dynamic a text is read in its order, by one process; call it without torchrun")
        return lambda: predict_dynamically(model, inputs, options)
    if processes.size == 1:
        return lambda: model.answers(inputs)
    facts = {"run": answering_digest(Path(run)), "set of examples": content_digest(examples)}
    processes.check_same(facts, "give all processes the same run and data")
    items = SharedItems(map(model.codec.encode, inputs), "inputs", processes)

    def predict() -> list[Any] | None:
        if not processes.first:
            help_first(processes, partial(help_predict, model.head, model.codec, model.config, [items]))
            return None
        with helped(processes):
            return predict_items(model.head, model.codec, items, model.config).predictions

    return predict


def _evaluate(
    model: Model,
    examples: Sequence[Any],
    predict: Callable[[], list[Any] | None],
    precision: str | None,
    dynamic: bool,
    what: str,
    as_json: bool,
) -> None:
    from seqkit.commands.terminal import print_tables
    from seqkit.runs.model import set_precision
    from seqkit.tables import Table

    task, own = model.task, dict[str, Any]()
    if precision is not None:
        before = predict()
        own = {} if before is None else {model.config.precision: task.score(before, examples)}
        set_precision(model, precision)
    predictions = predict()
    if predictions is None:
        return
    scores = task.score(predictions, examples)
    if as_json:
        beside = {"precision": precision, "own_precision": own} if own else {}
        echo_data(json.dumps({"examples": len(examples), **scores, **beside}))
        return
    title = f"{task.name}: {what}{', dynamic evaluation' if dynamic else ''}"
    compared = {**own, precision or "value": scores}
    rows = [[name.replace("_", "-"), *(each[name] for each in compared.values())] for name in scores]
    rows = [["examples", *[len(examples)] * len(compared)], *rows]
    print_tables([Table(title, ["", *compared], rows), *task.tables(predictions, examples)])


def _check_files(data: str | None, source: str | None, target: str | None, given: Mapping[str, str]) -> None:
    if bool(source) != bool(target) or (data and source):
        raise UsageError("give --source and --target, two files with matching lines, or --data")
    if given and not (data or source):
        flag = next(iter(given)).replace("_", "-")
        raise UsageError(f"--{flag} says how a file is read; give the file with --data")


def _examples(
    model: Model, data: str | None, parallel: tuple[str | None, str | None], given: Mapping[str, str], speaks: bool
) -> list[Any]:
    """The test split of the run, or the examples of files; notes about these go to standard error, if it speaks."""
    from seqkit.topologies import ReadsParallel

    task, (source, target) = model.task, parallel
    if not (data or source):
        from seqkit.runs.prepared import read_splits

        return list(read_splits(task, model.config, []).test)
    config, notes = _with_reading(model, given), list[str]()
    if data:
        examples = task.read_file(config, Path(data), model.codec)
    elif isinstance(task, ReadsParallel):
        examples = task.read_parallel(config, Path(str(source)), Path(str(target)), notes)
    else:
        raise UsageError(f"a {task.name} model reads no parallel files; name a file with --data")
    for note in notes if speaks else []:
        echo(f"note: {note}", err=True)
    return examples


def _with_reading(model: Model, given: Mapping[str, str]) -> Any:
    """The configuration of the run with what is said of the file."""
    from seqkit.config import options_of

    known = options_of(type(model.config))
    for name in given:
        if name not in known:
            there = ", ".join(known[other].flag for other in _READING if other in known)
            raise UsageError(f"a {model.task.name} model has no --{name.replace('_', '-')}; choose among {there}")
    values = {name: known[name].parse(text, known[name].flag) for name, text in given.items()}
    # In which encoding the training data were says nothing about this file.
    return replace(model.config, **{**dict.fromkeys(_OF_THE_FILE), **values})
