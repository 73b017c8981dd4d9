"""A sequence written token by token, from what an encoder has made of another.

B batch, T steps, V symbols, E embedding size, H hidden units, S places of the memory, F features of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding

from seqkit.cells import Cell
from seqkit.errors import UsageError
from seqkit.layers.attention import Attention, Memory
from seqkit.layers.bridge import Bridge, Source
from seqkit.layers.encoder import Encoded, draw_embedding, locked_dropout
from seqkit.layers.losses import linear_cross_entropy
from seqkit.layers.recall import Past, Recall
from seqkit.layers.recurrent import Recurrent
from seqkit.layers.state import State


@dataclass(frozen=True)
class DecoderState:
    """What one step of a decoder hands to the next."""

    recurrent: State
    memory: Memory | None = None
    feed: Tensor | None = None
    """(B, H) with input feeding: the features of the step before"""
    coverage: Tensor | None = None
    """(B, S): the sum of the attention weights so far"""
    past: Past | None = None
    """What a decoder with recall has read, and made of it"""

    def select(self, index: Tensor) -> DecoderState:
        """The rows of the batch at ``index`` (N)."""
        return DecoderState(
            self.recurrent.select(index),
            None if self.memory is None else self.memory.select(index),
            None if self.feed is None else self.feed.index_select(0, index),
            None if self.coverage is None else self.coverage.index_select(0, index),
            None if self.past is None else self.past.select(index),
        )

    def detach(self) -> DecoderState:
        """The same values, cut from the graph: what truncated back-propagation carries on."""
        return replace(
            self,
            recurrent=self.recurrent.detach(),
            feed=None if self.feed is None else self.feed.detach(),
            coverage=None if self.coverage is None else self.coverage.detach(),
            past=None if self.past is None else self.past.detach(),
        )


class Decoded(NamedTuple):
    """The output of a decoder."""

    features: Tensor
    """(B, T, H), and what is beside them: :meth:`Decoder.logits` turns them into scores"""
    state: DecoderState
    weights: Tensor | None
    """(B, T, S) of the attention"""


class _Step(NamedTuple):
    """The output of a decoder for one token: features (B, H) and weights (B, S)."""

    features: Tensor
    state: DecoderState
    weights: Tensor | None


class Decoder(nn.Module):
    """Embedding, recurrent layer, attention over a memory, and scores of the next token.

    With attention, the features of a step are ``tanh(W [output; context])``; without, the output itself. With input
    feeding, the features of the step before are joined to a token's vector (Luong, Pham and Manning, 2015,
    arXiv:1508.04025). Without it, a whole sequence runs through the recurrent layer at once.

    With ``lexical``, attention averages the vectors of the source's tokens, too, and that average e has a path of its
    own to the scores, ``W_o (features + L e) + b``: which token translates which is learned from far fewer pairs than
    by way of recurrent layers (after Nguyen and Chiang, 2018, N18-1031).

    Args:
        vocab_size: V; symbol ``pad`` has the vector 0 and does not learn.
        embedding_size: E.
        cell, hidden_size, num_layers, kernel, precision: as in :class:`Recurrent`.
        options: further ones of :class:`Recurrent`, such as ``zoneout``, and those of the cell.
        source: the sizes of what starts the decoder; None: it starts from zeros.
        attention: the kind, as in :class:`Attention`; None: no attention.
        coverage: whether attention sees where it has been; goes with input feeding.
        lexical: the size of the source's token vectors, for the path above, which needs attention; 0: there is none.
        input_feeding: see above; it needs attention.
        recall: steps of its own past that a decoder without attention looks back on, as in :class:`Recall`; 0: none.
        tie: whether scores use the embedding's weights (Press and Wolf, 2017, arXiv:1608.05859); where E is not H, the
            features are first mapped to E.
        dropout: between layers, and on the features.
        learned_state: as in :class:`Recurrent`, for a decoder without a source; with one, the source gives the state.
        embedding_dropout: locked (the same features at each step), on the token vectors.

    Raises:
        UsageError: for options that do not go together.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int = 128,
        *,
        cell: str | type[Cell] | Cell = "lstm",
        hidden_size: int = 128,
        num_layers: int = 1,
        source: Source | None = None,
        attention: str | None = None,
        coverage: bool = False,
        lexical: int = 0,
        input_feeding: bool = False,
        recall: int = 0,
        tie: bool = False,
        dropout: float = 0.0,
        learned_state: bool = False,
        embedding_dropout: float = 0.0,
        pad: int = 0,
        kernel: str | None = None,
        precision: str = "f32",
        **options: Any,
    ) -> None:
        super().__init__()
        _check(source, attention, coverage, input_feeding, recall)
        if lexical and attention is None:
            raise UsageError("the lexical path goes through attention; choose an attention, or leave out lexical")
        self.dropout, self.embedding_dropout, self.input_feeding = dropout, embedding_dropout, input_feeding
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=pad)
        draw_embedding(self.embedding)
        self.recurrent = Recurrent(
            cell,
            embedding_size + (hidden_size if input_feeding else 0),
            hidden_size,
            num_layers,
            False,
            dropout,
            learned_state=learned_state and source is None,
            kernel=kernel,
            precision=precision,
            **options,
        )
        self.bridge = Bridge(source, self.recurrent) if source is not None else None
        self._add_attention(attention, source, coverage, lexical)
        self.recall = Recall(hidden_size, embedding_size, recall, precision=precision) if recall else None
        self._add_output(vocab_size, tie, lexical)

    def _add_attention(self, kind: str | None, source: Source | None, coverage: bool, lexical: int) -> None:
        """Attention to the outputs of the source, and what mixes its context with the decoder's own output."""
        self.attention: Attention | None = None
        if kind is not None and source is not None:
            self.attention = Attention(kind, self.hidden_size, source.output_size, coverage=coverage)
            self.mix = nn.Linear(self.hidden_size + source.output_size + lexical, self.hidden_size, bias=False)

    def _add_output(self, vocab_size: int, tie: bool, lexical: int) -> None:
        """Features to scores, by way of the embedding's size where both share weights."""
        size = self.embedding.embedding_dim if tie else self.hidden_size
        self.narrow = None if size == self.hidden_size else nn.Linear(self.hidden_size, size, bias=False)
        self.lexical = nn.Linear(lexical, size, bias=False) if lexical else None
        self.output = nn.Linear(size, vocab_size)
        if tie:
            self.output.weight = self.embedding.weight

    def start(self, encoded: Encoded | None = None, batch_size: int = 1, track_coverage: bool = False) -> DecoderState:
        """The state before the first token.

        Args:
            encoded: the output of an encoder; None, for a decoder without source: the state is zeros.
            batch_size: B, of a decoder without source.
            track_coverage: whether the state sums up the attention, as :func:`coverage_penalty` needs, even if no
                coverage is learned.

        Raises:
            UsageError: without what an encoder has read, where the decoder needs it, and with it where it does not.
        """
        if (encoded is None) != (self.bridge is None):
            needs = "needs an encoded source" if encoded is None else "was made without a source and takes none"
            raise UsageError(f"this decoder {needs}")
        if encoded is None or self.bridge is None:
            return DecoderState(self.recurrent.initial_state(batch_size), past=self._new_past(batch_size))
        state = DecoderState(self.bridge(encoded.state), past=self._new_past(encoded.lengths.shape[0]))
        if self.attention is None:
            return state
        memory = self._memory(self.attention, encoded)
        batch = encoded.lengths.shape[0]
        feed = encoded.outputs.new_zeros(batch, self.hidden_size) if self.input_feeding else None
        tracked = track_coverage or self.attention.covered is not None
        coverage = memory.values.new_zeros(memory.mask.shape) if tracked else None
        return replace(state, memory=memory, feed=feed, coverage=coverage)

    def _memory(self, attention: Attention, encoded: Encoded) -> Memory:
        """What is attended to: outputs of the encoder, and beside them the vectors of its tokens if they have a path.

        Raises :class:`UsageError` where the path has no vectors.
        """
        memory = attention.memory(encoded.outputs, encoded.lengths)
        if self.lexical is None:
            return memory
        if encoded.vectors is None:
            raise UsageError("a decoder with a lexical path needs the token vectors of its source")
        # Only outputs are compared with the decoder's: a vector says nothing of where its token is.
        return memory._replace(values=torch.cat([encoded.outputs, encoded.vectors], 2))

    def step(self, token: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The last token (B) and the state before it to logits of the next one (B, V), and the state after it."""
        logits, after, _ = self.step_with_weights(token, state)
        return logits, after

    def step_with_weights(self, token: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState, Tensor | None]:
        """:meth:`step`, and the weights (B, S) of the attention."""
        step = self._one_step(embedding(token, self.embedding.weight), state)
        return self.logits(step.features), step.state, step.weights

    def forward(
        self, tokens: Tensor, state: DecoderState, lengths: Tensor | None = None, forcing: float = 1.0
    ) -> Decoded:
        """Reads tokens (B, T), each of them whatever the decoder would have written: teacher forcing.

        Args:
            tokens: (B, T).
            state: before the first of them.
            lengths: (B); None: no padding. A decoder that goes step by step does not need them, and its state after
                padding is meaningless.
            forcing: below 1, each token but the first is read with that probability, and otherwise one drawn from what
                the decoder has just predicted, with no gradient through the draw (Bengio et al., 2015,
                arXiv:1506.03099).
        """
        if forcing < 1:
            with self.recurrent.noise.one_sequence():
                return self._sampled(tokens, state, forcing)
        vectors = locked_dropout(self.embedding(tokens), self.embedding_dropout, self.training)
        if not self.input_feeding and state.coverage is None:
            outputs, recurrent = self.recurrent(vectors, lengths, state.recurrent)
            state = replace(state, recurrent=recurrent)
            if self.recall is not None and state.past is not None:
                features, past = self.recall(outputs, vectors, state.past)
                return Decoded(self._drop(features), replace(state, past=past), None)
            features, weights = self._attend_to_all(outputs, state.memory)
            return Decoded(self._drop(features), state, weights)
        steps = []
        with self.recurrent.noise.one_sequence():
            for vector in vectors.unbind(1):
                steps.append(self._one_step(vector, state))
                state = steps[-1].state
        return self._joined(steps)

    def _sampled(self, tokens: Tensor, state: DecoderState, forcing: float) -> Decoded:
        """:meth:`forward` step by step, some of the tokens drawn from the predictions."""
        batch, length = tokens.shape
        mask = dropout(
            tokens.new_ones(batch, self.embedding.embedding_dim, dtype=self.embedding.weight.dtype),
            self.embedding_dropout,
            self.training,
        )
        steps: list[_Step] = []
        read = tokens[:, 0]
        for t in range(length):
            steps.append(self._one_step(self.embedding(read) * mask, state))
            state = steps[-1].state
            if t + 1 < length:
                with torch.no_grad():
                    probabilities = torch.softmax(self.logits(steps[-1].features), 1)
                    drawn = torch.multinomial(probabilities, 1).squeeze(1)
                    forced = torch.rand(batch, device=tokens.device) < forcing
                read = torch.where(forced, tokens[:, t + 1], drawn)
        return self._joined(steps)

    def _joined(self, steps: list[_Step]) -> Decoded:
        features = self._drop(torch.stack([step.features for step in steps], 1))
        weights = [step.weights for step in steps if step.weights is not None]
        return Decoded(features, steps[-1].state, torch.stack(weights, 1) if weights else None)

    def logits(self, features: Tensor) -> Tensor:
        """Features (…, H) to logits (…, V)."""
        logits: Tensor = self.output(self._narrowed(features))
        return logits

    def nats(self, features: Tensor, targets: Tensor, label_smoothing: float = 0.0, precision: str = "f32") -> Tensor:
        """The cross-entropy of targets (N) given features (N, H), summed; see :func:`linear_cross_entropy`."""
        narrowed = self._narrowed(features)
        return linear_cross_entropy(narrowed, self.output.weight, self.output.bias, targets, label_smoothing, precision)

    @property
    def features_size(self) -> int:
        """Of the features of a step: H, and of the vectors beside them."""
        return self.hidden_size + (0 if self.lexical is None else self.lexical.in_features)

    def _narrowed(self, features: Tensor) -> Tensor:
        """Features (…, H) to what the output layer reads."""
        own, vectors = features.split([self.hidden_size, self.features_size - self.hidden_size], -1)
        narrowed: Tensor = own if self.narrow is None else self.narrow(own)
        return narrowed if self.lexical is None else narrowed + self.lexical(vectors)

    def _mixed(self, outputs: Tensor, context: Tensor) -> Tensor:
        """Outputs (…, H) and what attention has found, to features; the average token vector is beside them."""
        features = torch.tanh(self.mix(torch.cat([outputs, context], -1)))
        if self.lexical is None:
            return features
        return torch.cat([features, context[..., -self.lexical.in_features :]], -1)

    def coverage_penalty(self, state: DecoderState, beta: float) -> Tensor:
        """See :func:`coverage_penalty`."""
        return coverage_penalty(state, beta)

    def _one_step(self, vector: Tensor, state: DecoderState) -> _Step:
        if state.feed is not None:
            vector = torch.cat([vector, state.feed], 1)
        output, recurrent = self.recurrent.step(vector, state.recurrent)
        if self.recall is not None and state.past is not None:
            features, past = self.recall(output.unsqueeze(1), vector.unsqueeze(1), state.past)
            return _Step(features.squeeze(1), replace(state, recurrent=recurrent, past=past), None)
        if self.attention is None or state.memory is None:
            return _Step(output, DecoderState(recurrent), None)
        coverage = state.coverage if self.attention.covered is not None else None
        context, weights = self.attention(output, state.memory, coverage)
        features = self._mixed(output, context)
        state = replace(
            state,
            recurrent=recurrent,
            feed=features[:, : self.hidden_size] if self.input_feeding else None,
            coverage=None if state.coverage is None else state.coverage + weights,
        )
        return _Step(features, state, weights)

    def _new_past(self, batch_size: int) -> Past | None:
        return None if self.recall is None else self.recall.start(batch_size)

    def _attend_to_all(self, outputs: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor | None]:
        if self.attention is None or memory is None:
            return outputs, None
        context, weights = self.attention.all_steps(outputs, memory)
        return self._mixed(outputs, context), weights

    def _drop(self, features: Tensor) -> Tensor:
        return dropout(features, self.dropout, self.training)


def coverage_penalty(state: DecoderState, beta: float) -> Tensor:
    """``β Σ log(min(coverage, 1))`` (N) over the places of the source: 0 where each was attended to enough, else below.

    Raises :class:`UsageError` for a state that does not track its coverage. Source: Wu et al., 2016, arXiv:1609.08144.
    """
    if state.coverage is None or state.memory is None:
        raise UsageError("a coverage penalty needs a state that tracks coverage: start(encoded, track_coverage=True)")
    # A place without any attention would cost infinitely much.
    logs = state.coverage.clamp(1e-6, 1.0).log()
    mask = state.memory.mask.repeat_interleave(state.memory.group, 0)
    return beta * logs.masked_fill(~mask, 0.0).sum(1)


def _check(source: Source | None, attention: str | None, coverage: bool, input_feeding: bool, recall: int) -> None:
    if attention is not None and source is None:
        raise UsageError("attention needs a source to attend to; give source=Source.of(encoder.recurrent)")
    if input_feeding and attention is None:
        raise UsageError("input feeding feeds what attention found; give an attention, too")
    if coverage and not input_feeding:
        raise UsageError("coverage goes step by step; give input_feeding=True, too")
    if attention is not None and recall:
        raise UsageError(
            "a decoder attends to a source or looks back on its own past; give attention or recall, not both"
        )
