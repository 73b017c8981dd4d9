"""The figures of tagging: labels apart and as a CRF, with and without characters, on a treebank in three files.

python -m benchmarks.tag TRAIN VALID TEST [--set NAME=VALUE]...
python -m benchmarks.tag                     the two default sets of data instead
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks import WholeRun, machine, whole_run

_WAYS = {
    "softmax": {"crf": "false", "characters": "none"},
    "softmax, characters": {"crf": "false", "characters": "rnn"},
    "CRF": {"crf": "true", "characters": "none"},
    "CRF, characters": {"crf": "true", "characters": "rnn"},
}


def treebank(files: tuple[Path, ...], settings: tuple[str, ...], folder: Path) -> None:
    """A whole run for each way, in one table."""
    data = [
        part for pair in zip(("--data", "--valid-data", "--test-data"), map(str, files), strict=True) for part in pair
    ]
    print(f"\n{'':22}  validation    test  baseline  seconds  parameters       MB")
    for way, options in _WAYS.items():
        values = [f"{name}={value}" for name, value in options.items()]
        own = [part for value in (*values, *settings) for part in ("--set", value)]
        run = whole_run("tag", folder / way.replace(", ", "-"), [*data, *own])
        found = run.found
        print(
            f"{way:22}{max(record['accuracy'] for record in run.history):12.4f}{found['test']['accuracy']:8.4f}"
            f"{found['baseline']['accuracy']:10.4f}{run.seconds:9.0f}{found['parameters']:12,}"
            f"{found['peak_memory_mb']:9,.0f}",
            flush=True,
        )


def default(name: str, settings: tuple[str, ...], folder: Path) -> None:
    """One whole run on a default set, and its scores beside the baseline's."""
    own = [part for value in settings for part in ("--set", value)]
    run: WholeRun = whole_run("tag", folder / name, ["--data", name, *own])
    print(f"\nseqkit run tag --data {name} {' '.join(own)}".rstrip())
    print(f"{'':16}   model  baseline")
    for score, value in run.found["test"].items():
        print(f"{score:16}{value:8.4f}{run.found['baseline'][score]:10.4f}")
    print(f"{run.seconds:.0f} s in all, {run.found['parameters']:,} parameters", flush=True)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any option of the task.")
def main(files: tuple[Path, ...], settings: tuple[str, ...]) -> None:
    """Trains, and prints the scores of the test part."""
    if len(files) not in (0, 3):
        raise click.UsageError("give three files (training, validation, test), or none")
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        if files:
            treebank(files, settings, Path(folder))
        for name in () if files else ("punctuation", "turkish-pos"):
            default(name, settings, Path(folder))


if __name__ == "__main__":
    main()
