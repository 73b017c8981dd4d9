"""The head that predicts the next token, and what it says of a text.

B rows, T steps, N tokens, V symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from seqkit.answers.written import Scored
from seqkit.devices import placed
from seqkit.layers import Decoder, DecoderState, Head, Loss
from seqkit.layers.head import count_of
from seqkit.search import Repeats, Sampling, sample
from seqkit.topologies.next_step.carried import from_tensors, to_tensors
from seqkit.topologies.next_step.codec import Text
from seqkit.topologies.next_step.windows import STEPS, rows_of, windows
from seqkit.training import Chunk


class LanguageModelHead(Head):
    """Next step: ``softmax(W h_t + b)`` over the token at t + 1, with ``h_t`` from a recurrent layer.

    Truncated back-propagation: :meth:`loss` starts from the state that a chunk comes with and hands on its last one,
    cut from the graph.

    Args:
        decoder: without a source.
        start: the token before the first of a text.
        banned: symbols that are never written.
    """

    ban: Tensor

    def __init__(self, decoder: Decoder, start: int = 0, banned: Sequence[int] = (0,)) -> None:
        super().__init__()
        self.decoder, self.start = decoder, start
        ban = torch.zeros(decoder.embedding.num_embeddings).index_fill_(0, torch.tensor(banned), -torch.inf)
        self.register_buffer("ban", ban, persistent=False)

    def loss(self, batch: Chunk) -> Loss:
        """Cross-entropy of the targets, in nats; negative targets count nothing."""
        features, state = self._read(batch.tokens, None if batch.state is None else from_tensors(batch.state))
        total = self._nats(features, batch.targets, self.decoder.recurrent.precision)
        return Loss(total, count_of(batch.targets >= 0), to_tensors(state.detach()))

    @torch.no_grad()
    def predict(self, batch: Sequence[Text], *, after_batch: Callable[[], None] = lambda: None) -> list[Scored]:
        """What each text costs, every token given all before it; ``after_batch`` is called now and then.

        A text of more than 16 · 1024 tokens is read as 16 stretches side by side, each after 256 tokens of the one
        before. Memory is bounded however long the texts are.
        """
        rows = rows_of([len(text.tokens) for text in batch])
        pieces: list[list[tuple[float, int]]] = [[] for _ in batch]
        state: DecoderState | None = None
        device = self.ban.device
        for window in windows([text.tokens for text in batch], rows, self.start):
            window = placed(window, device)
            features, state = self._read(window.tokens, state, window.lengths)
            costs = [self._nats(*row).item() for row in zip(features, window.targets, strict=True)]
            for row, cost, counted in zip(rows, costs, (window.targets >= 0).sum(1).tolist(), strict=True):
                pieces[row.text] += [(cost, counted)] if counted else []
            after_batch()
        return [Scored.of(text, costs) for text, costs in zip(batch, pieces, strict=True)]

    def write(self, prompt: Tensor, sampling: Sampling) -> Iterator[int]:
        """Tokens that continue the prompt (N), one at a time and without end."""

        @torch.no_grad()
        def step(token: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
            logits, state = self.decoder.step(token, state)
            return logits.add_(self.ban), state

        size = sampling.no_repeat_ngram
        drawn = sample(
            step,
            *self._begin(prompt),
            torch.Generator().manual_seed(sampling.seed),
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            repeats=Repeats(size, [prompt.tolist()]) if size else None,
        )
        yield from map(int, drawn)

    @torch.no_grad()
    def _begin(self, prompt: Tensor) -> tuple[DecoderState, Tensor]:
        """The state before the last token of a prompt (N), and that token; of an empty one, the start."""
        tokens = torch.cat([torch.tensor([self.start]), prompt]).to(self.ban.device)
        state = self.decoder.start()
        for window in tokens[:-1].split(STEPS):
            if len(window):
                state = self.decoder(window.unsqueeze(0), state).state
        return state, tokens[-1:]

    def _read(
        self, tokens: Tensor, state: DecoderState | None, lengths: Tensor | None = None
    ) -> tuple[Tensor, DecoderState]:
        decoded = self.decoder(tokens, state or self.decoder.start(batch_size=len(tokens)), lengths)
        return decoded.features, decoded.state

    def _nats(self, features: Tensor, targets: Tensor, precision: str = "f32") -> Tensor:
        return self.decoder.nats(features.flatten(0, -2), targets.flatten(), precision=precision)
