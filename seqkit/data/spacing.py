"""White space in written text: which kind belongs before a mark depends on the language; it is learned."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import regex

_BEFORE = regex.compile(r"(\s)([\p{P}\p{S}])(?!\w)")
_AFTER = regex.compile(r"(?<!\w)([«„“])(\s)")


def plain_spaces(text: str) -> str:
    """The text on one line, with one ordinary space wherever it has white space, and none around it."""
    return " ".join(text.split())


class Spacing:
    """The kind of space before a closing mark, and after an opening one: the most frequent one in texts.

    French has U+00A0 before ``:``, and U+202F before ``;``, ``!`` and ``?`` in carefully set texts, an ordinary space
    in others, and English has none. The tokens of a text say whether there is a space; this says which kind it is.

    Args:
        before: mark to space.
        after: likewise.
    """

    def __init__(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        self.before, self.after = dict(before), dict(after)

    @classmethod
    def learn(cls, texts: Iterable[str]) -> Spacing:
        """Counts the spaces of these texts; ordinary ones need no rule."""
        before: dict[str, Counter[str]] = defaultdict(Counter)
        after: dict[str, Counter[str]] = defaultdict(Counter)
        for text in texts:
            for space, mark in _BEFORE.findall(text):
                before[mark][_kind(space)] += 1
            for mark, space in _AFTER.findall(text):
                after[mark][_kind(space)] += 1
        return cls(_most(before), _most(after))

    def apply(self, text: str) -> str:
        """The text with the right kind of space beside each mark."""

        def space_before(match: regex.Match[str]) -> str:
            space, mark = match.groups()
            return f"{self.before.get(mark, space)}{mark}"

        def space_after(match: regex.Match[str]) -> str:
            mark, space = match.groups()
            return f"{mark}{self.after.get(mark, space)}"

        if not self.before and not self.after:
            return text
        spaced: str = _AFTER.sub(space_after, _BEFORE.sub(space_before, text))
        return spaced

    def to_json(self) -> dict[str, dict[str, str]]:
        """What ``Spacing(**value)`` takes."""
        return {"before": self.before, "after": self.after}


def _kind(space: str) -> str:
    """A line break or a tab does not depend on the mark, and counts as an ordinary space."""
    return space if space in "\u00a0\u202f\u2009" else " "


def _most(counts: Mapping[str, Counter[str]]) -> dict[str, str]:
    most_frequent = {mark: max(sorted(spaces), key=spaces.__getitem__) for mark, spaces in sorted(counts.items())}
    return {mark: space for mark, space in most_frequent.items() if space != " "}
