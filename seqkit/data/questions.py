"""Sequences in which a word asks for an answer: what is said at other words counts for nothing, and is not shown."""

from __future__ import annotations

from collections.abc import Sequence

ASK = "?"
"""The word that asks"""
ASKED = "asked"
"""The name of this scheme of labels, beside those of spans (:mod:`seqkit.data.schemes`)"""


def asked(words: Sequence[str]) -> list[int]:
    """The places at which an answer is requested: those of ``?``, or all if there is none."""
    places = [place for place, word in enumerate(words) if word == ASK]
    return places or [*range(len(words))]
