"""``--dynamic``: a language model that adapts to what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from seqkit.errors import UsageError

if TYPE_CHECKING:
    from seqkit.runs import Model
    from seqkit.topologies.next_step import DynamicEvaluation, DynamicOptions

dynamic_flag = click.option("--dynamic", is_flag=True, help="Keep learning from the text being read (language models).")
dynamic_settings = click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="With --dynamic: set segment, learning_rate or decay.",
)


def dynamic_options(dynamic: bool, settings: Sequence[str]) -> DynamicOptions | None:
    """The options of dynamic evaluation; None without ``--dynamic``, which the settings need."""
    from seqkit.config import parse_setting
    from seqkit.topologies.next_step import DynamicOptions

    if settings and not dynamic:
        raise UsageError("--set gives the options of dynamic evaluation; add --dynamic")
    return DynamicOptions(**dict(parse_setting(DynamicOptions, text) for text in settings)) if dynamic else None


def predict_dynamically(model: Model, inputs: Sequence[Any], options: DynamicOptions) -> list[Any]:
    """What ``model.predict`` returns, of a model that adapts to each input while it reads it."""
    evaluation = _evaluation(model, options)
    texts = [model.codec.encode(value) for value in inputs]
    with _bar("adapting to the text", sum(map(model.codec.length, texts))) as advance:
        return evaluation.predict(texts, advance)


def adapted_model(model: Model, prompt: str, options: DynamicOptions) -> Model:
    """The model after it has learned from a prompt; the one given stays as it is."""
    from seqkit.runs import Model

    evaluation = _evaluation(model, options)
    tokens = model.codec.encode(prompt).tokens
    with _bar("adapting to the prompt", len(tokens)) as advance:
        return Model(model.task, model.config, model.codec, evaluation.adapt(tokens, advance))


def _evaluation(model: Model, options: DynamicOptions) -> DynamicEvaluation:
    """Measures gradients on the training split of the run; raises :class:`UsageError` for another model."""
    from seqkit.runs.prepared import read_splits
    from seqkit.topologies import EnsembleHead
    from seqkit.topologies.next_step import DynamicEvaluation, LanguageModelHead, StreamCodec, gradient_sample

    head, codec = model.head, model.codec
    if isinstance(head, EnsembleHead):
        raise UsageError("an ensemble cannot adapt; leave out --dynamic, or name one of its members")
    if not (isinstance(head, LanguageModelHead) and isinstance(codec, StreamCodec)):
        raise UsageError(f"a {model.task.name} model is not a language model and cannot adapt; leave out --dynamic")
    tokens = gradient_sample(codec, read_splits(model.task, model.config, []).train[0])
    with _bar("measuring gradients on the training split", len(tokens)) as advance:
        return DynamicEvaluation.from_training(head, tokens, options, advance)


@contextmanager
def _bar(what: str, tokens: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error if that is a terminal; yields what is told the tokens just read."""
    from rich.progress import Progress

    from seqkit.commands.terminal import steady_console

    console = steady_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=tokens)
        yield lambda count: bar.advance(task, count)
