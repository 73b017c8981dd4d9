"""Two texts that are read together, such as a question and its answer."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.data.readers.location import DataError, shown

MARK = "|||"
"""What people can write between two texts where a tab is hard to type, as on the command line."""
_TAB = "\t"


class TextPair(str):
    """Two texts as one: ``first``, a tab, ``second``, which is also how a line of a TSV holds them.

    Whatever handles texts as such (splits, duplicates, reports) handles pairs without knowing of them.
    """

    __slots__ = ()

    @classmethod
    def of(cls, first: str, second: str) -> TextPair:
        """The pair of two texts, stripped of outer white space; tabs inside them become spaces."""
        return cls(_TAB.join(text.strip().replace(_TAB, " ") for text in (first, second)))

    @property
    def sides(self) -> tuple[str, str]:
        """Both texts."""
        first, _, second = self.partition(_TAB)
        return first, second


def read_pair(value: str | Sequence[str]) -> TextPair:
    """The pair that somebody gave: two texts, or one with a tab or ``|||`` between them.

    Raises :class:`DataError` for what is not a pair.
    """
    if isinstance(value, TextPair):
        return value
    sides = value
    if isinstance(value, str):
        sides = value.split(_TAB if _TAB in value else MARK)
    if len(sides) != 2 or not all(isinstance(side, str) for side in sides):
        given = shown(value) if isinstance(value, str) else f"{len(sides)} values"
        raise DataError(f"the model reads two texts, with a tab or {MARK} between them, and this is {given}; give both")
    return TextPair.of(*sides)


def one_line(text: str) -> str:
    """A text, or a pair with ``|||`` between, on one line for people to read."""
    return (
        f" {MARK} ".join(" ".join(side.split()) for side in text.split(_TAB))
        if isinstance(text, TextPair)
        else (" ".join(text.split()))
    )
