"""Schemes that mark spans of words with one tag a word: ``O`` outside of any, else a letter, a hyphen and the type.

==========  ========================================================  ===========================
``bio``     B begins a span, I goes on with it (IOB2)                 ``B-PER I-PER O B-LOC``
``iob1``    I; B only where a span of the same type stands before it  ``I-PER I-PER O I-LOC``
``bioes``   B, I, and E for the last word; S for a span of one word   ``B-PER E-PER O S-LOC``
``bilou``   the same with L (last) for E and U (unit) for S           ``B-PER L-PER O U-LOC``
==========  ========================================================  ===========================

Ramshaw and Marcus, 1995, cmp-lg/9505040; Tjong Kim Sang and Veenstra, 1999, cs/9907006.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.data.readers import shown
from seqkit.errors import UsageError, unknown

OUTSIDE = "O"
_LETTERS = {
    "bio": ("B", "I", "I", "B"),
    "iob1": ("I", "I", "I", "I"),
    "bioes": ("B", "I", "E", "S"),
    "bilou": ("B", "I", "L", "U"),
}
"""For a span's first word, those inside, its last, and the word of a span that has one only."""
_MOST = 0.95
_MEANING = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"}


class Span(NamedTuple):
    """Words ``start`` to ``stop``, the last not among them, that have one type."""

    type: str
    start: int
    stop: int


def detect_scheme(tag_sequences: Iterable[Sequence[str]]) -> str | None:
    """``bio``, ``iob1``, ``bioes`` or ``bilou``; None where tags are plain labels, such as parts of speech.

    Tags are of a scheme if, of those that are not ``O``, 95 in 100 are a letter of BIESLU with a type: of the scheme
    that the fewest tags break, and of those that as few break the first in the order above.
    """
    sequences = Counter(map(tuple, tag_sequences))
    inside = [_parts(tag)[0] != OUTSIDE for tags in sequences.elements() for tag in tags if tag != OUTSIDE]
    if not inside or sum(inside) < _MOST * len(inside):
        return None
    return min(_LETTERS, key=lambda scheme: sum(times * len(broken(tags, scheme)) for tags, times in sequences.items()))


def spans(tags: Sequence[str]) -> list[Span]:
    """The spans of a sentence, as conlleval reads them, broken sequences too; letters tell the scheme.

    A tag goes on with the span before it if its letter is I, E or L, the types are equal, and that span has not ended
    with E, S, L or U; any other begins a span. What is no letter of BIESLU with a type is outside, as ``O`` is.
    """
    found: list[Span] = []
    before, kind, start = OUTSIDE, "", 0
    for place, tag in enumerate((*tags, OUTSIDE)):
        letter, type_ = _parts(tag)
        if letter in "IE" and before in "BI" and type_ == kind:
            before = letter
            continue
        if before != OUTSIDE:
            found.append(Span(kind, start, place))
        before, kind, start = letter, type_, place
    return found


def written(found: Iterable[Span], length: int, scheme: str) -> tuple[str, ...]:
    """The tags of so many words whose spans, in their order and none over another, are these."""
    first, inside, last, single = _letters(scheme)
    tags = [OUTSIDE] * length
    before = Span("", -1, -1)
    for span in found:
        body = single if span.stop - span.start == 1 else first + inside * (span.stop - span.start - 2) + last
        if scheme == "iob1" and (before.type, before.stop) == (span.type, span.start):
            body = "B" + body[1:]
        tags[span.start : span.stop] = [f"{letter}-{span.type}" for letter in body]
        before = span
    return tuple(tags)


def repair(tags: Sequence[str], scheme: str) -> tuple[str, ...]:
    """Tags that keep the scheme, with the same spans (see :func:`spans`): ``O I-PER`` in ``bio`` is ``O B-PER``.

    Tags of another scheme are converted so; tags of no scheme become ``O``. What keeps the scheme stays as it is.
    """
    return written(spans(tags), len(tags), scheme)


def broken(tags: Sequence[str], scheme: str) -> list[int]:
    """The places of the tags that :func:`repair` changes."""
    return [place for place, (old, new) in enumerate(zip(tags, repair(tags, scheme), strict=True)) if old != new]


def allowed_transitions(labels: Sequence[str], scheme: str) -> tuple[Tensor, Tensor, Tensor]:
    """Which of K labels may follow which (K, K), from row to column, begin (K) and end (K) a sentence; booleans.

    The sequences allowed are exactly those that keep the scheme. Raises :class:`UsageError` for a label outside it.
    """
    letters = {"B", *_letters(scheme)}
    for label in labels:
        if label != OUTSIDE and (_parts(label)[0] == OUTSIDE or label[0] not in letters):
            raise UsageError(f"label {shown(label)} is not of the scheme {scheme}; mend the tags with repair")
    allowed = [[_may_follow(one, other, scheme) for other in labels] for one in labels]
    start = [_may_follow(OUTSIDE, label, scheme) for label in labels]
    end = [_may_follow(label, OUTSIDE, scheme) for label in labels]
    size = len(labels)
    return torch.tensor(allowed, dtype=torch.bool).view(size, size), torch.tensor(start), torch.tensor(end)


def _may_follow(one: str, other: str, scheme: str) -> bool:
    (before, kind), (letter, type_) = _parts(one), _parts(other)
    if scheme == "iob1":
        return letter != "B" or kind == type_
    goes_on = letter in "IE"
    if scheme == "bio":
        return not goes_on or kind == type_
    return goes_on == (before in "BI") and (not goes_on or kind == type_)


def _letters(scheme: str) -> tuple[str, str, str, str]:
    if scheme not in _LETTERS:
        raise unknown("scheme", scheme, _LETTERS)
    return _LETTERS[scheme]


def _parts(tag: str) -> tuple[str, str]:
    """What the letter means, one of BIES, and the type; (``O``, nothing) for what is outside."""
    letter, hyphen, kind = tag.partition("-")
    return (_MEANING[letter], kind) if letter in _MEANING and hyphen and kind else (OUTSIDE, "")
