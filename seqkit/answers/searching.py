"""How outputs are searched for: the options, what every output must obey, and what is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from seqkit.answers.sampling import check_size
from seqkit.data.inputs.pairs import END, START, Side
from seqkit.data.vocab import PAD, UNK
from seqkit.errors import UsageError


@dataclass(frozen=True)
class Hypothesis:
    """A sequence with its score: its tokens without start and end, and the log-probability of all of it."""

    tokens: tuple[int, ...]
    score: float
    log_probability: float


def length_penalty(length: int, alpha: float) -> float:
    """``((5 + length) / 6) ** alpha``; the end counts as a token (Wu et al., 2016, arXiv:1609.08144)."""
    return float(((5 + length) / 6) ** alpha)


def rescored(hypothesis: Hypothesis, alpha: float) -> Hypothesis:
    """Greedy search scores by log-probability alone; a beam of 1 would divide it by the length penalty."""
    penalty = length_penalty(len(hypothesis.tokens) + 1, alpha)
    return replace(hypothesis, score=hypothesis.log_probability / penalty)


def reranked(
    found: Sequence[Hypothesis], other: Callable[[tuple[int, ...]], float], weight: float, alpha: float, n_best: int
) -> list[Hypothesis]:
    """The ``n_best`` hypotheses by ``score + weight · log q(tokens) / length penalty``, the best first.

    Args:
        found: what a beam search kept, the best first.
        other: the log-probability of tokens by another model.
        weight: of the other model, of which that of the search has 1.
        alpha: of the length penalty.
        n_best: how many are wanted.
    """
    scored = [
        replace(h, score=h.score + weight * other(h.tokens) / length_penalty(len(h.tokens) + 1, alpha)) for h in found
    ]
    return sorted(scored, key=lambda h: -h.score)[:n_best]


def check_beam(size: int, n_best: int, alpha: float) -> None:
    """Raises :class:`UsageError` for a beam below 1, an ``n_best`` that does not fit, and a negative penalty."""
    if size < 1:
        raise UsageError(f"the beam must be at least 1, not {size}")
    if not 1 <= n_best <= size:
        raise UsageError(f"n_best must be between 1 and the beam of {size}, not {n_best}")
    if alpha < 0:
        raise UsageError(f"the length penalty must be at least 0, not {alpha}")


@dataclass(frozen=True)
class SearchLimits:
    """Which tokens may come next.

    Args:
        start, end: symbols around a sequence.
        max_length: the most tokens, the end not counted; one number, or one for each row of the batch.
        min_length: the fewest tokens.
        prefixes: for each row of the batch, the tokens that it must begin with.
        banned: symbols that are never written, such as padding.
        required: for each row of the batch, symbols that it must write before it ends, as often as they are listed.
        reserved: symbols that are written only where they are required.
        no_repeat_ngram: n-grams of this many tokens are written once, reserved symbols apart; 0: as often as they come.

    Raises:
        UsageError: for lengths that contradict each other, and prefixes and required symbols that do not fit.
    """

    start: int
    end: int
    max_length: int | Sequence[int]
    min_length: int = 0
    prefixes: Sequence[Sequence[int]] | None = None
    banned: Sequence[int] = ()
    required: Sequence[Sequence[int]] | None = None
    reserved: Sequence[int] = ()
    no_repeat_ngram: int = 0

    def __post_init__(self) -> None:
        check_size(self.no_repeat_ngram)
        lengths = [self.max_length] if isinstance(self.max_length, int) else self.max_length
        shortest = min(lengths, default=1)
        if not 0 <= self.min_length <= shortest or shortest < 1:
            raise UsageError(
                f"lengths must satisfy 0 <= min_length <= max_length and 1 <= max_length, not {self.min_length} "
                f"and {shortest}"
            )
        for row, prefix in enumerate(self.prefixes or ()):
            if len(prefix) > self.longest(row) or self.end in prefix:
                raise UsageError(f"a prefix of {len(prefix)} tokens must fit {self.longest(row)} and not hold the end")
        for row, required in enumerate(self.required or ()):
            if len(required) > self.longest(row) or not set(required) <= set(self.reserved):
                raise UsageError(f"{len(required)} required symbols must fit {self.longest(row)} and be reserved")

    def longest(self, row: int) -> int:
        """The most tokens that a row may have."""
        return self.max_length if isinstance(self.max_length, int) else self.max_length[row]


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
    def of(cls, config: Any) -> SearchOptions:
        """What a configuration says."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})

    def replace(self, **values: Any) -> SearchOptions:
        """The same options but for these; None leaves one as it is."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def longest(self, tokens: int) -> int:
        """The most tokens that may be written for a source of this many."""
        return int(self.max_ratio * tokens) + self.max_extra


SEARCH_OPTIONS = tuple(field.name for field in fields(SearchOptions))
"""Their names"""


def output_limits_of(
    target: Side, lengths: Sequence[int], required: Sequence[Sequence[int]], options: SearchOptions
) -> dict[str, Any]:
    """What outputs must obey, as arguments of :class:`SearchLimits`: their length, no padding or unknown symbols
    (unless something is copied for these), and every placeholder of the source once."""
    special = target.vocabulary.special
    pairs = zip(lengths, required, strict=True)
    return {
        "start": special(START),
        "end": special(END),
        "max_length": [max(options.longest(length), len(needed)) for length, needed in pairs],
        "banned": [special(name) for name in ((PAD, START) if options.copy_unknown else (PAD, UNK, START))],
        "required": required,
        "reserved": target.slots,
        "no_repeat_ngram": options.no_repeat_ngram,
    }
