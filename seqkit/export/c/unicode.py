"""Tables of Unicode for the C tokenizers: those of the very packages that the model was trained with.

A range is first, last and a number for all between them.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

import regex

from seqkit.data.normal_forms import AS_IT_IS, NFKC
from seqkit.export.c.source import Source

_GAP = range(0xD800, 0xE000)
"""Halves of surrogate pairs, which no text has"""
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
Kinds = tuple[tuple[str, int], ...]
"""Patterns of characters, each with the number that C has for its kind; the first that fits counts"""
_WORD_KINDS: Kinds = ((_UNSPACED, 3), (r"[\p{L}\p{M}]", 2), (r"\p{N}", 4), (r"\s", 1))
_CLUSTER_KINDS: Kinds = (
    (r"\p{GCB=CR}", 1),
    (r"\p{GCB=LF}", 2),
    (r"\p{GCB=Control}", 3),
    (r"\p{GCB=Extend}", 4),
    (r"\p{GCB=ZWJ}", 5),
    (r"\p{GCB=Regional_Indicator}", 6),
    (r"\p{GCB=Prepend}", 7),
    (r"\p{GCB=SpacingMark}", 8),
    (r"\p{GCB=L}", 9),
    (r"\p{GCB=V}", 10),
    (r"\p{GCB=T}", 11),
    (r"\p{Extended_Pictographic}", 14),
)
_CONJUNCT_KINDS: Kinds = ((r"\p{InCB=Consonant}", 1), (r"\p{InCB=Linker}", 2), (r"\p{InCB=Extend}", 3))
Range = tuple[int, int, int]


@cache
def _all() -> str:
    return "".join(chr(code) for code in range(sys.maxunicode + 1) if code not in _GAP)


def _codes() -> Iterator[int]:
    return map(ord, _all())


def _ranges(numbers: Mapping[int, int]) -> list[Range]:
    """The ranges of code points with the same number."""
    found: list[Range] = []
    for code, number in sorted(numbers.items()):
        if found and found[-1][1:] == (code - 1, number):
            found[-1] = (found[-1][0], code, number)
        else:
            found.append((code, code, number))
    return found


@cache
def _kinds(patterns: Kinds) -> list[Range]:
    numbers = dict[int, int]()
    for pattern, number in patterns:
        for match in regex.finditer(pattern, _all(), regex.V1):
            numbers.setdefault(ord(match[0]), number)
    return _ranges(numbers)


@cache
def _where(holds: Callable[[str], bool]) -> list[Range]:
    return _ranges({code: 1 for code in _codes() if holds(chr(code))})


def add_ranges(source: Source, name: str, ranges: Iterable[Range]) -> None:
    """Adds a table of ranges, to be read by ``number_in``."""
    source.part("ranges.c")
    source.table("range", name, (f"{{{first}, {last}, {number}}}" for first, last, number in ranges))


def add_clusters(source: Source) -> None:
    """Adds ``cluster_end``: what a reader calls a character (Unicode Standard Annex 29)."""
    add_ranges(source, "cluster_kinds", _kinds(_CLUSTER_KINDS))
    add_ranges(source, "conjunct_kinds", _kinds(_CONJUNCT_KINDS))
    source.part("clusters.c")


def add_words(source: Source) -> None:
    """Adds ``next_token`` of words."""
    add_clusters(source)
    add_ranges(source, "word_kinds", _kinds(_WORD_KINDS))
    source.part("words.c")


def add_lower(source: Source) -> None:
    """Adds ``to_lower``, as Python lowers a text: also Σ at the end of a word."""
    source.part("step_range.c")
    source.table("step_range", "lower_steps", (f"{{{a}, {b}, {s}, {d}}}" for a, b, s, d in _lower_steps()))
    add_ranges(source, "cased", _where(_is_cased))
    add_ranges(source, "ignorable", _where(_is_ignorable))
    source.part("lower.c")


def _is_cased(character: str) -> bool:
    """Asked of Python itself, which writes ς after a letter with a case and σ after others."""
    return (character + "Σ").lower().endswith("ς")


def _is_ignorable(character: str) -> bool:
    """A character between letters that does not count, such as an apostrophe."""
    return ("A" + character + "Σ").lower().endswith("ς") and not _is_cased(character)


@cache
def _lower_steps() -> list[tuple[int, int, int, int]]:
    """First, last, step and difference of code points that change by the same."""
    changes = {code: ord(low) - code for code in _codes() if len(low := chr(code).lower()) == 1 and ord(low) != code}
    found: list[tuple[int, int, int, int]] = []
    for code, change in sorted(changes.items()):
        if found:
            first, last, step, before = found[-1]
            if change == before and code - last in ((1, 2) if first == last else (step,)):
                found[-1] = (first, code, code - last, change)
                continue
        found.append((code, code, 1, change))
    return found


def add_normal(source: Source, form: str) -> None:
    """Adds ``append``, which takes a character apart, and ``compose``, for the normal forms NFC and NFKC."""
    if form == AS_IT_IS:
        source.part("as_it_is.c")
        return
    rows, letters = _parts("NFKD" if form == NFKC else "NFD")
    add_ranges(source, "parts_of", rows)
    source.integers("letters", letters)
    add_ranges(source, "mark_classes", _mark_classes())
    add_ranges(source, "pairs", _pairs())
    source.part("normal.c")


@cache
def _parts(form: str) -> tuple[list[Range], list[int]]:
    """The parts of each character that has some, one after another; and for each where they begin, and how many."""
    rows, letters = list[Range](), list[int]()
    for code in _codes():
        part = unicodedata.normalize(form, chr(code))  # type: ignore[arg-type]
        # Syllables of Hangul are computed.
        if part != chr(code) and not 0xAC00 <= code <= 0xD7A3:
            rows.append((code, len(letters), len(part)))
            letters += map(ord, part)
    return rows, letters


@cache
def _mark_classes() -> list[Range]:
    return _ranges({code: found for code in _codes() if (found := unicodedata.combining(chr(code)))})


@cache
def _pairs() -> list[Range]:
    """Two characters and the one that NFC makes of them."""
    found = []
    for code in _codes():
        kinds = unicodedata.decomposition(chr(code)).split()
        if len(kinds) == 2 and kinds[0][0] != "<" and unicodedata.normalize("NFC", chr(code)) == chr(code):
            found.append((int(kinds[0], 16), int(kinds[1], 16), code))
    return sorted(found)
