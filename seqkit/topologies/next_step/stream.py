"""A language model reads a text while it is written: what each piece costs, and what may come next.

V symbols.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqkit.answers.streams import LIKELIEST, Snapshot, StreamedText
from seqkit.errors import UsageError
from seqkit.layers import DecoderState
from seqkit.topologies.next_step.carried import from_tensors, to_tensors
from seqkit.topologies.next_step.codec import StreamCodec
from seqkit.topologies.next_step.head import LanguageModelHead
from seqkit.topologies.snapshots import as_arrays, as_state


class TextStream:
    """Reads a text in pieces, token by token, so that it makes no difference where it is cut.

    Raises :class:`UsageError` for a model that reads texts from their end, and for an ensemble.
    """

    def __init__(self, head: LanguageModelHead, codec: StreamCodec) -> None:
        if not isinstance(head, LanguageModelHead):
            raise UsageError("an ensemble reads no stream; serve one of its members")
        if codec.reverse:
            raise UsageError("this model reads texts from their end, so it cannot follow one that is being written")
        self.head, self.codec = head.eval(), codec
        self._begin()

    def _begin(self) -> None:
        self._state: DecoderState = self.head.decoder.start()
        self._last = torch.tensor([self.head.start], device=self.head.ban.device)

    @torch.no_grad()
    def push(self, line: str) -> StreamedText:
        """Reads a piece of the text."""
        nats, tokens = 0.0, self.codec.encode(line).tokens.tolist()
        for token in tokens:
            logits, self._state = self.head.decoder.step(self._last, self._state)
            nats -= float(torch.log_softmax(logits, 1)[0, token])
            self._last = torch.full_like(self._last, token)
        return StreamedText(len(tokens), nats, self._next())

    def finish(self) -> list[StreamedText]:
        """Ends the text; nothing is owed. The next piece begins another one."""
        self._begin()
        return []

    def snapshot(self) -> Snapshot:
        """All that the stream has kept; another stream of this model continues from it, bit-equal."""
        return Snapshot(as_arrays(to_tensors(self._state)), {"last": int(self._last)})

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on where the stream was that gave the snapshot."""
        device = self._last.device
        self._state = from_tensors(as_state(snapshot.arrays, device))
        self._last = torch.tensor([snapshot.facts["last"]], device=device)

    def _next(self) -> dict[str, float]:
        logits: Tensor = self.head.decoder.step(self._last, self._state)[0] + self.head.ban
        found = torch.softmax(logits, 1)[0].topk(min(LIKELIEST, logits.shape[1]))
        return dict(zip(map(self._shown, found.indices.tolist()), found.values.tolist(), strict=True))

    def _shown(self, number: int) -> Any:
        return self.codec.vocabulary.symbols[number]
