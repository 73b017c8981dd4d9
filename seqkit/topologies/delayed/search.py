"""How outputs are searched for: the options at run time, what every output must obey, and the search itself."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from seqkit.answers.searching import SEARCH_OPTIONS, SearchOptions, output_limits_of, rescored
from seqkit.layers import Decoder, DecoderState
from seqkit.layers.encoder import Encoded
from seqkit.search import Hypothesis, Limits, beam, greedy
from seqkit.topologies.delayed.codec import PairBatch, Side

__all__ = ["SEARCH_OPTIONS", "SearchOptions", "output_limits", "search"]


def search(
    decoder: Decoder, encoded: Encoded, lengths: Tensor, limits: Limits, options: SearchOptions
) -> list[list[Hypothesis]]:
    """The ``n_best`` sequences of symbols for each source, whose lengths are (B), the best first."""
    batch_size, device = len(lengths), lengths.device
    alpha, beta = options.length_penalty, options.coverage_penalty
    if options.beam_size == 1 and beta == 0:
        # There is nothing to reorder, so this is less work than a beam of 1, for the same output.
        found = greedy(decoder.step, decoder.start(encoded), batch_size, limits, device=device)
        return [[rescored(h, alpha)] for h in found]
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
    return Limits(**output_limits_of(target, batch.lengths.tolist(), batch.required, options))


def _coverage_cost(decoder: Decoder, beta: float) -> Callable[[DecoderState], Tensor]:
    return lambda state: decoder.coverage_penalty(state, beta)
