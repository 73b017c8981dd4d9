"""The columns of a table in which predictions stand: their names, their values, and their types in Arrow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seqkit.errors import missing

PREFIX = "predicted_"


def as_columns(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Column name to value: ``predicted_label``; of a mapping a column for each key, of a list its JSON."""
    columns: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            columns.update({f"{PREFIX}{name}.{key}": entry for key, entry in value.items()})
        else:
            plain = value is None or isinstance(value, (str, int, float))
            columns[f"{PREFIX}{name}"] = value if plain else json.dumps(value, ensure_ascii=False)
    return columns


def emptied(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The names of the facts without their values: None, or nothing in a list."""
    return {
        name: emptied(v) if isinstance(v, dict) else [] if isinstance(v, (list, tuple)) else None
        for name, v in facts.items()
    }


def arrow_schema(arrow: Any, facts: Mapping[str, Any]) -> Any:
    """The columns of one prediction as a schema of pyarrow (``arrow``): text, float64, int64 or bool."""
    types = {bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64()}
    return arrow.schema([(name, types.get(type(value), arrow.string())) for name, value in as_columns(facts).items()])


def arrow_arrays(arrow: Any, schema: Any, rows: Sequence[Mapping[str, Any] | None]) -> list[Any]:
    """The columns of the schema for rows of facts; null where a row has none of them."""
    cells = [{} if facts is None else as_columns(facts) for facts in rows]
    return [arrow.array([row.get(field.name) for row in cells], field.type) for field in schema]


def arrow_library(what: str) -> Any:
    """pyarrow; raises :class:`UsageError` where it is not installed, which ``what`` needs."""
    try:
        import pyarrow
    except ImportError:
        raise missing(what, "pyarrow", "arrow") from None
    return pyarrow
