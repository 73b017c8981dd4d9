"""``seqkit generate RUN``: a model continues a text."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from itertools import chain

import click

from seqkit.commands.adaptation import adapted_model, dynamic_flag, dynamic_options, dynamic_settings
from seqkit.commands.completion import complete_runs
from seqkit.commands.device import cell_option, device_option
from seqkit.commands.output import data_stream, echo


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option("--prompt", default="", metavar="TEXT", help="The text to continue. [none]")
@click.option("--length", default=500, metavar="INT", help="Tokens to write; 0: until Ctrl-C. [500]")
@click.option(
    "--temperature",
    default=1.0,
    metavar="FLOAT",
    help="Below 1: more conservative; 0: always the most likely token. [1.0]",
)
@click.option("--top-k", default=0, metavar="INT", help="Sample from the k most likely tokens only; 0: all. [0]")
@click.option(
    "--top-p",
    default=1.0,
    metavar="FLOAT",
    help="Nucleus sampling: the smallest set of tokens whose probabilities add up to this. [1.0]",
)
@click.option(
    "--no-repeat-ngram", default=0, metavar="INT", help="Never repeat an n-gram of this many tokens; 0: no limit. [0]"
)
@click.option(
    "--stop", multiple=True, metavar="TEXT", help="Stop before this text; if repeated, before whichever comes first."
)
@click.option("--seed", default=0, metavar="INT", help="Seed of the sampling; another seed gives another text. [0]")
@device_option
@cell_option
@dynamic_flag
@dynamic_settings
def command(
    run: str,
    prompt: str,
    length: int,
    temperature: float,
    top_k: int,
    top_p: float,
    no_repeat_ngram: int,
    stop: tuple[str, ...],
    seed: int,
    device: str | None,
    cell: str | None,
    dynamic: bool,
    settings: tuple[str, ...],
) -> None:
    """Continue a prompt with a run's best model; text is printed as it is sampled.

    A token is a character, a byte or a word, as the run was trained. Text comes out in UTF-8. With --dynamic the model
    first learns from the prompt. A run of --reverse true writes what comes before the prompt.
    """
    from seqkit.runs import load

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    prompt, notes = prompt.encode("utf-8", "replace").decode(), list[str]()
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    limits = {"length": length, "no_repeat_ngram": no_repeat_ngram, "stop": stop}
    adaptation, model = dynamic_options(dynamic, settings), load(run, device, cell)
    if adaptation is not None:
        model = adapted_model(model, prompt, adaptation)
    pieces = model.generate(prompt, notes=notes, **limits, **options)
    for note in notes:
        echo(f"note: {note}", err=True)
    out = data_stream()
    try:
        backward = getattr(model.codec, "reverse", False)
        for piece in chain(pieces, [prompt]) if backward else chain([prompt], pieces):
            out.write(piece)
            out.flush()
    except KeyboardInterrupt:
        # Ctrl-C is how a text without end ends, and no failure.
        if length:
            raise
    echo()
