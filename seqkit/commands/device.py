"""Options of the commands that open a run: where its model computes, and which file has its cell, how it multiplies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqkit.runs import Model
    from seqkit.training.distributed import Processes

device_option = click.option(
    "--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps. [the run's own if available]"
)

precision_option = click.option(
    "--precision", metavar="NAME", help="Of recurrent layers' products: f32, bf16 or int8. [the run's own]"
)

cell_option = click.option(
    "--cell-file", "cell", metavar="FILE.py:CLASS", help="The run's cell, if it is your own; the file is executed."
)


def called(*words: object) -> str:
    """A command in short, for processes that compare theirs; None is an option that was not given."""
    return " ".join(str(word) for word in words if word is not None)


def load_on(
    processes: Processes, run: str, device: str | None, cell: str | None, precision: str | None = None
) -> Model:
    """The model of a run, see :func:`seqkit.load`; each of several processes takes its share of the machine."""
    import torch

    from seqkit.runs import load

    if processes.size == 1:
        return load(run, device, cell, precision)
    torch.set_num_threads(processes.threads)
    model = load(run, None if device is None else processes.device(device), cell, precision)
    if device is None:
        model.head.to(processes.device(model.device.type))
    return model
