"""The lines of a file with a word on each: how they are cut into fields, and which are comments."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import regex

from seqkit.data.readers import DataError, SourceLocation, delimiter_of
from seqkit.data.schemes import OUTSIDE, marked_type

_SPACES = regex.compile(r"[ \t]+")
_DOCUMENT = regex.compile(r"""(?:\d+[ \t,;]+)?"?-DOCSTART-""")
_SEP = regex.compile(r"sep=(.)\s*")
_KEY = regex.compile(r"#+\s*(?:[\w.-]+\s*[=:]\s|[\w.-]+=|(?:begin|end)\s+document|new(?:doc|par)\b|sent_id\b)")


class Line(NamedTuple):
    """A line of a file."""

    location: SourceLocation
    text: str


class Cut(NamedTuple):
    """How a line is cut into fields, and fields are joined to a line."""

    split: Callable[[str], list[str]]
    join: Callable[[Sequence[str]], str]
    tabs: bool = False
    delimiter: str = ""
    """Of a CSV, whose empty rows have some"""
    parse: Callable[[str], list[str]] | None = None
    """Splits, too, and raises :class:`csv.Error` where ``split`` gives the line as one field"""

    def is_blank(self, text: str) -> bool:
        """Whether a line ends a sentence."""
        return is_blank(text) or not text.strip(f" \t{self.delimiter}")


def is_blank(text: str) -> bool:
    """Whether a line is empty or begins a document, as ``-DOCSTART-`` does; each ends a sentence."""
    return not text.strip() or bool(_DOCUMENT.match(text))


def declared_delimiter(text: str) -> str | None:
    """What a first line such as ``sep=;`` says."""
    match = _SEP.fullmatch(text.strip())
    return match[1] if match else None


def choose_cut(lines: Sequence[Line], is_csv: bool) -> Cut:
    """Commas and the like with quotes in a CSV; tabs, if half of the lines have one; else spaces and tabs."""
    texts = [line.text for line in lines if not line.text.startswith("#")] or [line.text for line in lines]
    if is_csv:
        return _csv_cut(declared_delimiter(lines[0].text) or delimiter_of(texts[0]))
    if 2 * sum("\t" in text for text in texts) >= len(texts):
        return Cut(_split_at_tabs, "\t".join, True)
    # Only spaces separate, not other white space: a word may hold a no-break space, as in "10 000".
    return Cut(lambda text: _SPACES.split(text.strip(" \t")), " ".join)


def _split_at_tabs(text: str) -> list[str]:
    return [_unquoted(field) for field in text.split("\t")]


def _unquoted(field: str) -> str:
    """A quote as it was before pandas doubled it and put quotes around it."""
    if len(field) < 4 or '""' not in field[1:-1] or not (field.startswith('"') and field.endswith('"')):
        return field
    inside = field[1:-1].replace('""', '"')
    return inside if 2 * inside.count('"') == field[1:-1].count('"') else field


def _csv_cut(delimiter: str) -> Cut:
    def parse(text: str) -> list[str]:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [""])

    def split(text: str) -> list[str]:
        try:
            return parse(text)
        except csv.Error:
            return [text]

    def join(fields: Sequence[str]) -> str:
        file = io.StringIO()
        csv.writer(file, delimiter=delimiter, lineterminator="").writerow(fields)
        return file.getvalue()

    return Cut(split, join, delimiter=delimiter, parse=parse)


def fields_of(cut: Cut, line: Line, width: int) -> list[str]:
    """The fields of a line; empty ones at its end that no column is for, as a stray tab makes them, are left out."""
    try:
        fields = (cut.parse or cut.split)(line.text)
    except csv.Error as error:
        what = f"the quoting is broken ({error}); a quote inside quotes is written twice, not with a backslash"
        raise DataError(what, line.location) from None
    return trimmed(fields, width)


def trimmed(fields: list[str], width: int) -> list[str]:
    """The fields without empty ones at the end, as long as there are more than ``width``."""
    while len(fields) > width and not fields[-1].strip():
        fields.pop()
    return fields


def usual_width(rows: Sequence[Sequence[str]]) -> int:
    """The fields of most rows, without those at the end that are empty in all; of two counts the one seen first."""
    width = Counter(map(len, rows)).most_common(1)[0][0]
    alike = [row for row in rows if len(row) == width]
    while width > 1 and not any(row[width - 1].strip() for row in alike):
        width -= 1
    return width


class Comments:
    """Tells comments from words that begin with ``#``.

    Args:
        cut: of the lines.
        known: for each column, the values that it has in lines without ``#``.
        tag: the column of tags; None: there is none.
        inner: the tags of lines with ``#`` in the middle of a sentence, where comments seldom are.
    """

    def __init__(self, cut: Cut, known: Sequence[set[str]], tag: int | None, inner: set[str]) -> None:
        self.cut, self.known, self.tag, self.inner = cut, known, tag, inner

    @property
    def tags(self) -> set[str]:
        """Those of lines without ``#``."""
        return set() if self.tag is None else self.known[self.tag]

    def has(self, line: Line, inside: bool) -> bool:
        """Whether the line is one; ``inside``: there are words of its sentence above it."""
        if not line.text.startswith("#"):
            return False
        width = len(self.known)
        fields = [field.strip() for field in fields_of(self.cut, line, width)]
        has_key = _KEY.match(line.text) is not None
        if len(fields) != width:
            # A word that lacks a column has its tag at the end all the same.
            return has_key or fields[0] != "#" or fields[-1] not in self.tags
        tag = "" if self.tag is None else fields[self.tag]
        if tag in self.tags or tag == OUTSIDE or marked_type(tag) is not None:
            return False
        if has_key or (" " in fields[0] and self.cut.tabs):
            return True
        familiar = any(value in known for value, known in zip(fields[1:], self.known[1:], strict=True))
        # The pound sign may have a tag of its own, and hashtags may.
        return fields[0] == "#" and width > 2 and not (inside or familiar or tag in self.inner) and tag.isalnum()
