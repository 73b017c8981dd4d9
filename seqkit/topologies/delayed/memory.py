"""Whether training pairs that are looked up answer in the place of the network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqkit.data.inputs.pair_memory import NEVER, PairMemory, Recalled

__all__ = ["NEVER", "MemoryGate", "PairMemory", "Recalled"]


class MemoryGate(nn.Module):
    """Lets the memory answer for texts that are at least so similar to a source. The weights hold the threshold."""

    threshold: Tensor

    def __init__(self, threshold: float = NEVER) -> None:
        super().__init__()
        self.register_buffer("threshold", torch.tensor([threshold], dtype=torch.float64))

    def forward(self, similarity: float) -> bool:
        """Whether the memory answers."""
        return similarity >= float(self.threshold)

    @property
    def open(self) -> bool:
        """Whether it answers anything at all."""
        return float(self.threshold) < NEVER
