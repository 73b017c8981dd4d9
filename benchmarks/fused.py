"""Cells that cuDNN does not have beside the reference loop on a GPU, and those that it has beside torch.nn.

python -m benchmarks.fused [--seconds 0.5] [--cells lstm-layer-norm,min-gru] [--out FILE]

Both sides have the same weights and batches and take turns; a ratio is that of one turn, above 1 the fused kernel is
faster. Products are in float32 on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from benchmarks.device import asked, check_alike, facts, in_turns, show, waiting
from seqkit.kernels import Cudnn
from seqkit.layers import Recurrent

SHAPES = ((200, 1, 128), (100, 16, 64), (50, 32, 256), (100, 64, 512))
"""T, B and H"""
CELLS = "lstm-peephole,lstm-layer-norm,gru-before,mgu,s-lstm,min-gru,lstm,gru"


def _layer(name: str, hidden: int) -> Recurrent:
    if name == "gru-before":
        return Recurrent("gru", hidden, hidden, reset="before").cuda()
    return Recurrent(name, hidden, hidden).cuda()


def calls(name: str, shape: tuple[int, int, int], training: bool) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Ours, and torch's module where there is one, else the reference loop, as a call each."""
    torch.manual_seed(0)
    steps, batch, hidden = shape
    layer, x = _layer(name, hidden), torch.randn(batch, steps, hidden, device="cuda", requires_grad=training)
    module = layer.to_torch().cuda() if Cudnn.knows(layer.cell) else None

    def ours() -> Tensor:
        return layer(x, kernel="fused")[0]

    def theirs() -> Tensor:
        return layer(x, kernel="reference")[0] if module is None else module(x)[0]

    check_alike(ours(), theirs())
    return asked(ours, layer, x, training), asked(theirs, module or layer, x, training)


@click.command()
@click.option("--seconds", default=0.5, help="For each row.")
@click.option("--cells", default=CELLS)
@click.option("--out", type=click.Path(path_type=Path), help="A JSON file.")
def main(seconds: float, cells: str, out: Path | None) -> None:
    """Prints the table."""
    device, rows = torch.device("cuda:0"), list[dict[str, Any]]()
    torch.backends.cudnn.rnn.fp32_precision = "ieee"
    click.echo(json.dumps(facts(device)))
    for name in cells.split(","):
        for shape in SHAPES:
            for training in (False, True):
                ratio = in_turns(*calls(name, shape, training), seconds, waiting(device))
                steps, batch, hidden = shape
                row = {"cell": name, "steps": steps, "batch": batch, "hidden": hidden, "training": training}
                rows.append({**row, **ratio._asdict()})
                show(rows[-1])
                if out is not None:
                    out.write_text(json.dumps({**facts(device), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
