"""Characters that no text should have: what is left of another encoding, and what no printer prints."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from seqkit.checks.finding import Finding
from seqkit.data.readers import shown

_LATER = "\u0080-¿€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
"""The later bytes of a character in UTF-8, as Latin-1 and cp1252 have them"""
_ODD = regex.compile(
    "[\ufffd\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    # UTF-8 that was read as Latin-1 or cp1252: é, quotes, a mark at the start, Cyrillic.
    f"|Ã[{_LATER}]|â€|ï»¿|(?:[ÐÑ][{_LATER}]){{2}}"
)
_MARK = "\ufeff"
_MEND = "export the text again as UTF-8, or correct the row"


def odd_character(text: str, where: object = None) -> Finding | None:
    """The first character of a text that should not be there, as a warning."""
    if text.startswith('="') and text.endswith('"'):
        what = f"the text is wrapped in an Excel formula, {shown(text)}"
        return Finding("warning", "characters", what, "export values", None if where is None else str(where))
    # Nearly every text passes the first test, which takes a fifth of the time of the search.
    if (text.isascii() and text.isprintable()) or not (match := _ODD.search(text)):
        return None
    what, mend = _described(match.group())
    return Finding("warning", "characters", what, mend, None if where is None else str(where))


def odd_line(blocks: Iterator[str]) -> tuple[Finding, int] | None:
    """The first odd character of a running text, and its line."""
    line = 1
    for block in blocks:
        if found := odd_character(block):
            match = _ODD.search(block)
            return found, line + block.count("\n", 0, match.start() if match else 0)
        line += block.count("\n")
    return None


def _described(odd: str) -> tuple[str, str]:
    if odd == "\ufffd":
        return "U+FFFD stands for a character that could not be read", _MEND
    if odd == _MARK:
        return "a byte order mark, '\\ufeff', is inside the text", "remove it; it comes from files that were joined"
    if len(odd) > 1:
        return f"{shown(odd)} looks like UTF-8 that was read as Latin-1", _MEND
    printed = bytes([ord(odd)]).decode("cp1252", "ignore") if "\x80" <= odd <= "\x9f" else ""
    if printed:
        return f"a control character, {shown(odd)}, which is {shown(printed)} in cp1252", _MEND
    return f"a control character, {shown(odd)}", _MEND
