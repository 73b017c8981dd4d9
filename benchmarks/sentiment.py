"""The sentiment figures: whole runs of the command line, one process a seed.

python -m benchmarks.sentiment [--seeds 3] [OPTIONS OF seqkit run sentiment]
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
    """Runs the task with each seed and prints accuracy, time and memory."""
    print(machine())
    print(f"seqkit run sentiment {' '.join(options)}".rstrip(), flush=True)
    print("seed  accuracy  macro-F1  TF-IDF  seconds     MB  epochs")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            rows.append(_run(Path(folder) / str(seed), seed, options))
            print("{:4d}  {:8.4f}  {:8.4f}  {:6.4f}  {:7.1f}  {:5.0f}  {:6d}".format(seed, *rows[-1]), flush=True)
    accuracy, _, baseline, seconds, *_ = zip(*rows, strict=True)
    print(f"mean accuracy {statistics.mean(accuracy):.4f}, of TF-IDF {statistics.mean(baseline):.4f}")
    print(f"median seconds {statistics.median(seconds):.1f}, from {min(seconds):.1f} to {max(seconds):.1f}")


def _run(out: Path, seed: int, options: tuple[str, ...]) -> tuple[float, float, float, float, float, int]:
    found, _, seconds = whole_run("sentiment", out, ["--seed", str(seed), *options])
    test, baseline = found["test"], found["baseline"]
    return test["accuracy"], test["macro_f1"], baseline["accuracy"], seconds, found["peak_memory_mb"], found["epochs"]


if __name__ == "__main__":
    main()
