"""Spans between brackets, as CoNLL-2005 and CoNLL-2012 have them: ``(PERSON*``, ``*``, ``*)``, ``(GPE)``."""

from __future__ import annotations

from dataclasses import replace

import regex

from seqkit.data.readers import DataError, Remark, shown
from seqkit.data.schemes import Span, written
from seqkit.data.tagged.sentence import Sentence

_TAG = regex.compile(r"(?P<open>(?:\([^()*\s]+)*)\*?(?P<close>\)*)")
_OUTSIDE = ("*", "-")


def unbracketed(sentences: list[Sentence], notes: list[str]) -> list[Sentence]:
    """The sentences with tags of BIO for brackets, if all tags are such; of nested spans, the outer one counts.

    Raises :class:`DataError` for a bracket that is not closed in its sentence, or was never opened.
    """
    tags = {tag for sentence in sentences for tag in sentence.tags}
    opened = next((tag for tag in sorted(tags) if tag.startswith("(")), None)
    if opened is None or not all(tag in _OUTSIDE or (_TAG.fullmatch(tag) and set(tag) & set("()*")) for tag in tags):
        return sentences
    notes.append(
        Remark(f"the tags are spans between brackets, such as {shown(opened)}, and were read as B-TYPE, I-TYPE and O")
    )
    return [replace(sentence, tags=_tags(sentence)) for sentence in sentences]


def _tags(sentence: Sentence) -> tuple[str, ...]:
    depth, outer, found = 0, Span("", 0, 0), list[Span]()
    for number, tag in enumerate(sentence.tags):
        match = _TAG.fullmatch(tag)
        opened, closed = (match["open"].split("(")[1:], len(match["close"])) if match else ([], 0)
        if opened and not depth:
            outer = Span(opened[0], number, number)
        depth += len(opened) - closed
        if depth < 0:
            raise DataError(f"word {number + 1} closes a bracket that none opens; correct the tags", sentence.location)
        if closed and not depth:
            found.append(outer._replace(stop=number + 1))
    if depth:
        raise DataError("a bracket of the sentence is never closed; correct the tags", sentence.location)
    return written(found, len(sentence.tags), "bio")
