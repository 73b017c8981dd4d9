"""Pronouncing dictionaries as people have them: variants, slashes, and phonemes without spaces between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import regex

from seqkit.data.pairs import Pair
from seqkit.data.readers import Remark, shown

ENTRY = "entry of a dictionary"
"""What a person types who means a word, see :func:`typed_entry`"""
_COMMENT = regex.compile(r"\s+#+\s+")
_PROBABILITY = regex.compile(r"(?:(?:0|1)?\.\d+|[01](?:\.\d+)?)(?:\s+\d+(?:\.\d+)?)*\s+")
_SEVERAL = regex.compile(r"(?<=[/\]])\s*,\s*(?=[/\[])")
_VARIANT = regex.compile(r"(.*\S)\(\d+\)")
_ENCLOSED = regex.compile(r"/(.*)/|\[(.*)\]", regex.DOTALL)
_VOWELS = "AA|AE|AH|AO|AW|AY|EH|ER|EY|IH|IY|OW|OY|UH|UW"
_CONSONANTS = "CH|DH|HH|JH|NG|SH|TH|ZH|B|D|F|G|K|L|M|N|P|R|S|T|V|W|Y|Z"
_ARPABET = regex.compile(f"(?:{_VOWELS})[012]?|{_CONSONANTS}")
_STRESS = regex.compile(r"(?<=\w)[012](?!\S)|[ˈˌ]")
# A letter with its marks, a second one that a tie bar joins to it, and what modifies both: t͡ʃʰ, ɑ̃ː, ˈa, a˥˩.
_LETTER = r"[\p{L}--\p{Lm}]\p{M}*"
_IPA = regex.compile(rf"[ˈˌ]?{_LETTER}(?:(?<=[\u035C\u0361]){_LETTER})?[\p{{Lm}}\p{{Sk}}]*|[^\s.]", regex.V1)
_MOST = 0.9


def pronunciations(pairs: Iterable[Pair], notes: list[str], stress: bool = True) -> Iterator[Pair]:
    """Words and phonemes with spaces between them, whatever way a dictionary writes them.

    ``read(2)`` is another pronunciation of ``read``; slashes and brackets around a pronunciation are taken away; and
    where nine in ten of the pronunciations have no spaces, they are cut into the phonemes of ARPABET (``KAE1T``), if
    that is what they are, else into letters with their marks, as in IPA (``tʃʰ``). ``/a/, /b/`` are two
    pronunciations; comments behind ``#`` and probabilities before the phonemes are left out. ``notes`` says so. Without
    ``stress`` its marks are left out.
    """
    entries = [_unwrapped(pair) for pair in _without_comments(list(pairs), notes)]
    variants = [pair.source for pair in entries if _VARIANT.fullmatch(pair.source)]
    if variants:
        notes.append(f"{shown(variants[0])} and the like are read as other pronunciations of the same word")
    symbols = _symbols_of([reference for pair in entries for reference in pair.references])
    if symbols is not None:
        example = next(r for pair in entries for r in pair.references if len(r) > 1)
        cut = " ".join(symbols.findall(example))
        notes.append(f"phonemes have no spaces between them: {shown(example)} is read as {shown(cut)}")
    for pair in entries:
        references = (" ".join(symbols.findall(r)) if symbols else r for r in pair.references)
        texts = tuple(text if stress else _STRESS.sub("", text) for text in references)
        yield replace(pair, source=spelling(pair.source), references=texts)


def _without_comments(pairs: list[Pair], notes: list[str]) -> list[Pair]:
    """Pairs without what follows ``#``, unless that are phonemes, too, and without a probability before phonemes."""
    cut = [(pair, *_COMMENT.split(pair.references[0], 1)) for pair in pairs]
    said = {symbol for _, phonemes, *_ in cut for symbol in phonemes.split()}
    after = [symbol for _, _, *comment in cut for text in comment for symbol in text.split()]
    if after and sum(symbol in said for symbol in after) < len(after) / 2:
        example = next(pair for pair, _, *comment in cut if comment)
        notes.append(Remark(f"what follows # is read as a comment, the first at {example.location}"))
        pairs = [replace(pair, references=(phonemes.strip(),)) for pair, phonemes, *_ in cut]
    numbered = [_PROBABILITY.match(pair.references[0]) for pair in pairs]
    if pairs and all(numbered):
        notes.append(Remark("the numbers before the phonemes are read as probabilities, and left out"))
        pairs = [
            replace(pair, references=(pair.references[0][match.end() :],))
            for pair, match in zip(pairs, numbered, strict=True)
            if match
        ]
    return pairs


def spelling(entry: str) -> str:
    """The word of a dictionary's entry: ``read`` of ``read(2)``."""
    variant = _VARIANT.fullmatch(entry)
    return variant[1] if variant else entry


def _unwrapped(pair: Pair) -> Pair:
    found = [one for reference in pair.references for one in _SEVERAL.split(reference)]
    several = len(found) > len(pair.references) and all(_ENCLOSED.fullmatch(one) for one in found)
    return replace(pair, references=tuple(_inside(one) for one in (found if several else pair.references)))


def _inside(reference: str) -> str:
    enclosed = _ENCLOSED.fullmatch(reference)
    return (enclosed[1] or enclosed[2] or "").strip() if enclosed else reference


def _symbols_of(references: list[str]) -> regex.Pattern[str] | None:
    """What a phoneme looks like where they have no spaces between them; None where they have."""
    longer = [reference for reference in references if len(_IPA.findall(reference)) > 1]
    if not longer or sum(" " in reference for reference in longer) > (1 - _MOST) * len(longer):
        return None
    arpabet = sum("".join(_ARPABET.findall(r)) == r for r in longer) >= _MOST * len(longer)
    return _ARPABET if arpabet else _IPA


def typed_entry(text: str) -> str:
    """A word as a dictionary has it, in lower case; ``read(2)`` is ``read``.

    An entry of one is its word: what follows two spaces is how it is said.
    """
    return spelling(text.strip().partition("  ")[0].lower())
