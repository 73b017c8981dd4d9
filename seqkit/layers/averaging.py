"""The average of several models' predictions, and a decoder that writes with it.

M models, N rows, V symbols, B batch, T steps, H features of all models together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seqkit.layers.decoder import Decoder, DecoderState
from seqkit.layers.encoder import Encoded

_LOGITS = 2**22
"""Logits of a model that are computed at a time: 16 MB."""


def log_average(logits: Sequence[Tensor]) -> Tensor:
    """``log(1/M Σ_m softmax(logits_m))`` over the last dimension: logits whose softmax is the average probability."""
    logs = torch.stack([torch.log_softmax(each, -1) for each in logits])
    return torch.logsumexp(logs, 0) - math.log(len(logits))


@dataclass(frozen=True)
class AverageState:
    """The states of several decoders, which a search reorders together."""

    members: tuple[DecoderState, ...]

    def select(self, index: Tensor) -> AverageState:
        """The rows of the batch at ``index`` (N), of every state."""
        return AverageState(tuple(member.select(index) for member in self.members))


class AverageDecoded(NamedTuple):
    """The features of all decoders side by side (B, T, H), and their states."""

    features: Tensor
    state: AverageState


class AverageDecoder(nn.Module):
    """Decoders with one vocabulary that write together: ``p(y_t | y_<t) = 1/M Σ_m p_m(y_t | y_<t)``.

    It stands in for a single :class:`Decoder` where something is written or scored, and cannot be trained.
    """

    def __init__(self, members: Sequence[Decoder]) -> None:
        super().__init__()
        # A tuple, for the weights belong to the heads that the decoders come from.
        self.members = tuple(members)
        self.recurrent = members[0].recurrent

    def start(
        self, encoded: Sequence[Encoded] | None = None, batch_size: int = 1, track_coverage: bool = False
    ) -> AverageState:
        """See :meth:`Decoder.start`; ``encoded`` has an output for each decoder."""
        sources = [None] * len(self.members) if encoded is None else encoded
        pairs = zip(self.members, sources, strict=True)
        return AverageState(tuple(member.start(source, batch_size, track_coverage) for member, source in pairs))

    def step(self, token: Tensor, state: AverageState) -> tuple[Tensor, AverageState]:
        """See :meth:`Decoder.step`; the logits (B, V) are the logarithms of the average probabilities."""
        steps = [member.step(token, own) for member, own in zip(self.members, state.members, strict=True)]
        return log_average([logits for logits, _ in steps]), AverageState(tuple(after for _, after in steps))

    def forward(self, tokens: Tensor, state: AverageState, lengths: Tensor | None = None) -> AverageDecoded:
        """See :meth:`Decoder.forward`."""
        pairs = zip(self.members, state.members, strict=True)
        decoded = [member(tokens, own, lengths) for member, own in pairs]
        features = torch.cat([each.features for each in decoded], 2)
        return AverageDecoded(features, AverageState(tuple(each.state for each in decoded)))

    def logits(self, features: Tensor) -> Tensor:
        """Features (…, H) to the logarithms of the average probabilities (…, V)."""
        pieces = features.split([member.features_size for member in self.members], -1)
        return log_average([member.logits(piece) for member, piece in zip(self.members, pieces, strict=True)])

    def nats(self, features: Tensor, targets: Tensor, precision: str = "f32") -> Tensor:
        """See :meth:`Decoder.nats`; without all logits at once, and never rounded."""
        rows = max(1, _LOGITS // self.members[0].embedding.num_embeddings)
        pairs = zip(features.split(rows), targets.split(rows), strict=True)
        costs = [cross_entropy(self.logits(piece), own, ignore_index=-1, reduction="sum") for piece, own in pairs]
        return torch.stack(costs).sum() if costs else features.new_zeros(())

    def coverage_penalty(self, state: AverageState, beta: float) -> Tensor:
        """The average of the decoders' penalties, see :func:`~seqkit.layers.decoder.coverage_penalty`."""
        pairs = zip(self.members, state.members, strict=True)
        return torch.stack([member.coverage_penalty(own, beta) for member, own in pairs]).mean(0)
