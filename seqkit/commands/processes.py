"""What the commands do that several processes of torchrun share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqkit.runs import Model
    from seqkit.training.distributed import Processes


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
