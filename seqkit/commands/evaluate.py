"""``seqkit evaluate RUN``: score a run's model."""

from __future__ import annotations

import json
from pathlib import Path

import click

from seqkit.commands.adaptation import dynamic_flag, dynamic_options, dynamic_settings, predict_dynamically
from seqkit.commands.output import echo_data


@click.command()
@click.argument("run")
@click.option("--data", metavar="FILE", help="Score on this file instead of the run's own test split.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as one JSON object.")
@dynamic_flag
@dynamic_settings
def command(run: str, data: str | None, as_json: bool, dynamic: bool, settings: tuple[str, ...]) -> None:
    """Score a run's best model on its test split, or on a file."""
    from seqkit.commands.terminal import print_tables
    from seqkit.runs import load
    from seqkit.runs.ensemble import check_test_split
    from seqkit.tables import Table

    options = dynamic_options(dynamic, settings)
    if not data:
        check_test_split(Path(run))
    model = load(run)
    task = model.task
    examples = task.read_file(model.config, Path(data), model.codec) if data else task.read(model.config, []).test
    inputs = [task.input_of(example) for example in examples]
    predictions = model.predict(inputs) if options is None else predict_dynamically(model, inputs, options)
    scores = task.score(predictions, examples)
    if as_json:
        echo_data(json.dumps({"examples": len(examples), **scores}))
        return
    rows = [["examples", len(examples)], *([name.replace("_", "-"), value] for name, value in scores.items())]
    title = f"{task.name}: {data or 'test split'}{', dynamic evaluation' if dynamic else ''}"
    print_tables([Table(title, ["", "value"], rows), *task.tables(predictions, examples)])
