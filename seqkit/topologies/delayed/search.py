"""How outputs are searched for: the options at run time, what every output must obey, and the search itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor

from seqkit.data.vocab import PAD, UNK
from seqkit.errors import UsageError
from seqkit.layers import Decoder, DecoderState
from seqkit.layers.encoder import Encoded
from seqkit.search import Hypothesis, Limits, beam, greedy, length_penalty
from seqkit.topologies.delayed.codec import END, START, PairBatch, Side
from seqkit.topologies.delayed.options import DelayedOptions


@dataclass(frozen=True)
class SearchOptions:
    """How outputs are searched for; a beam of 1 is greedy search.

    Args:
        beam_size: hypotheses of a source that the search keeps.
        length_penalty: how much longer outputs are favoured, see :func:`~seqkit.search.length_penalty`.
        coverage_penalty: what unread places of the source cost, see :func:`~seqkit.layers.decoder.coverage_penalty`.
        n_best: outputs given for a source.
        no_repeat_ngram: never repeat an n-gram of this many tokens; 0: no limit.
        copy_unknown: whether unknown symbols are written, for which words of the source then stand.
        max_ratio, max_extra: an output has at most ``max_ratio · tokens of the source + max_extra`` tokens.

    Raises:
        UsageError: for a beam below 1, and an ``n_best`` that does not fit into it.
    """

    beam_size: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    n_best: int = 1
    max_ratio: float = 2.0
    max_extra: int = 10
    no_repeat_ngram: int = 0
    copy_unknown: bool = False

    def __post_init__(self) -> None:
        if self.beam_size < 1:
            raise UsageError(f"beam_size must be at least 1, not {self.beam_size}")
        if not 1 <= self.n_best <= self.beam_size:
            raise UsageError(f"n_best must be between 1 and the beam_size of {self.beam_size}, not {self.n_best}")

    @classmethod
    def of(cls, config: DelayedOptions) -> SearchOptions:
        """What a configuration says."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})

    def replace(self, **values: Any) -> SearchOptions:
        """The same options but for these; None leaves one as it is."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def longest(self, tokens: int) -> int:
        """The most tokens that may be written for a source of so many."""
        return int(self.max_ratio * tokens) + self.max_extra


SEARCH_OPTIONS = tuple(field.name for field in fields(SearchOptions))
"""Their names"""


def search(
    decoder: Decoder, encoded: Encoded, lengths: Tensor, limits: Limits, options: SearchOptions
) -> list[list[Hypothesis]]:
    """The ``n_best`` sequences of symbols for each source, whose lengths are (B), the best first."""
    batch_size, device = len(lengths), lengths.device
    alpha, beta = options.length_penalty, options.coverage_penalty
    if options.beam_size == 1 and beta == 0:
        # There is nothing to reorder, so this is less work than a beam of 1, for the same output.
        found = greedy(decoder.step, decoder.start(encoded), batch_size, limits, device=device)
        return [[_rescored(h, alpha)] for h in found]
    return beam(
        decoder.step,
        decoder.start(encoded, track_coverage=beta > 0),
        batch_size,
        limits,
        options.beam_size,
        alpha=alpha,
        n_best=options.n_best,
        penalty=_coverage_cost(decoder, beta) if beta > 0 else None,
        device=device,
    )


def output_limits(target: Side, batch: PairBatch, options: SearchOptions) -> Limits:
    """What outputs must obey: their length, no padding or unknown symbols (unless something is copied for these), and
    every placeholder of the source once."""
    special = target.vocabulary.special
    pairs = zip(batch.lengths.tolist(), batch.required, strict=True)
    return Limits(
        special(START),
        special(END),
        [max(options.longest(length), len(required)) for length, required in pairs],
        banned=[special(name) for name in ((PAD, START) if options.copy_unknown else (PAD, UNK, START))],
        required=batch.required,
        reserved=target.slots,
        no_repeat_ngram=options.no_repeat_ngram,
    )


def _rescored(hypothesis: Hypothesis, alpha: float) -> Hypothesis:
    """Greedy search scores by log-probability alone; a beam of 1 would divide it by the length penalty."""
    penalty = length_penalty(len(hypothesis.tokens) + 1, alpha)
    return replace(hypothesis, score=hypothesis.log_probability / penalty)


def _coverage_cost(decoder: Decoder, beta: float) -> Callable[[DecoderState], Tensor]:
    return lambda state: decoder.coverage_penalty(state, beta)
