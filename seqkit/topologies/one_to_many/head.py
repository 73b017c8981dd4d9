"""The head that captions pictures.

P pictures, R captions of all of them, T steps.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from seqkit.answers.written import Caption
from seqkit.data.vocab import PAD, UNK
from seqkit.layers import Decoder, DecoderState, Head, Loss
from seqkit.layers.head import count_of, require_targets
from seqkit.layers.pictures import PictureEncoder
from seqkit.search import beam
from seqkit.search.base import Limits
from seqkit.topologies.one_to_many.codec import START, CaptionCodec, PictureBatch


class CaptionHead(Head):
    """One to many: a picture starts a decoder, which writes until it writes the end.

    - ``first``: the picture's vector is read before the start symbol, as if it were a token's vector (Vinyals et al.,
      2015, arXiv:1411.4555);
    - ``state``: the first state is made of it;
    - ``grid``: so it is, and every step attends to the grid (Xu et al., 2015, arXiv:1502.03044).

    Args:
        encoder: of pictures.
        decoder: with ``encoder.source``, and attention for ``grid``; without a source for ``first``.
        codec: what the tokens are.
        limit: longest caption, in tokens.
        beam_size, length_penalty, no_repeat_ngram: of the search, unless :meth:`predict` is given others.
        label_smoothing: as in :func:`~seqkit.layers.losses.linear_cross_entropy`.
    """

    def __init__(
        self,
        encoder: PictureEncoder,
        decoder: Decoder,
        codec: CaptionCodec,
        *,
        limit: int = 60,
        beam_size: int = 5,
        length_penalty: float = 0.0,
        label_smoothing: float = 0.0,
        no_repeat_ngram: int = 0,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.codec = encoder, decoder, codec
        self.limit, self.beam_size, self.length_penalty = limit, beam_size, length_penalty
        self.label_smoothing, self.no_repeat_ngram = label_smoothing, no_repeat_ngram
        size = decoder.embedding.embedding_dim
        self.first = nn.Linear(encoder.vector_size, size) if decoder.bridge is None else None

    def start(self, pictures: Tensor) -> DecoderState:
        """The decoder's state before the start symbol."""
        encoded = self.encoder(pictures)
        if self.first is None:
            return self.decoder.start(encoded)
        state = self.decoder.start(batch_size=len(pictures))
        _, recurrent = self.decoder.recurrent.step(self.first(encoded.pooled), state.recurrent)
        return replace(state, recurrent=recurrent)

    def loss(self, batch: PictureBatch) -> Loss:
        """Cross-entropy of all captions' tokens, in nats; a picture is encoded once however many captions it has."""
        targets, owners = require_targets(batch.targets), require_targets(batch.owners)
        start = torch.full((len(targets), 1), self.codec.start, device=targets.device)
        inputs = torch.cat([start, targets[:, :-1].clamp(min=self.codec.vocabulary.pad)], 1)
        state = self.start(batch.pictures).select(owners)
        features = self.decoder(inputs, state).features
        smoothing = self.label_smoothing if self.training else 0.0
        total = self.decoder.nats(features.flatten(0, 1), targets.flatten(), smoothing)
        return Loss(total, count_of(targets >= 0))

    @torch.no_grad()
    def predict(
        self,
        batch: PictureBatch,
        *,
        beam_size: int | None = None,
        length_penalty: float | None = None,
        no_repeat_ngram: int | None = None,
    ) -> list[Caption]:
        """The best captions that beam search finds, ``beam_size`` hypotheses at a time; 1 is greedy search."""
        size = self.no_repeat_ngram if no_repeat_ngram is None else no_repeat_ngram
        banned = [self.codec.vocabulary.special(name) for name in (PAD, UNK, START)]
        hypotheses = beam(
            self.decoder.step,
            self.start(batch.pictures),
            len(batch.pictures),
            Limits(self.codec.start, self.codec.end, self.limit, banned=banned, no_repeat_ngram=size),
            self.beam_size if beam_size is None else beam_size,
            device=batch.pictures.device,
            alpha=self.length_penalty if length_penalty is None else length_penalty,
        )
        return [self.codec.decode(best.tokens, best.log_probability) for best, *_ in hypotheses]
