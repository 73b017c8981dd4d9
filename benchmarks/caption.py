"""The figure of captions: one whole run on the default glyphs, its test letters never seen in training.

python -m benchmarks.caption [OPTIONS OF seqkit run caption]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks import machine, whole_run
from seqkit.scores.written import bleu_signature


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(options: tuple[str, ...]) -> None:
    """Trains, and prints all scores beside those of the most frequent caption."""
    print(machine())
    print(f"seqkit run caption {' '.join(options)}".rstrip(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found, _, seconds = whole_run("caption", Path(folder) / "run", options)
    print("         model  most frequent caption")
    for name, value in found["test"].items():
        print(f"{name:5}  {value:7.3f}  {found['baseline'][name]:21.3f}")
    print(f"validation, greedy: BLEU {found['valid']['bleu']:.2f}, best of {found['epochs']} epochs")
    print(f"BLEU is {bleu_signature([['a']])}")
    print(f"{seconds:.0f} s in all, {found['parameters']:,} parameters, {found['peak_memory_mb']:.0f} MB")


if __name__ == "__main__":
    main()
