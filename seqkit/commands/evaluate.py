"""``seqkit evaluate RUN``: score a run's model."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("run")
@click.option("--data", metavar="FILE", help="Score on this file instead of the run's own test split.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as one JSON object.")
def command(run: str, data: str | None, as_json: bool) -> None:
    """Score a run's best model on its test split, or on a file."""
    from seqkit.commands.terminal import print_tables
    from seqkit.runs import load
    from seqkit.tables import Table

    model = load(run)
    task = model.task
    examples = task.read_file(model.config, Path(data), model.codec) if data else task.read(model.config, []).test
    predictions = model.predict([task.input_of(example) for example in examples])
    scores = task.score(predictions, examples)
    if as_json:
        click.echo(json.dumps({"examples": len(examples), **scores}))
        return
    rows = [["examples", len(examples)], *([name.replace("_", "-"), value] for name, value in scores.items())]
    title = f"{task.name}: {data or 'test split'}"
    print_tables([Table(title, ["", "value"], rows), *task.tables(predictions, examples)])
