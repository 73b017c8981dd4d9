"""Schemes that mark spans of words with one tag a word: ``O`` outside any span, else a letter, a hyphen and a type.

==========  ========================================================  ===========================
``bio``     B begins a span, I continues it (IOB2)                    ``B-PER I-PER O B-LOC``
``iob1``    I; B only directly after a span of the same type          ``I-PER I-PER O I-LOC``
``bioes``   B, I, and E for the last word; S for a span of one word   ``B-PER E-PER O S-LOC``
``bilou``   the same with L (last) for E and U (unit) for S           ``B-PER L-PER O U-LOC``
==========  ========================================================  ===========================

Ramshaw and Marcus, 1995, cmp-lg/9505040; Tjong Kim Sang and Veenstra, 1999, cs/9907006.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import regex

from seqkit.data.readers import shown
from seqkit.errors import UsageError, unknown

OUTSIDE = "O"
_LETTERS = {
    "bio": ("B", "I", "I", "B"),
    "iob1": ("I", "I", "I", "I"),
    "bioes": ("B", "I", "E", "S"),
    "bilou": ("B", "I", "L", "U"),
}
"""For a span's first word, those inside, its last, and for the only word of a span."""
_ENOUGH = 0.95
"""Of the tags other than ``O``: a few typing errors must not make a file of names one of plain labels."""
_MEANING = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"}
_NAMES = {"bio": "BIO (IOB2)", "iob1": "IOB1", "bioes": "BIOES", "bilou": "BILOU"}
_LETTER_OF = {"M": "I", "W": "S"}
"""Of the letters that others write for those of BIOES: BMES, BMEWO."""
_PREFIXED = regex.compile(r"(?P<letter>[BIESLUMW])(?P<mark>[-_:/|])(?P<type>.+)", regex.IGNORECASE)
_SUFFIXED = regex.compile(r"(?P<type>.+)(?P<mark>[-_:/|])(?P<letter>[BIESLUMW])", regex.IGNORECASE)
_OUTSIDES = (OUTSIDE, "o", "0")
_ONLY_TYPE = "SPAN"
"""What a span is called where tags are B, I and O and no more."""


class Span(NamedTuple):
    """Words ``start`` to ``stop``, ``stop`` not included, of one type."""

    type: str
    start: int
    stop: int


def detect_scheme(tag_sequences: Iterable[Sequence[str]]) -> str | None:
    """``bio``, ``iob1``, ``bioes`` or ``bilou``; None where tags are plain labels, such as parts of speech.

    Tags have a scheme if 95 in 100 of those that are not ``O`` are a letter of BIESLU with a type. It is the scheme
    that the fewest tags break; among equals, the first in the order above.
    """
    # Many sentences have the same tags ("O O O O"), and a scheme needs to be checked once for each.
    sequences = Counter(map(tuple, tag_sequences))
    inside = [_parts(tag)[0] != OUTSIDE for tags in sequences.elements() for tag in tags if tag != OUTSIDE]
    if not inside or sum(inside) < _ENOUGH * len(inside):
        return None
    return min(_LETTERS, key=lambda scheme: sum(times * len(broken(tags, scheme)) for tags, times in sequences.items()))


def marked_type(tag: str) -> str | None:
    """The type of span that a tag marks in any of the spellings that :func:`respelled` knows; None if it marks none."""
    match = _PREFIXED.fullmatch(tag) or _SUFFIXED.fullmatch(tag)
    return match["type"] if match else None


def respelled(counts: Mapping[str, int]) -> dict[str, str]:
    """For tags of a scheme in another spelling, each as :func:`spans` reads it: ``B_PER``, ``PER-B``, ``b-per``, ``B``
    alone, M for I (BMES), ``0`` or ``o`` for ``O``.

    Nothing for plain labels, and for tags that are spelled so already. ``counts`` says how often each occurs.
    """
    inside = {tag: count for tag, count in counts.items() if tag not in _OUTSIDES}
    total = sum(inside.values())
    if not total:
        return {}
    for pattern in (_PREFIXED, _SUFFIXED):
        found = {tag: match for tag in inside if (match := pattern.fullmatch(tag))}
        letters = {_letter(match["letter"]) for match in found.values()}
        # A part of speech may end in -S: a scheme has a letter that begins spans, and one more or words outside.
        begins = letters & {"B", "S", "U"} or pattern is _PREFIXED
        several = len(letters) > 1 or len(counts) > len(inside)
        if begins and several and sum(inside[tag] for tag in found) >= _ENOUGH * total:
            spelled = {tag: f"{_letter(match['letter'])}-{match['type']}" for tag, match in found.items()}
            return _changes({**spelled, **_outside(counts)})
    letters = {_letter(tag) for tag in inside}
    if letters <= {*_MEANING} and "B" in letters and letters & {"I", "E", "L"} and len(counts) > len(inside):
        return _changes({**{tag: f"{_letter(tag)}-{_ONLY_TYPE}" for tag in inside}, **_outside(counts)})
    return {}


