"""The figure of spelling to phonemes: one whole run on the CMU Pronouncing Dictionary, by default.

python -m benchmarks.g2p [OPTIONS OF seqkit run g2p]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks import machine, whole_run


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(options: tuple[str, ...]) -> None:
    """Trains, and prints how many words and phonemes of the test part are wrong."""
    options = ("--precision", "bf16", *options)
    print(machine())
    print(f"seqkit run g2p {' '.join(options)}".rstrip(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found, history, seconds = whole_run("g2p", Path(folder) / "run", options)
    best = min(history, key=lambda record: record["wer"])
    print("                           words wrong  phonemes wrong")
    rows = {"validation, greedy": best, "test, beam": found["test"], "nearest spelling, test": found["baseline"]}
    for name, scores in rows.items():
        print(f"{name:25}{scores['wer']:13.2%}{scores['per']:16.2%}")
    print(f"{seconds:.0f} s in all, {found['parameters']:,} parameters, {found['peak_memory_mb']:.0f} MB")


if __name__ == "__main__":
    main()
