"""Parts of a model as archives of torch.export: written, and run."""

from __future__ import annotations

import io
import json

import torch
from torch import Tensor, nn

from seqkit.export.comparison import Run
from seqkit.graphs import Part
from seqkit.runs.model import Model

_INPUTS = "inputs.json"
"""Extra file of an archive: the names of the inputs, in order."""


@torch.no_grad()
def make_torch(model: Model, part: Part) -> bytes:
    """The part as an archive: a zip of JSON and the bytes of the weights."""
    inputs = part.sample(torch.Generator().manual_seed(0), torch.tensor([7, 2, 5]), 7)
    names = {size for sizes in part.inputs.values() for size in sizes if isinstance(size, str)}
    dims = {name: torch.export.Dim(name) for name in names}
    varying = tuple(
        {place: dims[size] for place, size in enumerate(sizes) if isinstance(size, str)}
        for sizes in part.inputs.values()
    )
    values = tuple(inputs[name] for name in part.inputs)
    program = torch.export.export(_PartModule(part, model.head), values, dynamic_shapes=(varying,), strict=False)
    # They would be pickled, the only such part of the archive.
    program.example_inputs = None
    stream = io.BytesIO()
    torch.export.save(program, stream, extra_files={_INPUTS: json.dumps(list(part.inputs))})
    return stream.getvalue()


def torch_run(content: bytes) -> Run:
    """A function that computes what an archive says."""
    files = {_INPUTS: ""}
    module = torch.export.load(io.BytesIO(content), extra_files=files).module()
    names: list[str] = json.loads(files[_INPUTS])

    def run(**tensors: Tensor) -> dict[str, Tensor]:
        outputs: dict[str, Tensor] = module(*(tensors[name] for name in names))
        return outputs

    return run


class _PartModule(nn.Module):
    """A part as a module: its inputs in order to its outputs by name."""

    def __init__(self, part: Part, head: nn.Module) -> None:
        super().__init__()
        # The head, so that its weights are those of this module.
        self.part, self.head = part, head

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        """The outputs by name."""
        return dict(self.part.compute(**dict(zip(self.part.inputs, inputs, strict=True))))