def _letter(letter: str) -> str:
    return _LETTER_OF.get(letter.upper(), letter.upper())


def _outside(counts: Mapping[str, int]) -> dict[str, str]:
    return {tag: OUTSIDE for tag in _OUTSIDES if tag in counts}


def _changes(spelled: Mapping[str, str]) -> dict[str, str]:
    return {tag: other for tag, other in spelled.items() if tag != other}


def scheme_name(scheme: str) -> str:
    """What people call it: ``BIO (IOB2)``."""
    return _NAMES.get(scheme, scheme)


def spans(tags: Sequence[str]) -> list[Span]:
    """The spans of a sentence, as conlleval reads them, in broken sequences too; no scheme has to be named.

    A tag continues the span before it if its letter is I, E or L, the types are equal, and that span has not ended with
    E, S, L or U; any other begins a span. Whatever is not a letter of BIESLU with a type is outside, as ``O`` is.
    """
    complete: list[Span] = []
    before, open_type, start = OUTSIDE, "", 0
    for index, tag in enumerate((*tags, OUTSIDE)):
        letter, type_ = _parts(tag)
        if letter in "IE" and before in "BI" and type_ == open_type:
            before = letter
            continue
        if before != OUTSIDE:
            complete.append(Span(open_type, start, index))
        before, open_type, start = letter, type_, index
    return complete


def written(ordered: Iterable[Span], length: int, scheme: str) -> tuple[str, ...]:
    """The tags of ``length`` words with these spans, which are in order and do not overlap."""
    first, inside, last, single = _letters(scheme)
    tags = [OUTSIDE] * length
    before = Span("", -1, -1)
    for span in ordered:
        body = single if span.stop - span.start == 1 else first + inside * (span.stop - span.start - 2) + last
        if scheme == "iob1" and (before.type, before.stop) == (span.type, span.start):
            body = "B" + body[1:]
        tags[span.start : span.stop] = [f"{letter}-{span.type}" for letter in body]
        before = span
    return tuple(tags)


def repair(tags: Sequence[str], scheme: str) -> tuple[str, ...]:
    """Tags that keep the scheme, with the same spans (see :func:`spans`): ``O I-PER`` in ``bio`` is ``O B-PER``.

    This also converts tags from another scheme; tags of no scheme become ``O``. Tags that keep the scheme stay.
    """
    return written(spans(tags), len(tags), scheme)


def broken(tags: Sequence[str], scheme: str) -> list[int]:
    """The indices of the tags that :func:`repair` changes."""
    return [index for index, (old, new) in enumerate(zip(tags, repair(tags, scheme), strict=True)) if old != new]


def allowed_transitions(labels: Sequence[str], scheme: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which of K labels may follow which (K, K), from row to column, begin (K) and end (K) a sentence; booleans.

    The allowed sequences are exactly those that keep the scheme. Raises :class:`UsageError` for a label outside it.
    """
    letters = {"B", *_letters(scheme)}
    for label in labels:
        if label != OUTSIDE and (_parts(label)[0] == OUTSIDE or label[0] not in letters):
            raise UsageError(f"label {shown(label)} is not of the scheme {scheme}; convert the tags with repair")
    allowed = [[_may_follow(one, other, scheme) for other in labels] for one in labels]
    start = [_may_follow(OUTSIDE, label, scheme) for label in labels]
    end = [_may_follow(label, OUTSIDE, scheme) for label in labels]
    size = len(labels)
    return np.array(allowed, bool).reshape(size, size), np.array(start, bool), np.array(end, bool)


def _may_follow(one: str, other: str, scheme: str) -> bool:
    (before, kind), (letter, type_) = _parts(one), _parts(other)
    if scheme == "iob1":
        return letter != "B" or kind == type_
    continues = letter in "IE"
    if scheme == "bio":
        return not continues or kind == type_
    return continues == (before in "BI") and (not continues or kind == type_)


def _letters(scheme: str) -> tuple[str, str, str, str]:
    if scheme not in _LETTERS:
        raise unknown("scheme", scheme, _LETTERS)
    return _LETTERS[scheme]


def _parts(tag: str) -> tuple[str, str]:
    """What the letter means, one of BIES, and the type; (``O``, nothing) for what is outside."""
    letter, hyphen, kind = tag.partition("-")
    return (_MEANING[letter], kind) if letter in _MEANING and hyphen and kind else (OUTSIDE, "")
