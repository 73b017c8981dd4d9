"""The head that reads one sequence and writes another, and what it predicts.

B batch, S source tokens, T target tokens, V symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from seqkit.answers.searching import reranked
from seqkit.answers.written import Translated
from seqkit.errors import UsageError
from seqkit.layers import Decoder, Encoder, Head, Loss, Source, TeacherForcing
from seqkit.layers.head import require_targets
from seqkit.search import Hypothesis
from seqkit.topologies.codec import batch_for
from seqkit.topologies.delayed.codec import PairBatch, PairCodec, PairItem
from seqkit.topologies.delayed.copying import check_attention, copied_tokens
from seqkit.topologies.delayed.guidance import diagonal_penalty
from seqkit.topologies.delayed.memory import MemoryGate, Recalled
from seqkit.topologies.delayed.options import DelayedOptions
from seqkit.topologies.delayed.reranking import JointWeight
from seqkit.topologies.delayed.search import SearchOptions, output_limits, search
from seqkit.topologies.delayed.tagging import SourceTagger


class EncoderDecoderHead(Head):
    """An encoder, and a decoder that writes ``p(y_t | y_<t, x) = softmax(W features_t + b)``, searched by beam.

    Args:
        encoder, decoder: the decoder made with ``source=Source.of(encoder.recurrent)``.
        codec: only its symbols and its :meth:`PairCodec.write` are used.
        forcing: how often the true token is read in training.
        label_smoothing: in training, as in :func:`~seqkit.layers.losses.linear_cross_entropy`.
        guidance: the multiple of :func:`diagonal_penalty` in the training's loss; the decoder needs attention then.
        tagging: the multiple of the loss of :class:`SourceTagger`, where the codec has n-grams of aligned symbols.
        search: what :meth:`predict` does unless asked otherwise.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        codec: PairCodec,
        forcing: TeacherForcing | None = None,
        label_smoothing: float = 0.0,
        search: SearchOptions | None = None,
        guidance: float = 0.0,
        tagging: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.codec = encoder, decoder, codec
        self.forcing = forcing or TeacherForcing()
        self.label_smoothing, self.search = label_smoothing, search or SearchOptions()
        self.guidance = guidance
        # Without a memory, or n-grams, there is no such module, so that runs have the weights that they always had.
        self.gate = None if codec.memory is None else MemoryGate()
        self.joint = None if codec.joint is None else JointWeight()
        self.tagging = tagging
        tagged = None if tagging == 0 else codec.joint
        self.tagger = None if tagged is None else SourceTagger(encoder.recurrent.output_size, tagged)

    @classmethod
    def build(cls, config: DelayedOptions, codec: PairCodec) -> EncoderDecoderHead:
        """A new head of these sizes, its weights drawn from torch's generator."""
        dropouts = {"dropout": config.dropout, "embedding_dropout": config.embedding_dropout}
        encoder = config.build(
            Encoder,
            len(codec.source.vocabulary),
            config.embedding_size,
            # Both directions together are as wide as the decoder, which dot attention asks for.
            hidden_size=(config.hidden_size + 1) // 2,
            pooling="last",
            word_dropout=config.word_dropout,
            **dropouts,
        )
        decoder = config.build(
            Decoder,
            len(codec.target.vocabulary),
            config.embedding_size,
            source=Source.of(encoder.recurrent),
            attention=config.attention,
            coverage=config.coverage,
            lexical=config.embedding_size if config.lexical and config.attention else 0,
            input_feeding=config.input_feeding,
            tie=config.tie,
            **dropouts,
        )
        forcing = TeacherForcing(config.forcing, config.forcing_floor, config.forcing_steps)
        search = SearchOptions.of(config)
        return cls(encoder, decoder, codec, forcing, config.label_smoothing, search, config.guidance, config.tagging)

    def loss(self, batch: PairBatch) -> Loss:
        """Cross-entropy of the target's symbols and end, in nats; only in training with label smoothing, sampling, and
        what guides attention and encoder.
        """
        inputs, targets = require_targets(batch.inputs), require_targets(batch.targets).flatten()
        encoded = self.encoder(batch.tokens, batch.lengths)
        forcing = self.forcing() if self.training else 1.0
        decoded = self.decoder(inputs, self.decoder.start(encoded), batch.target_lengths, forcing)
        # Padding is removed first, so that it costs no product with all V symbols.
        real = (targets >= 0).nonzero().squeeze(1)
        real_features = decoded.features.flatten(0, 1).index_select(0, real)
        smoothing = self.label_smoothing if self.training else 0.0
        total = self.decoder.nats(real_features, targets[real], smoothing, self.decoder.recurrent.precision)
        if self.training and self.guidance and decoded.weights is not None and batch.target_lengths is not None:
            total = total + self.guidance * diagonal_penalty(decoded.weights, batch.lengths, batch.target_lengths)
        if self.training and self.tagger is not None:
            total = total + self.tagging * self.tagger.nats(encoded.outputs, batch, smoothing)
        return Loss(total, len(real))

    @torch.no_grad()
    def predict(
        self,
        batch: PairBatch,
        *,
        beam_size: int | None = None,
        length_penalty: float | None = None,
        coverage_penalty: float | None = None,
        n_best: int | None = None,
        max_ratio: float | None = None,
        max_extra: int | None = None,
        no_repeat_ngram: int | None = None,
        copy_unknown: bool | None = None,
    ) -> list[Translated]:
        """The best texts for each source; an option that is given replaces the head's own, see :class:`SearchOptions`.

        Raises :class:`UsageError` for options that do not go together.
        """
        options = self.search.replace(
            beam_size=beam_size,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            n_best=n_best,
            max_ratio=max_ratio,
            max_extra=max_extra,
            no_repeat_ngram=no_repeat_ngram,
            copy_unknown=copy_unknown,
        )
        hypotheses = self.hypotheses(batch, options)
        rows = zip(self.texts(batch, hypotheses), hypotheses, self.recalled(batch), strict=True)
        return [Translated.of(texts, [h.score for h in found], recalled) for texts, found, recalled in rows]

    def recalled(self, batch: PairBatch) -> list[Recalled | None]:
        """For each source the training pair whose target answers it; None where the network does."""
        gate = self.gate
        if gate is None or not gate.open:
            return [None] * len(batch.lengths)
        found = [self.codec.recall(*source) for source in zip(batch.masked, batch.placeholders, strict=True)]
        return [pair if pair is not None and gate(pair.similarity) else None for pair in found]

    def hypotheses(self, batch: PairBatch, options: SearchOptions) -> list[list[Hypothesis]]:
        """The ``n_best`` sequences of symbols for each source, the best first."""
        if options.copy_unknown:
            check_attention(self.decoder)
        encoded, limits = self.encoder(batch.tokens, batch.lengths), output_limits(self.codec.target, batch, options)
        weight = 0.0 if self.joint is None else float(self.joint)
        if weight == 0 or options.beam_size == 1 or self.codec.joint is None:
            return search(self.decoder, encoded, batch.lengths, limits, options)
        found = search(self.decoder, encoded, batch.lengths, limits, options.replace(n_best=options.beam_size))
        sources = zip(batch.tokens.tolist(), batch.lengths.tolist(), strict=True)
        scores = [partial(self.codec.joint.log_probability, tokens[:length]) for tokens, length in sources]
        alpha, n_best = options.length_penalty, options.n_best
        return [reranked(row, other, weight, alpha, n_best) for row, other in zip(found, scores, strict=True)]

    @torch.no_grad()
    def attention(self, item: PairItem) -> Tensor:
        """The weights (T, S) that each symbol of a target, its end too, gives to those of the source.

        Raises :class:`UsageError` for an item without a target, and a decoder without attention.
        """
        batch = batch_for(self, self.codec, [item])
        inputs = require_targets(batch.inputs)
        state = self.decoder.start(self.encoder(batch.tokens, batch.lengths))
        weights: Tensor | None = self.decoder(inputs, state).weights
        if weights is None:
            raise UsageError("this decoder has no attention")
        return weights.squeeze(0).cpu()

    def texts(self, batch: PairBatch, hypotheses: Sequence[Sequence[Hypothesis]]) -> list[list[str]]:
        """What the hypotheses of each source say; words of the source stand for symbols that are unknown."""
        outputs = [[h.tokens for h in row] for row in hypotheses]
        copied, written = iter(copied_tokens(self.encoder, self.decoder, self.codec, batch, outputs)), []
        for row, placeholders in zip(outputs, batch.placeholders, strict=True):
            written.append([self.codec.write(tokens, placeholders, next(copied)) for tokens in row])
        return written
