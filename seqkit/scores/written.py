"""Scores of written sequences: BLEU and chrF through sacrebleu, CIDEr-D, and error rates of symbols and words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import regex

from seqkit.errors import missing

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

_GRAMS = 4
"""CIDEr looks at n-grams of 1 to 4 tokens..."""
_SPACELESS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]")
_NOT_CHINESE = regex.compile(r"[\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]")
_LETTER = regex.compile(r"\p{L}")
_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}]+|[^\s\p{L}\p{M}\p{N}]")
"""What sacrebleu makes of a text with spaces between words, about."""
_FEW = 0.1
"""Where fewer of the references have n tokens, their n-grams say nothing."""
_SIGMA = 6.0
"""... and this is the deviation of its Gaussian penalty on a difference in length, in tokens."""


def check_installed() -> None:
    """Raises :class:`UsageError` where sacrebleu is not installed: before a training, not after its first epoch."""
    _metric("BLEU")


def bleu(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """BLEU of a corpus, 0 to 100; each hypothesis has one or more references.

    sacrebleu's default settings, but for references that they do not fit: where most are Chinese, its tokenizer for
    that; where most are in another script without spaces between words (Japanese, Thai …), characters; and where fewer
    than a tenth have four tokens, shorter n-grams. The settings follow from the references alone.

    Raises :class:`UsageError` where sacrebleu is not installed. Papineni et al., 2002; Post, 2018, arXiv:1804.08771.
    """
    return _corpus_score(_metric("BLEU", **_bleu_settings(references)), hypotheses, references)


def chrf(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """chrF2 of a corpus, 0 to 100, with sacrebleu's default settings (Popović, 2015, W15-3049)."""
    return _corpus_score(_metric("CHRF"), hypotheses, references)


def bleu_signature(references: Sequence[Sequence[str]]) -> str:
    """sacrebleu's signature of BLEU for such references, without which a BLEU cannot be compared."""
    settings = _bleu_settings(references)
    signature, order = _signature("BLEU", references, **settings), settings.get("max_ngram_order", _GRAMS)
    return signature if order == _GRAMS else f"{signature}|order:{order}"


def chrf_signature(references: Sequence[Sequence[str]]) -> str:
    """sacrebleu's signature of chrF for such references."""
    return _signature("CHRF", references)


def edit_distance(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and substitutions that make one sequence the other (Levenshtein, 1966)."""
    before = list(range(len(other) + 1))
    for number, left in enumerate(one, 1):
        row = [number]
        for place, right in enumerate(other):
            row.append(min(row[place] + 1, before[place + 1] + 1, before[place] + (left != right)))
        before = row
    return before[-1]


def error_rates(
    hypotheses: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Sequence[Hashable]]]
) -> tuple[float, float]:
    """Errors per symbol, and the fraction of the sequences with an error, both 0 at best.

    Each hypothesis is compared with the nearest of its references (the first of them where several are as near):
    ``symbols = Σ distance / Σ length of that reference``, ``sequences = number with distance > 0 / number``.
    """
    distances, lengths, wrong = 0, 0, 0
    for hypothesis, accepted in zip(hypotheses, references, strict=True):
        distance, nearest = min(
            ((edit_distance(hypothesis, reference), reference) for reference in accepted), key=lambda pair: pair[0]
        )
        distances, lengths, wrong = distances + distance, lengths + len(nearest), wrong + (distance > 0)
    return distances / max(1, lengths), wrong / max(1, len(hypotheses))


def cider(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> float:
    """CIDEr-D of a corpus of tokens, 0 to 10.

    For n of 1 to 4, a caption is a vector of its n-grams, each counted and weighed by
    ``log(N / number of pictures with a reference that has it)``; the score is ten times the mean over n, references and
    pictures of the cosine of hypothesis (clipped to the reference's counts) and reference, times
    ``exp(-(difference of lengths)² / (2 · 6²))`` (Vedantam, Zitnick and Parikh, 2015, arXiv:1411.5726).
    """
    pictures = Counter(gram for accepted in references for gram in set().union(*map(_grams, accepted)))
    total = math.log(max(1, len(references)))
    weights = {gram: total - math.log(count) for gram, count in pictures.items()}
    score = 0.0
    for hypothesis, accepted in zip(hypotheses, references, strict=True):
        cosines = [_cosines(hypothesis, reference, weights, total) for reference in accepted]
        score += sum(cosines) / max(1, len(cosines))
    return 10 * score / max(1, len(hypotheses))


def _grams(tokens: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(
        tuple(tokens[start : start + size]) for size in range(1, _GRAMS + 1) for start in range(len(tokens) - size + 1)
    )


def _cosines(
    hypothesis: Sequence[str], reference: Sequence[str], weights: dict[tuple[str, ...], float], unseen: float
) -> float:
    """The mean over n of the clipped cosine, with the penalty on a difference in length."""
    one, other = _grams(hypothesis), _grams(reference)
    products, squares, others = ([0.0] * _GRAMS for _ in range(3))
    for gram, count in one.items():
        weight, size = weights.get(gram, unseen), len(gram) - 1
        products[size] += min(count, other[gram]) * other[gram] * weight**2
        squares[size] += (count * weight) ** 2
    for gram, count in other.items():
        others[len(gram) - 1] += (count * weights.get(gram, unseen)) ** 2
    cosines = (
        product / math.sqrt(square * second) if square and second else 0.0
        for product, square, second in zip(products, squares, others, strict=True)
    )
    return sum(cosines) / _GRAMS * math.exp(-((len(hypothesis) - len(reference)) ** 2) / (2 * _SIGMA**2))


def _bleu_settings(references: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The settings of sacrebleu's BLEU that differ from its defaults."""
    texts = [accepted[0] for accepted in references if accepted and accepted[0].strip()]
    letters = sum(len(_LETTER.findall(text)) for text in texts)
    spaceless = 2 * sum(len(_SPACELESS.findall(text)) for text in texts) > letters
    sizes = [len(("".join(text.split())) if spaceless else _TOKEN.findall(text)) for text in texts]
    settings: dict[str, Any] = {}
    if spaceless:
        chinese = not any(_NOT_CHINESE.search(text) for text in texts)
        settings["tokenize"] = "zh" if chinese else "char"
    order = next((n for n in range(_GRAMS, 1, -1) if sum(size >= n for size in sizes) >= _FEW * len(sizes)), 1)
    return settings if order == _GRAMS else {**settings, "max_ngram_order": order}


def _metric(name: str, **settings: Any) -> Metric:
    try:
        from sacrebleu import metrics
    except ImportError:
        raise missing("scoring translations and captions", "sacrebleu", "text") from None
    metric: Metric = getattr(metrics, name)(**settings)
    return metric


def _corpus_score(metric: Metric, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    score = float(metric.corpus_score(list(hypotheses), _streams(references)).score) if hypotheses else 0.0
    # Rounding may lead a little beyond.
    return min(100.0, score)


def _signature(name: str, references: Sequence[Sequence[str]], **settings: Any) -> str:
    metric = _metric(name, **settings)
    # A signature knows the number of references only once something was scored against them.
    metric.corpus_score(["" for _ in references], _streams(references))
    return str(metric.get_signature())


def _streams(references: Sequence[Sequence[str]]) -> list[Any]:
    """sacrebleu's order: the first reference of every hypothesis, then the second ones, None where there is none."""
    most = max(map(len, references), default=1)
    return [[accepted[n] if n < len(accepted) else None for accepted in references] for n in range(most)]
