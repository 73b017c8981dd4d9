"""Placeholders of interface strings, such as ``%1``, ``{name}`` or ``$USER``: copied as they are, never translated.

A masked text has a *slot* instead of each, a character of Unicode's private use, numbered by the order of the
placeholders in the source: ``%2 of {all}`` is slot 0, `` of ``, slot 1. In the translation a placeholder has the number
of the same placeholder in the source, so that a model learns where the first, the second … of them goes, and works for
placeholders that it has never seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex

SLOTS = 16
"""Placeholders of one text that are masked; any after them stay as they are."""

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
    """The character that replaces the placeholder of that number."""
    return chr(_FIRST + number)


def is_slot(text: str) -> bool:
    """Whether a token is a slot."""
    return len(text) == 1 and _FIRST <= ord(text) < _FIRST + SLOTS


def find_placeholders(text: str) -> list[str]:
    """All placeholders of a text, in order."""
    placeholders: list[str] = _PLACEHOLDER.findall(text)
    return placeholders


def mask(text: str, known: Sequence[str] | None = None, slots: int = SLOTS) -> tuple[str, tuple[str, ...]]:
    """The text with slots, and the placeholders that they replace.

    Args:
        text: characters in it that look like slots become U+FFFD.
        known: the placeholders of the source, when the text is its translation; others stay as they are. None: the
            text is a source.
        slots: how many placeholders are replaced at most.
    """
    # A character of private use in the text itself must not be replaced by a placeholder later.
    clean = "".join("\ufffd" if is_slot(character) else character for character in text)
    placeholders = tuple(find_placeholders(clean)[:slots] if known is None else known[:slots])
    # A placeholder that appears twice in the source has two slots, and each is used once.
    unused: list[str | None] = list(placeholders)

    def replacement(match: regex.Match[str]) -> str:
        placeholder: str = match.group()
        if placeholder not in unused:
            return placeholder
        number = unused.index(placeholder)
        unused[number] = None
        return slot(number)

    return _PLACEHOLDER.sub(replacement, clean), placeholders


def unmask(text: str, placeholders: Sequence[str]) -> str:
    """The text with its placeholders again; slots without a placeholder are removed."""
    for number in range(SLOTS):
        text = text.replace(slot(number), placeholders[number] if number < len(placeholders) else "")
    return text
