"""``seqkit predict RUN``: apply a run's model to texts."""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from seqkit.errors import SeqkitError, UsageError

if TYPE_CHECKING:
    from seqkit.runs import Model

_TOGETHER = 256


@click.command()
@click.argument("run")
@click.argument("texts", nargs=-1)
@click.option("--input", "source", metavar="FILE", help="A file with a text on each line; - for standard input.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="An option of the search, by its name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, with all that is known.")
def command(run: str, texts: tuple[str, ...], source: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Apply a run's best model to texts: given as arguments, as a file, or on standard input.

    Standard input is answered line by line as it arrives; an empty line gets an answer too.
    """
    from seqkit.runs import load

    if texts and source:
        raise UsageError("give texts or --input, not both")
    if not texts and source is None:
        if sys.stdin.isatty():
            raise UsageError(f'give a text: seqkit predict {run} "…", or a file: --input FILE')
        source = "-"
    if source is not None and source != "-" and not Path(source).is_file():
        raise UsageError(f"no file {source}; check the path")
    model = load(run)
    options = dict(_option(model, setting) for setting in settings)
    for group in [list(texts)] if texts else _groups(source or "-"):
        _print(model, group, options, as_json)


def _option(model: Model, setting: str) -> tuple[str, Any]:
    from seqkit.training.config import parse_setting

    name, value = parse_setting(type(model.config), setting)
    known = model.task.while_predicting
    if name not in known:
        there = f"choose one of: {', '.join(known)}" if known else f"a {model.task.name} model has none"
        raise UsageError(f"{name} is no option of predicting; {there}")
    return name, value


def _print(model: Model, texts: list[str], options: dict[str, Any], as_json: bool) -> None:
    predictions = model.predict([model.task.from_text(text) for text in texts], **options)
    for text, prediction in zip(texts, predictions, strict=True):
        line, facts = model.task.show(prediction)
        shown = text.encode("utf-8", "replace").decode()
        click.echo(json.dumps({"input": shown, **facts}, ensure_ascii=False) if as_json else f"{line}\t{shown}")
    sys.stdout.flush()


def _groups(source: str) -> Iterator[list[str]]:
    if source == "-":
        yield from _arriving(sys.stdin.buffer)
        return
    from seqkit.data import read_lines

    group: list[str] = []
    for _, line in read_lines(Path(source)):
        group.append(line)
        if len(group) == _TOGETHER:
            yield group
            group = []
    if group:
        yield group


def _arriving(stream: BinaryIO) -> Iterator[list[str]]:
    """Lines as they come: one alone from a person, many together from a pipe that is ahead of us."""
    from seqkit.data import read_lines

    arrived: queue.Queue[str | SeqkitError | None] = queue.Queue(maxsize=4 * _TOGETHER)

    def read() -> None:
        try:
            for _, line in read_lines(stream, "standard input"):
                arrived.put(line)
            arrived.put(None)
        except SeqkitError as error:
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()
    end: str | SeqkitError | None = ""
    while isinstance(end, str):
        group: list[str] = []
        end = arrived.get()
        while isinstance(end, str):
            group.append(end)
            if len(group) == _TOGETHER or arrived.empty():
                break
            end = arrived.get()
        if group:
            yield group
    if end is not None:
        raise end
