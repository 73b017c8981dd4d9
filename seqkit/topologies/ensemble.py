"""Several heads of one task that answer as one: the average of what they predict.

B batch, T steps, K labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.errors import UsageError
from seqkit.graphs.external import with_forward
from seqkit.layers import Head, Loss
from seqkit.layers.averaging import log_average
from seqkit.topologies.codec import Codec, EncodingReport


@dataclass(frozen=True)
class MemberBatches:
    """The same inputs as a batch for each member of an ensemble."""

    batches: tuple[Any, ...]


class EnsembleCodec(Codec[Any, tuple[Any, ...], MemberBatches]):
    """The codecs of an ensemble's members, which read the same inputs in ways of their own.

    Args:
        members: a codec for each member. What another asks of the codec, such as the labels, is that of the first:
            members agree on it.
    """

    def __init__(self, members: Sequence[Codec[Any, Any, Any]]) -> None:
        self.members = tuple(members)

    def encode(self, raw: Any, example: Any = None) -> tuple[Any, ...]:
        """An item for each member."""
        return tuple(member.encode(raw, example) for member in self.members)

    def encode_many(self, inputs: Sequence[Any], examples: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """See :class:`Codec`."""
        return list(zip(*(member.encode_many(inputs, examples) for member in self.members), strict=True))

    def length(self, item: tuple[Any, ...]) -> int:
        """The steps of the member that takes most."""
        return max(member.length(own) for member, own in zip(self.members, item, strict=True))

    def collate(self, items: Sequence[tuple[Any, ...]]) -> MemberBatches:
        """A batch for each member."""
        columns = [[item[number] for item in items] for number in range(len(self.members))]
        pairs = zip(self.members, columns, strict=True)
        return MemberBatches(tuple(member.collate(column) for member, column in pairs))

    def to_json(self) -> dict[str, Any]:
        """Raises :class:`UsageError`: the folder of an ensemble has those of its members."""
        raise UsageError("the members of this ensemble read their inputs differently; use the members one by one")

    def encoding_report(self, raw: Any, example: Any = None) -> EncodingReport | None:
        """How the first member reads an input."""
        return self.members[0].encoding_report(raw, example)

    def __getattr__(self, name: str) -> Any:
        # Only what is not found here comes here; `members` itself is missing while a copy is made.
        if name == "members":
            raise AttributeError(name)
        return getattr(self.members[0], name)


def join_codecs(codecs: Sequence[Codec[Any, Any, Any]]) -> Codec[Any, Any, Any]:
    """One codec for members that read alike, so that each input is encoded once; else an :class:`EnsembleCodec`."""
    first, *others = (codec.to_json() for codec in codecs)
    return codecs[0] if all(other == first for other in others) else EnsembleCodec(codecs)


def member_codecs(codec: Codec[Any, Any, Any], count: int) -> Sequence[Codec[Any, Any, Any]]:
    """The codec of each of this many members."""
    return codec.members if isinstance(codec, EnsembleCodec) else [codec] * count


class EnsembleHead(Head, ABC):
    """Heads that answer together; it cannot be trained.

    Args:
        members: heads of the same task, which agree on what they predict.
    """

    def __init__(self, members: Sequence[Head]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def each(self, batch: Any) -> Iterator[tuple[Any, Any]]:
        """Each member with its batch."""
        batches = batch.batches if isinstance(batch, MemberBatches) else [batch] * len(self.members)
        yield from zip(self.members, batches, strict=True)

    def loss(self, batch: Any) -> Loss:
        """Raises :class:`UsageError`."""
        raise UsageError("an ensemble has no loss; train its members")

    @torch.no_grad()
    def predict(self, batch: Any, **options: Any) -> list[Any]:
        """What the members predict together; ``options`` are those of a member's ``predict``."""
        _, first = next(self.each(batch))
        predictions: list[Any] = self.joined(batch).predict(first, **options)
        return predictions

    @abstractmethod
    def joined(self, batch: Any) -> Any:
        """A head like the members, which predicts what they do together when it is given the first member's batch."""


class LabelEnsemble(EnsembleHead):
    """Labels by the average of the members' probabilities, ``1/M Σ_m softmax(logits_m)``.

    Args:
        members: heads whose ``forward`` returns logits (…, K) of the same labels.
        decider: a head like them that turns logits into predictions; None: the first member.
        average: logits of the members to logits of the ensemble.
    """

    def __init__(
        self,
        members: Sequence[Head],
        decider: Head | None = None,
        average: Callable[[Sequence[Tensor]], Tensor] = log_average,
    ) -> None:
        super().__init__(members)
        # In a tuple, or its weights would count among those of the ensemble.
        self._decider, self.average = (decider or members[0],), average

    @property
    def decider(self) -> Head:
        """The head that turns logits into predictions."""
        return self._decider[0]

    def forward(self, batch: Any) -> Tensor:
        """Logits (…, K)."""
        return self.average([member(own) for member, own in self.each(batch)])

    def joined(self, batch: Any) -> Head:
        """The decider with the logits of the ensemble."""
        logits = self(batch)
        return with_forward(self.decider, lambda _: logits)
