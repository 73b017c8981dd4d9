"""``seqkit vectors TEXT``: word vectors from any text, and what occurs near a word in them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqkit.commands.output import echo
from seqkit.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

_LISTED = 10


@click.command()
@click.argument("source", metavar="FILE")
@click.option("--out", metavar="FILE", help="Train on FILE, and write to .txt, .vec (.gz of both) or .safetensors.")
@click.option("--size", default=100, type=click.IntRange(1), metavar="INT", help="Size of a vector. [100]")
@click.option("--window", default=5, type=click.IntRange(1, 100), metavar="INT", help="Context words on each side. [5]")
@click.option(
    "--min-count", default=2, type=click.IntRange(1), metavar="INT", help="Ignore words that are rarer than this. [2]"
)
@click.option("--max-symbols", default=30000, type=click.IntRange(2), metavar="INT", help="Largest vocabulary. [30000]")
@click.option("--text-column", metavar="TEXT", help="Column of the text in a CSV, TSV or JSONL. [guessed]")
@click.option("--seed", default=0, type=click.IntRange(0, 2**31 - 1), metavar="INT", help="Seed. [0]")
@click.option("--near", multiple=True, metavar="WORD", help="Show the words nearest to this one; repeatable.")
def command(
    source: str,
    out: str | None,
    size: int,
    window: int,
    min_count: int,
    max_symbols: int,
    text_column: str | None,
    seed: int,
    near: Sequence[str],
) -> None:
    """Train word vectors on a text, or query a file of them.

    With --out, FILE is a text file or a table with a column of texts; tasks with an option --vectors read the result.
    Without --out, FILE contains vectors, and --near WORD shows the words nearest to one.
    """
    from seqkit.data.vector_files import check_ending, load_vectors, write_vectors

    if out is None and not near:
        raise UsageError("say what to do: --out FILE writes vectors of a text, --near WORD queries a file of vectors")
    if out is None:
        words, matrix = load_vectors(Path(source))
    else:
        check_ending(Path(out))
        words, matrix = _train(Path(source), text_column, (size, window, min_count, max_symbols, seed))
        write_vectors(Path(out), words, matrix)
        echo(f"{len(words):,} vectors of {size} values are in {out}; try:")
        echo(f"  seqkit vectors {out} --near {words[min(len(words) - 1, 100)]}")
        echo(f"  seqkit run sentiment --data … --vectors {out}")
    _show(near, words, matrix)


def _train(source: Path, text_column: str | None, options: tuple[int, int, int, int, int]) -> tuple[list[str], Tensor]:
    from seqkit.data import Vocabulary, tokenizer
    from seqkit.data.normal_forms import NFKC
    from seqkit.data.readers import read_texts
    from seqkit.training.word_vectors import word_vectors

    size, window, min_count, max_symbols, seed = options
    began, words = time.perf_counter(), tokenizer("word", normal_form=NFKC)
    texts = [words.split(text) for text in read_texts(source, text_column)]
    vocabulary = Vocabulary.build(texts, min_count, max_symbols)
    first, tokens = len(vocabulary.specials), sum(map(len, texts))
    echo(f"{tokens:,} words in {len(texts):,} texts, {len(vocabulary) - first:,} of them frequent", err=True)
    # Special symbols come first: without them, the unknown word is a number below 0, which is skipped.
    rows = ([number - first for number in vocabulary.encode(text)] for text in texts)
    matrix = word_vectors(rows, len(vocabulary) - first, size, window, seed)
    echo(f"trained in {time.perf_counter() - began:.0f} s", err=True)
    return list(vocabulary.symbols[first:]), matrix


def _show(near: Sequence[str], words: Sequence[str], matrix: Tensor) -> None:
    from seqkit.commands.terminal import print_tables
    from seqkit.data.vectors import nearest
    from seqkit.tables import Table

    for word in near:
        found = nearest(word, words, matrix, _LISTED)
        print_tables([Table(f"near {word}", ["word", "cosine"], [list(pair) for pair in found])])
