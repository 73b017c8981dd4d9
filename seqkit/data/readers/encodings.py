"""Which encoding a text file is in: the one its mark names, the one that is requested, and a guess for an error."""

from __future__ import annotations

import codecs

from seqkit.errors import UsageError, unknown

UTF_8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32 first: its mark begins with that of UTF-16."""
_LIKELY = (  # the most usual first
    "cp1252",
    "cp1251",
    "cp1250",
    "gb18030",
    "cp932",
    "big5",
    "cp949",
    "koi8_r",
    "cp1253",
    "cp1254",
    "cp1256",
)
"""What programs have written where they did not write UTF-8: Europe, Russia, China, Japan, Korea, the Near East."""
_DOUBT = 0.1
"""Share of odd characters by which two guesses must differ; below it, the more usual encoding is taken."""
_SAMPLE = 1 << 16
"""Bytes that a guess looks at, at most."""
_COMMON = ("utf-8", "utf-16", "cp1252", "cp1251", "gb18030", "shift_jis", "latin-1")


def check_encoding(name: str) -> str:
    """The name, if Python knows an encoding of text by it; else raises :class:`UsageError` with the usual ones."""
    try:
        if codecs.lookup(name)._is_text_encoding:
            return name
    except (LookupError, ValueError):
        pass
    raise unknown("encoding", name, _COMMON) if len(name) < 80 else UsageError("that is not the name of an encoding")


def encoding_by_mark(head: bytes) -> str | None:
    """The encoding that the byte order mark at the beginning of a file names; UTF-8 has no need of one."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def is_wide(encoding: str) -> bool:
    """Whether a line end of the encoding is more than the byte of a line end, as in UTF-16."""
    return "\n".encode(encoding) != b"\n"


def mostly_utf_8(head: bytes) -> bool:
    """Whether, of the lines with more than ASCII in the beginning of a file, most are UTF-8."""
    # The last line may be cut.
    lines = [line for line in head.splitlines()[: -1 if len(head) >= _SAMPLE else None] if not line.isascii()]
    return 2 * sum(_is_utf_8(line) for line in lines) > len(lines)


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode(UTF_8)
    except UnicodeDecodeError:
        return False
    return True


def likely_encoding(sample: bytes) -> str | None:
    """The most likely encoding of bytes that are not UTF-8; None if nothing fits."""
    sample = sample[:_SAMPLE]
    if b"\0" in sample:
        return _wide_without_mark(sample)
    # Only an error asks, so nobody waits for the import.
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=list(_LIKELY), threshold=0.5)
    least = min((match.chaos for match in matches), default=0.0)
    near = [match for match in matches if match.chaos <= least + _DOUBT]
    # Where several read the same text, only the best of them is a match and knows the others.
    fitting = {encoding for match in near for encoding in (match.encoding, *match.could_be_from_charset)}
    return next((encoding for encoding in _LIKELY if encoding in fitting), None)


def _wide_without_mark(sample: bytes) -> str | None:
    """UTF-16 without a mark: of European letters every other byte is 0."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    for encoding, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        # A few zeros are damage, not an encoding.
        if zeros >= 8 and zeros > 0.4 * half and others < 0.1 * half:
            return encoding
    return None
