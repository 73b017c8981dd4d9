"""The figures of translation: one whole run on each set of pairs, its test part searched in several ways.

python -m benchmarks.translate [FILE]... [--set NAME=VALUE]... [--keep FOLDER]

Without a file, the default data with the task's own options; a file of pairs with those below.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks import machine, whole_run
from seqkit import Model, load
from seqkit.data.pairs import Pair
from seqkit.scores.written import bleu, bleu_signature, chrf
from seqkit.topologies.delayed import nearest_targets

_OPTIONS = {
    "precision": "bf16",
    "max_symbols": 4000,
    "hidden_size": 512,
    "embedding_size": 256,
    "dropout": 0.4,
    "batch_size": 64,
    "learning_rate": 0.002,
    "epochs": 16,
    "patience": 0,
}
"""For 30,000 pairs of short sentences."""
_WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"beam_size": 1},
    "beam 5": {"beam_size": 5, "length_penalty": 0.0},
    "beam 5, length penalty 0.5": {"beam_size": 5, "length_penalty": 0.5},
    "beam 5, length penalty 1": {"beam_size": 5, "length_penalty": 1.0},
    "beam 5, length penalty 1.5": {"beam_size": 5, "length_penalty": 1.5},
    "the same, coverage penalty 0.2": {"beam_size": 5, "length_penalty": 1.5, "coverage_penalty": 0.2},
}


def scores(texts: Sequence[str], pairs: Sequence[Pair]) -> str:
    """BLEU and chrF against all references of a source, and BLEU with each of them alone."""
    references = [pair.references for pair in pairs]
    single = [(text, [one]) for text, pair in zip(texts, pairs, strict=True) for one in pair.references]
    alone = bleu([text for text, _ in single], [one for _, one in single])
    return f"{bleu(texts, references):8.2f}{alone:12.2f}{chrf(texts, references):8.2f}"


def report(model: Model, results: dict[str, Any], seconds: float) -> None:
    """What each search gives on the validation and the test part, beside the baseline."""
    parts = model.task.read(model.config, [])
    print(f"{seconds:.0f} s in all, {results['parameters']:,} parameters, {results['peak_memory_mb']:.0f} MB")
    print(f"{len(parts.train):,} pairs to train, {len(parts.valid):,} to validate, {len(parts.test):,} to test")
    for name, pairs in (("validation", parts.valid), ("test", parts.test)):
        print(f"\n{name:32}    BLEU  single ref.    chrF  seconds")
        sources = [pair.source for pair in pairs]
        print(f"{'nearest training sentence':32}{scores(nearest_targets(parts.train, sources), pairs)}")
        for way, options in _WAYS.items():
            start = time.perf_counter()
            texts = [found.text for found in model.predict(sources, **options)]
            print(f"{way:32}{scores(texts, pairs)}{time.perf_counter() - start:9.1f}", flush=True)
    print(f"\nplaceholders kept, test: {results['test'].get('placeholders_kept', 'none there')}")
    print(f"BLEU {bleu_signature([pair.references for pair in parts.test])}")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any option of the task.")
@click.option("--keep", type=click.Path(path_type=Path), help="A folder for the runs.")
def main(files: tuple[Path, ...], settings: tuple[str, ...], keep: Path | None) -> None:
    """Trains on each file, or on the default data, and prints what the searches give."""
    print(machine())
    for file in files or (None,):
        values = [f"{name}={value}" for name, value in _OPTIONS.items()] if file else []
        own = [part for value in (*values, *settings) for part in ("--set", value)]
        print(f"\nseqkit run translate {' '.join([f'--data {file.name}' if file else '', *own]).strip()}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            name = file.stem if file else "default"
            out = (keep or Path(folder)) / name
            found, _, seconds = whole_run("translate", out, [*(["--data", str(file)] if file else []), *own])
            report(load(out), found, seconds)


if __name__ == "__main__":
    main()
