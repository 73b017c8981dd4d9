"""Two processes of one thread against one of two: python -m benchmarks.processes [--turns 5] [WORDS …]

Steps of `seqkit run sentiment` on texts as long as film reviews of imdb, by turns, with the same shards; the weights
have to be the same bits in the end.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import click

from benchmarks.predict import short_texts

_TEXTS, _SENTENCES = 1600, 11
_ONE, _TWO = "1 process x 2 threads", "2 processes x 1 thread"


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--turns", default=3, show_default=True)
@click.argument("words", nargs=-1)
def main(turns: int, words: Sequence[str]) -> None:
    """Prints the median step of each, and the ratio of each turn; WORDS are more options of `seqkit run sentiment`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_texts(folder / "texts.csv")
        steps: dict[str, list[float]] = {_ONE: [], _TWO: []}
        for turn in range(turns):
            for kind in (_ONE, _TWO) if turn % 2 == 0 else (_TWO, _ONE):
                steps[kind].append(_train(kind, folder / "texts.csv", folder / f"{kind}-{turn}", words))
        if len({_digest(folder / f"{kind}-0") for kind in steps}) > 1:
            sys.exit("the weights differ")
        for kind, times in steps.items():
            print(f"{kind}: {median(times) / 1e3:.0f} ms a step")
        ratios = [one / two for one, two in zip(steps[_ONE], steps[_TWO], strict=True)]
        print(f"speed of two processes {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); the same weights")


def _write_texts(path: Path) -> None:
    """Texts of about 230 words, with one of two labels."""
    sentences, draw = short_texts(20_000), random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(_TEXTS):
            writer.writerow([" ".join(draw.choices(sentences, k=_SENTENCES)), "ab"[number % 2]])


def _train(kind: str, data: Path, run: Path, words: Sequence[str]) -> float:
    """Trains an epoch; the median step in microseconds, but for the first three."""
    options = ["run", "sentiment", "--data", str(data), "--batch-size", "32", "--shards", "4", "--epochs", "1"]
    options += ["--ngrams", "false", "--profile", *words, "--out", str(run)]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if kind == _TWO else []
    threads = {} if torchrun else {"OMP_NUM_THREADS": "2"}
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | threads
    command = [sys.executable, *torchrun, "-m", "seqkit", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    events = json.loads((run / "trace.json").read_text())["traceEvents"]
    return median([e["dur"] for e in events if e["ph"] == "X" and e["pid"] == 0 and e["name"] == "step"][3:])


def _digest(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
