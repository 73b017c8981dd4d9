"""The figures of the one-to-one task: whole runs of the command line, one process a seed.

python -m benchmarks.digit [--seeds 3] [OPTIONS OF seqkit run digit]
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import click

from benchmarks import machine, whole_run


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--seeds", default=3, help="Runs, with seeds 0, 1, 2, ...")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(seeds: int, options: tuple[str, ...]) -> None:
    """Runs the task with each seed, which draws other parts, too, and prints accuracy and time."""
    print(machine())
    print(f"seqkit run digit {' '.join(options)}".rstrip(), flush=True)
    print("seed  validation    test  macro-F1  logistic  seconds   MB")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            found, _, seconds = whole_run("digit", Path(folder) / str(seed), ["--seed", str(seed), *options])
            test, baseline = found["test"], found["baseline"]["accuracy"]
            rows.append((test["accuracy"], baseline, seconds))
            scores = (found["valid"]["accuracy"], test["accuracy"], test["macro_f1"], baseline)
            line = "{:4d}  {:10.4f}  {:6.4f}  {:8.4f}  {:8.4f}  {:7.1f}  {:3.0f}"
            print(line.format(seed, *scores, seconds, found["peak_memory_mb"]), flush=True)
    accuracy, baselines, seconds_each = zip(*rows, strict=True)
    print(f"mean accuracy {statistics.mean(accuracy):.4f}, of logistic regression {statistics.mean(baselines):.4f}")
    print(f"median seconds {statistics.median(seconds_each):.1f}")


if __name__ == "__main__":
    main()
