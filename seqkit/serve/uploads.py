"""Files as bodies of requests: a picture, or a table of numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

from seqkit.serve.problem import Problem
from seqkit.serve.served import Served


def is_upload(content_type: str) -> bool:
    """Whether a body is a file, and no JSON.

    Forms (multipart) are not read: a page of another origin may send one without asking.
    """
    return content_type.startswith("image/") or _media_type(content_type) == "text/csv"


def upload(content_type: str, body: bytes, served: Served) -> dict[str, Any]:
    """The request that a file stands for; raises :class:`Problem` for one that the model does not read."""
    if _media_type(content_type) != "text/csv":
        return {"input": body}
    facts = served.facts()
    kind, names = facts["input"], facts["names"]
    if kind not in ("frames", "numbers", "vectors"):
        raise Problem(415, f"a {facts['task']} model reads no table; send JSON, see /openapi.json")
    rows = _ordered(_rows(body), names)
    return {"inputs": rows} if kind == "numbers" else {"input": rows}


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _rows(body: bytes) -> list[list[str]]:
    try:
        lines = body.decode("utf-8-sig").splitlines()
        return [row for row in csv.reader(lines, strict=True) if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Problem(400, f"the request is not CSV in UTF-8 ({str(error)[:80]}); correct it") from None


def _ordered(rows: list[list[str]], names: Sequence[str]) -> list[list[float | None]]:
    """The numbers of a table, in the order of training where its first row names them."""
    if not rows or all(_is_number(cell) for cell in rows[0]):
        return [_numbers(number, row) for number, row in enumerate(rows, 1)]
    header = [cell.strip() for cell in rows[0]]
    places: Sequence[int] = range(len(header))
    if names:
        if missing := [name for name in names if name not in header]:
            raise Problem(422, f"the table has no column {missing[0]!r:.80}; this model reads {', '.join(names):.200}")
        places = [header.index(name) for name in names]
    numbered = [_numbers(number, row) for number, row in enumerate(rows[1:], 2)]
    return [[row[place] if place < len(row) else None for place in places] for row in numbered]


def _numbers(number: int, row: Sequence[str]) -> list[float | None]:
    if wrong := [cell for cell in row if not _is_number(cell)]:
        raise Problem(422, f"row {number} of the table has {wrong[0]!r:.80}, which is no number; correct it")
    return [float(cell) if cell.strip() else None for cell in row]


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip() or "0")
    except ValueError:
        return False
    return "_" not in cell
