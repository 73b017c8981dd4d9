"""Placeholders of interface strings, such as ``%1``, ``{name}`` or ``$USER``: no words, to be copied as they are.

A masked text has a *slot* in the location of each, a character of Unicode's private use, numbered by the order of the
placeholders in the source: ``%2 of {all}`` is slot 0, `` of ``, slot 1. The translation of a placeholder has the number
that the same placeholder has in the source, so that a model learns where the first, the second … of them goes and needs
to know none of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex

SLOTS = 16
"""Placeholders of one text that are masked; further ones stay as they are."""

_FIRST = 0xE000
_PLACEHOLDER = regex.compile(
    r"""
      %%                                              # a percent sign of a format
    | %\([^\W\d]\w*+\) [#0\-+]?+ \d*+ (?:\.\d++)?+ [a-zA-Z]   # %(name)s of Python
    | %[#0\-+]?+ (?:\d++)?+ (?:\.\d++)?+ l{0,2} [sdifgeux@] \b  # %s, %5.2f
    | %\d++ (?:\$[a-zA-Z])?+                          # %1 of Qt and Jupyter, %1$s of POSIX
    | \$?+ \{\{? [\w.!:-]*+ \}?\}                       # {}, {0}, {name}, {{name}}, ${name}
    | \$[A-Z_]{2,}+                                   # $HOME
    """,
    regex.VERBOSE,
)


def slot(number: int) -> str:
    """The character that stands for a placeholder."""
    return chr(_FIRST + number)


def is_slot(text: str) -> bool:
    """Whether a token is a slot."""
    return len(text) == 1 and _FIRST <= ord(text) < _FIRST + SLOTS


def find_placeholders(text: str) -> list[str]:
    """All placeholders of a text, in order."""
    found: list[str] = _PLACEHOLDER.findall(text)
    return found


def mask(text: str, known: Sequence[str] | None = None, slots: int = SLOTS) -> tuple[str, tuple[str, ...]]:
    """The text with slots, and the placeholders that they stand for.

    Args:
        text: characters that look like slots become U+FFFD.
        known: the placeholders of the source, when the text is its translation; others stay as they are. None: the
            text is a source.
        slots: how many placeholders have one.
    """
    clean = "".join("\ufffd" if is_slot(character) else character for character in text)
    free = list(find_placeholders(clean)[:slots] if known is None else known[:slots])
    kept = tuple(free)

    def number(match: regex.Match[str]) -> str:
        found = match.group()
        if found not in free:
            return str(found)
        location = free.index(found)
        free[location] = ""
        return slot(location)

    return _PLACEHOLDER.sub(number, clean), kept


def unmask(text: str, placeholders: Sequence[str]) -> str:
    """The text with its placeholders again; slots of none are left out."""
    for number in range(SLOTS):
        text = text.replace(slot(number), placeholders[number] if number < len(placeholders) else "")
    return text
