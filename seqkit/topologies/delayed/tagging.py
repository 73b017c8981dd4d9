"""A second lesson for the encoder: what each source symbol stands for.

B batch, S source tokens, F encoder outputs, G graphones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seqkit.data.inputs.joint_ngrams import JointNgrams
from seqkit.topologies.delayed.codec import PairBatch

__all__ = ["SourceTagger"]

_UNKNOWN = -1
"""Stands for the graphone of padding, and of what cannot be aligned"""


class SourceTagger(nn.Module):
    """Predicts the graphone of each source symbol from the encoder's output there, ``p(g_s | x) = softmax(W h_s + b)``.

    Attention has to find out by itself which part of the source each target symbol comes from; alignments say it, and
    few examples teach the encoder more with them. Only training asks for it.

    Args:
        features: F.
        joint: aligns sources with their targets, and knows the graphones.
    """

    def __init__(self, features: int, joint: JointNgrams) -> None:
        super().__init__()
        self.output = nn.Linear(features, len(joint.graphones))
        self._joint = joint
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}

    def nats(self, outputs: Tensor, batch: PairBatch, label_smoothing: float) -> Tensor:
        """The cross-entropy of the graphones of a batch given the encoder's outputs (B, S, F), summed."""
        graphones = self.graphones(batch).flatten()
        known = (graphones != _UNKNOWN).nonzero().squeeze(1)
        logits = self.output(outputs.flatten(0, 1).index_select(0, known))
        return cross_entropy(logits, graphones[known], reduction="sum", label_smoothing=label_smoothing)

    def graphones(self, batch: PairBatch) -> Tensor:
        """The graphone (B, S) of each source symbol in the likeliest alignment; -1 where there is none."""
        assert batch.targets is not None
        rows, width = list[list[int]](), batch.tokens.shape[1]
        for source, length, target in zip(
            batch.tokens.tolist(), batch.lengths.tolist(), batch.targets.tolist(), strict=True
        ):
            # Without padding and, as the n-grams, without the end.
            written = [symbol for symbol in target if symbol >= 0][:-1]
            found = self._aligned(tuple(source[:length]), tuple(written))
            rows.append(found + [_UNKNOWN] * (width - len(found)))
        return torch.tensor(rows, device=batch.tokens.device).reshape(len(rows), width)

    def _aligned(self, source: tuple[int, ...], target: tuple[int, ...]) -> list[int]:
        key = (source, target)
        if key not in self._known:
            self._known[key] = self._joint.align(source, target)
        return self._known[key]
