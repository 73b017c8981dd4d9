"""The figure of the character language model: one whole run on a text file, its last tenth the test part.

python -m benchmarks.charlm FILE [OPTIONS OF seqkit run charlm]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks import machine, whole_run

_OPTIONS = {
    "test_fraction": 0.1,
    "valid_fraction": 0.01,
    "precision": "bf16",
    "hidden_size": 512,
    "recall": 384,
    "chunk": 128,
    "dropout": 0.5,
    "weight_decay": 0.1,
    "epochs": 16,
    "learning_rate": 0.003,
    "average": 0.998,
}
"""Chosen on the validation part of a million characters of verse."""


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("text", type=click.Path(exists=True, path_type=Path))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(text: Path, options: tuple[str, ...]) -> None:
    """Trains on the text and prints what a character of its end costs."""
    options = (*(part for name, value in _OPTIONS.items() for part in ("--set", f"{name}={value}")), *options)
    print(machine())
    print(f"seqkit run charlm --data {text.name} {' '.join(options)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found, history, seconds = whole_run("charlm", Path(folder) / "run", ["--data", str(text), *options])
    test, baseline = found["test"], found["baseline"]
    best = min(history, key=lambda record: record["bpc"])
    print("                nats  bits a character")
    print(f"validation    {best['nats_per_character']:6.3f}  {best['bpc']:16.3f}")
    print(f"test          {test['nats_per_character']:6.3f}  {test['bpc']:16.3f}")
    print(f"5-gram, test  {baseline['nats_per_character']:6.3f}  {baseline['bpc']:16.3f}")
    print(f"{seconds:.0f} s in all, {found['parameters']:,} parameters, {found['peak_memory_mb']:.0f} MB")


if __name__ == "__main__":
    main()
