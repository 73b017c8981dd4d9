"""Peak memory of two training steps of a recurrent layer, ours beside torch's with the same weights, a process each.

python -m benchmarks.memory [--steps 256] [--batch 64] [--hidden 512]
"""

from __future__ import annotations

import subprocess
import sys

import click
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks import machine
from seqkit import Recurrent
from seqkit.machine import peak

WAYS = ("ours", "ours bf16", "torch")


def measure(cell: str, way: str, steps: int, batch: int, hidden: int, ragged: bool) -> int:
    """MB that two training steps add to what the process and its input take."""
    torch.manual_seed(0)
    layer = Recurrent(cell, hidden, hidden, precision="bf16" if "bf16" in way else "f32")
    module = layer.to_torch() if way == "torch" else layer
    x = torch.randn(batch, steps, hidden, requires_grad=True)
    lengths = torch.randint(1, steps + 1, (batch,)) if ragged else None

    def train(given: Tensor, lengths: Tensor | None) -> None:
        if way == "torch" and lengths is not None:
            rows = pack_padded_sequence(given, lengths, batch_first=True, enforce_sorted=False)
            out = pad_packed_sequence(module(rows)[0], batch_first=True)[0]
        else:
            out = module(given)[0] if way == "torch" else module(given, lengths)[0]
        out.sum().backward()

    train(x[:2, :4].detach(), None)  # what is loaded once is not counted
    before = peak()
    for _ in range(2):
        train(x, lengths)
    return round(peak() - before)


@click.command()
@click.option("--steps", default=256)
@click.option("--batch", default=64)
@click.option("--hidden", default=512)
@click.option("--one", nargs=3, type=(str, str, bool), help="Measure only this, in this process.")
def main(steps: int, batch: int, hidden: int, one: tuple[str, str, bool] | None) -> None:
    """Prints a row for each cell."""
    if one:
        cell, way, ragged = one
        print(measure(cell, way, steps, batch, hidden, ragged))
        return
    print(f"{machine()}\nT {steps}, B {batch}, H {hidden}; MB")
    print(f"{'':12}" + "".join(f"{way:>12}" for way in WAYS))
    sizes = ["--steps", str(steps), "--batch", str(batch), "--hidden", str(hidden)]
    for cell, ragged in (("rnn", False), ("lstm", False), ("gru", False), ("lstm", True)):
        found = []
        for way in WAYS:
            command = [sys.executable, "-m", "benchmarks.memory", *sizes, "--one", cell, way, str(ragged)]
            found.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(f"{cell + ' ragged' * ragged:12}" + "".join(f"{mb:12,}" for mb in found), flush=True)


if __name__ == "__main__":
    main()
