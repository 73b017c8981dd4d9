"""Files that are something else than their name says: known by how they begin."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.data.readers.location import DataError, SourceLocation

_EXPORT = "save the text or table in it as UTF-8, and give that"
_UNPACK = "give it the ending of what it is, such as {}, or unpack it"
_BEGINNINGS = {
    b"%PDF-": ("a PDF", _EXPORT),
    b"PK\3\4": ("a zip archive, or a workbook or document that is one inside", _EXPORT),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an old workbook or document of Microsoft Office", _EXPORT),
    b"{\\rtf": ("a document in RTF", _EXPORT),
    b"SQLite format 3\0": ("a database of SQLite", "export its table as CSV"),
    b"\x1f\x8b": ("compressed with gzip", _UNPACK.format("a.csv.gz")),
    b"BZh91AY&SY": ("compressed with bzip2", _UNPACK.format("a.csv.bz2")),
    b"\xfd7zXZ\0": ("compressed with xz", _UNPACK.format("a.csv.xz")),
    b"\x28\xb5\x2f\xfd": ("compressed with zstandard", _UNPACK.format("a.csv.zst")),
    b"7z\xbc\xaf\x27\x1c": ("an archive of 7-Zip", "unpack it, and give the file that was in it"),
    b"PAR1": ("a table of Parquet", "name it a.parquet"),
    b"ARROW1": ("a table of Arrow", "name it a.arrow"),
    b"\x89PNG\r\n": ("a picture (PNG)", "give a text"),
    b"\xff\xd8\xff": ("a picture (JPEG)", "give a text"),
    b"version https://git-lfs.github.com/": ("a pointer of Git LFS, not the file itself", "get that with git lfs pull"),
}
_MARKUP = ("<!doctype html", "<html", "<?xml")


def check_is_text(head: bytes, location: SourceLocation) -> None:
    """Raises :class:`DataError` for the beginning of a file that is certainly no text, with what it is."""
    for beginning, (what, mend) in _BEGINNINGS.items():
        if head.startswith(beginning):
            raise DataError(f"the file is {what}; {mend}", location, of_row=False)


def check_is_table(first: Sequence[str], location: SourceLocation) -> None:
    """Raises :class:`DataError` for the first row of what is a page of the web, XML, or JSON, and no table."""
    begin = first[0].strip()
    if begin.lower().startswith(_MARKUP):
        raise DataError("the file is HTML or XML, not a table; is it the page of a download that failed?", location)
    if begin[:1] in ("[", "{") and (begin in "[{" or begin[1:2] in ('"', "{")):
        raise DataError("the file is JSON, not a table; name it a.json, or a.jsonl if a line is an object", location)
