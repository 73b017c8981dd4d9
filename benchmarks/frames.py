"""The figure of frames: one whole run on strips of handwritten digits, by default, beside a forest of single frames.

python -m benchmarks.frames [OPTIONS OF seqkit run frames]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks import machine, whole_run


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(options: tuple[str, ...]) -> None:
    """Trains, and prints how many frames and segments of the test part are right."""
    print(machine())
    print(f"seqkit run frames {' '.join(options)}".rstrip(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found, history, seconds = whole_run("frames", Path(folder) / "run", options)
    best = max(history, key=lambda record: record["accuracy"])
    print(f"{'':20}frames right  F1 of labels  F1 of segments, 50 %   edit")
    rows = {"validation": best, "test": found["test"], "one frame, test": found["baseline"]}
    for name, scores in rows.items():
        frames, labels, segments = scores["accuracy"], scores["macro_f1"], scores["segment_f1_50"]
        print(f"{name:20}{frames:12.2%}{labels:14.4f}{segments:22.4f}{scores['edit']:7.4f}")
    print(f"{seconds:.0f} s in all, {found['parameters']:,} parameters, {found['peak_memory_mb']:.0f} MB")


if __name__ == "__main__":
    main()
