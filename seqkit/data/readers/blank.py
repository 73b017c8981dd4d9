"""What is no text: nothing that anybody could read."""

from __future__ import annotations

from typing import Any

import regex

_VISIBLE = regex.compile(r"[^\s\p{C}]")


def is_blank(text: str) -> bool:
    """Whether a text has nothing in it that could be read: white space, and characters that nobody sees."""
    return not text.strip() or not (text.isascii() or _VISIBLE.search(text))


def has_nothing(value: Any) -> bool:
    """Whether an input is a blank text, or a list without elements."""
    return is_blank(value) if isinstance(value, str) else isinstance(value, (list, tuple)) and not value
