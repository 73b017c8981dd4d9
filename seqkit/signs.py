"""Text of others where a person reads it: what would steer a terminal is shown as a sign instead."""

from __future__ import annotations

from typing import Any

_KEPT = "\n\t"
_SIGNS = {
    # U+2400 and after are pictures of the control characters, each as wide as a letter.
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in _KEPT},
    0x7F: "\u2421",
    # C1 has no pictures. As JSON writes them, so that a line of JSON means the same on a terminal.
    **{code: f"\\u{code:04x}" for code in range(0x80, 0xA0)},
    # Line ends of Unicode, which would tear a table apart.
    0x2028: "\\u2028",
    0x2029: "\\u2029",
    # Lone halves of surrogate pairs, which JSON may hold and no terminal can show.
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
    # They write what follows from right to left, so that a line reads as something else than it says.
    **{code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
}


def as_signs(text: Any) -> str:
    r"""The text with C0 and C1 control characters as visible symbols; line breaks and tabs stay.

    >>> as_signs("\x1b]52;c;…\x07 \x9b2J")
    '␛]52;c;…␇ \\u009b2J'
    """
    return str(text).translate(_SIGNS)
