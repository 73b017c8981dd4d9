"""Pairs of texts, such as a sentence and its translation, and splits that share no source."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from seqkit.data.normal_forms import canonical
from seqkit.data.readers import DataError, SourceLocation, is_blank
from seqkit.data.spacing import plain_spaces
from seqkit.data.splits import Splits, shuffled_splits

_ONE_LANGUAGE = 0.95
"""Where source and target are equal in this share of the pairs, a column was read twice."""
_SUSPICIOUS = 0.5
_EMPTY, _LONG = "empty", "long"
"""Why a pair is left out"""


@dataclass(frozen=True)
class Pair:
    """A source, on one line with single spaces, and every correct target, stripped of outer white space."""

    source: str
    references: tuple[str, ...]
    location: SourceLocation

    @property
    def reversed(self) -> Iterator[Pair]:
        """The pairs of the other direction."""
        return (Pair(plain_spaces(reference), (self.source,), self.location) for reference in self.references)


def pair_of(source: str, target: str, location: SourceLocation) -> Pair:
    """The pair of two texts as a file has them."""
    return Pair(plain_spaces(source), (target.strip(),), location)


def usable(pairs: Iterable[Pair], max_characters: int, notes: list[str]) -> list[Pair]:
    """The pairs with something on both sides and at most ``max_characters`` on either, each source once.

    Pairs with the same source become one with several references, at the location of the first. ``notes`` receives
    what was left out.

    Raises :class:`DataError` if nothing is left, or if both sides are the same in 95 % of the pairs.
    """
    empty: list[SourceLocation] = []
    long: list[SourceLocation] = []
    by_source: dict[str, Pair] = {}
    for pair in pairs:
        if (why := _unusable(pair, max_characters)) is not None:
            (empty if why == _EMPTY else long).append(pair.location)
        else:
            source = canonical(pair.source)
            known = by_source.setdefault(source, pair)
            # Each reference once, in the order of the file and as it was written first.
            references: dict[str, str] = {}
            for text in known.references + pair.references:
                references.setdefault(canonical(text), text)
            by_source[source] = replace(known, references=tuple(references.values()))
    _note_unusable(empty, long, max_characters, notes)
    if not by_source:
        raise _none_usable(len(empty) + len(long))
    _check_languages(list(by_source.values()), notes)
    return list(by_source.values())


def each_usable(pairs: Iterable[Pair], max_characters: int, notes: list[str]) -> Iterator[Pair]:
    """The pairs that :func:`usable` keeps, one after the other; ``notes`` receives what was left out at the end."""
    empty: list[SourceLocation] = []
    long: list[SourceLocation] = []
    found = False
    for pair in pairs:
        if (why := _unusable(pair, max_characters)) is None:
            found = True
            yield pair
        else:
            (empty if why == _EMPTY else long).append(pair.location)
    _note_unusable(empty, long, max_characters, notes)
    if not found:
        raise _none_usable(len(empty) + len(long))


def split_pairs(
    pairs: Sequence[Pair],
    valid_fraction: float,
    test_fraction: float,
    seed: int,
    from_files: Sequence[str] = (),
    unit: Callable[[Pair], Hashable] | None = None,
) -> Splits[Pair]:
    """Random splits that share no source, nor what is one ``unit``.

    Those named in ``from_files`` have files of their own, and stay empty here.

    Raises :class:`DataError` for fewer different sources than splits.
    """
    valid, test = (0.0 if name in from_files else f for name, f in (("valid", valid_fraction), ("test", test_fraction)))
    return shuffled_splits(pairs, unit or attrgetter("source"), valid, test, seed, "group" if unit else "source")


def one_reference_each(pairs: Iterable[Pair]) -> list[Pair]:
    """A pair for every reference, as training takes them."""
    return [replace(pair, references=(reference,)) for pair in pairs for reference in pair.references]


def _unusable(pair: Pair, max_characters: int) -> str | None:
    """Why a pair cannot be learned from, if it cannot."""
    sides = (pair.source, *pair.references)
    if any(map(is_blank, sides)):
        return _EMPTY
    return _LONG if max(len(canonical(side)) for side in sides) > max_characters else None


def _note_unusable(
    empty: Sequence[SourceLocation], long: Sequence[SourceLocation], max_characters: int, notes: list[str]
) -> None:
    _note(empty, "with an empty side", notes)
    _note(long, f"with a side of more than {max_characters:,} characters", notes)


def _none_usable(left_out: int) -> DataError:
    return DataError(f"there is no usable pair ({left_out:,} are empty or too long); check the file and the columns")


def _note(locations: Sequence[SourceLocation], why: str, notes: list[str]) -> None:
    if locations:
        many = f"{len(locations):,} pairs {why} were" if len(locations) > 1 else f"1 pair {why} was"
        notes.append(f"{many} left out, the first at {locations[0]}")


def _check_languages(pairs: Sequence[Pair], notes: list[str]) -> None:
    same = [pair for pair in pairs if pair.references == (pair.source,)]
    share = len(same) / len(pairs)
    if share >= _ONE_LANGUAGE:
        raise DataError(
            f"source and target are the same in {share:.0%} of the pairs: both sides seem to be one language; "
            "check the columns or files",
            same[0].location,
            of_row=False,
        )
    if share >= _SUSPICIOUS:
        notes.append(f"source and target are the same in {share:.0%} of the pairs, the first at {same[0].location}")
