"""Running text as bare words, each with a label for its capitals and the mark that follows it; and back.

A label is a case and a mark. Case: ``aa`` lower, ``Aa`` a capital first, ``AA`` all capitals. Mark: nothing, or one of
``, . ? !``. ``I loved it. Did you?`` is ``i loved it did you`` with ``Aa aa aa. Aa aa?``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from sys import intern

import regex

from seqkit.data.readers import Example, SourceLocation, read_lines
from seqkit.data.tagged import Sentence

MARKS = {",": "comma", ".": "period", "?": "question", "!": "exclamation"}
"""The marks that labels have, and their names in scores"""
CASES = ("aa", "Aa", "AA")
MARKED = "punctuation"
"""The name of this scheme, beside those of spans (:mod:`seqkit.data.schemes`)"""
LABELS = tuple(case + mark for case in CASES for mark in ("", *MARKS))

_BREAK = regex.compile(r"(?:<br\s*+/?>\s*+)++|\n++", regex.IGNORECASE)
_WORD = regex.compile(
    r"[\p{L}\p{M}\p{N}]++(?:(?:['’&/.\-]++|(?<=\p{N}),(?=\p{N}))[\p{L}\p{M}\p{N}]++)*+", regex.VERSION1
)
_DASH = regex.compile(r"--+|\.\.\.+|…|[–—\x96\x97]")
_GENITIVE = regex.compile(r"['’]s$", regex.IGNORECASE)
# Of several marks between two words the first in this order counts; ; and : are read as commas.
_MARK_OF = {"?": "?", "!": "!", ".": ".", "…": ".", ",": ",", ";": ",", ":": ","}


def labelled(text: str) -> Iterator[tuple[str, str]]:
    """Each word of a text in lower case, with its label.

    A word is letters and digits, with apostrophes, hyphens, full stops and the like inside. Of the marks up to the next
    word the first in the order ``? ! . ,`` counts; ``…`` is read as a full stop, ``;`` and ``:`` as commas, dashes,
    quotes and brackets as nothing.
    """
    # "wait--what" and "so...yes" are two words each, although no space divides them.
    text = _DASH.sub(lambda match: " … " if match[0][0] in ".…" else " ", text)
    words = list(_WORD.finditer(text))
    for number, word in enumerate(words):
        following = words[number + 1].start() if number + 1 < len(words) else len(text)
        between = text[word.end() : following]
        mark = next((mark for sign, mark in _MARK_OF.items() if sign in between), "")
        # Each different word is stored once: 6,000 film reviews have 1.6 million words, but 53,000 different ones.
        yield intern(word[0].lower()), intern(_case(word[0]) + mark)


def bare(text: str) -> list[str]:
    """The words of a text, as the input of a model that restores capitals and marks."""
    return [word for word, _ in labelled(text)]


def restored(words: Sequence[str], labels: Iterable[str]) -> str:
    """The text of these words and labels."""
    return " ".join(_with_case(word, label[:2]) + label[2:] for word, label in zip(words, labels, strict=True))


def is_punctuated(text: str) -> bool:
    """Whether its writer sets marks: at least three commas in a hundred words, and three to nine ends of sentences."""
    # 14,760 of 25,000 film reviews pass. The others would teach a model to leave marks out, or to set one everywhere.
    words, ends = text.count(" ") + 1, sum(map(text.count, ".?!"))
    return text.count(",") >= 0.03 * words and 0.03 * words <= ends <= 0.09 * words


def stretches(examples: Iterable[Example], longest: int) -> Iterator[Sentence]:
    """The paragraphs of texts, cut after sentences into stretches of at most ``longest`` words."""
    for example in examples:
        for paragraph in _BREAK.split(example.text):
            yield from _cut(list(labelled(paragraph)), longest, example.location)


def read_text(path: Path, longest: int, encoding: str | None = None) -> Iterator[Sentence]:
    """The stretches of a text file, each line of which is a paragraph."""
    lines = (Example(line, "", location) for location, line in read_lines(path, encoding=encoding))
    return stretches(lines, longest)


def _cut(pairs: list[tuple[str, str]], longest: int, location: SourceLocation) -> Iterator[Sentence]:
    start = 0
    while start < len(pairs):
        stop = min(len(pairs), start + longest)
        if stop < len(pairs):
            # After the last sentence that fits; within a sentence only if it is longer than a whole stretch.
            ends = (n + 1 for n in range(stop - 1, start, -1) if pairs[n][1][2:] in ("?", "!", "."))
            stop = next(ends, stop)
        words, labels = zip(*pairs[start:stop], strict=True)
        yield Sentence(words, labels, location)
        start = stop


def _case(word: str) -> str:
    stem = _GENITIVE.sub("", word)
    if len(stem) > 1 and stem.isupper():
        return "AA"
    return "Aa" if word[:1].isupper() else "aa"


def _with_case(word: str, case: str) -> str:
    if case == "AA":
        capitals: str = _GENITIVE.sub(lambda ending: ending[0].lower(), word.upper())
        return capitals
    return word[:1].upper() + word[1:] if case == "Aa" else word
