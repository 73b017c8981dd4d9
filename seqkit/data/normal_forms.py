"""Normal forms of Unicode: one spelling for texts that look the same, such as é and e with an accent.

NFC joins letters and their marks; NFKC also makes one of what only looks different, such as full-width letters,
ligatures and unusual spaces (Unicode Standard Annex 15).
"""

from __future__ import annotations

import unicodedata
from typing import Literal, cast

import regex

from seqkit.errors import unknown

NFC, NFKC, AS_IT_IS = "NFC", "NFKC", "none"
NORMAL_FORMS = (NFC, NFKC, AS_IT_IS)

_LONG = 1000
"""Characters of a text in which many marks on one letter take time: 40,000 of them took four seconds."""
# Annex 15 has no more than 30 marks on a letter in text that is safe to stream; a joiner without width parts them.
_MANY_MARKS = regex.compile(r"([\p{M}--\u034F]{30})(?=[\p{M}--\u034F])", regex.V1)


def normal(text: str, form: str) -> str:
    """The text in a normal form, one of :data:`NORMAL_FORMS`."""
    # All forms of ASCII are the same, and the test costs next to nothing.
    if form == AS_IT_IS or text.isascii():
        return text
    if len(text) > _LONG:
        text = _MANY_MARKS.sub("\\1\u034f", text)
    return unicodedata.normalize(cast(Literal["NFC", "NFKC"], form), text)


def canonical(text: str) -> str:
    """The text in NFC: two texts are the same for a reader if these are equal."""
    return normal(text, NFC)


def check_form(form: str) -> str:
    """The form; raises :class:`UsageError` for one that does not exist."""
    if form not in NORMAL_FORMS:
        raise unknown("normal form", form, NORMAL_FORMS)
    return form
