"""Weights of labels, as people write them: a JSON or CSV file, or JSON itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from seqkit.data.normal_forms import canonical
from seqkit.data.readers import (
    LARGEST_WEIGHT,
    DataError,
    SourceLocation,
    format_ending,
    parse_weight,
    read_lines,
    read_records,
    shown,
)
from seqkit.errors import UsageError

_SHAPE = '{"label": 2.5}'


def read_label_weights(setting: str, encoding: str | None = None) -> tuple[dict[str, float], str]:
    """The weights of labels that a setting means, and what errors may call it.

    A setting that begins with a brace is JSON. Else it names a file: ``.json`` holds an object such as ``{"spam": 5}``,
    a table (``.csv``, ``.tsv``, ``.jsonl``) the columns ``label`` and ``weight``.

    ``encoding`` is that of the file; None: as in :func:`read_lines`.

    Raises :class:`UsageError` for a file that is not there, and :class:`DataError` for what holds no weights.
    """
    if setting.lstrip().startswith("{"):
        return _parse_object(setting, "class_weight"), "class_weight"
    path = Path(setting)
    if format_ending(path) == ".json":
        text = "\n".join(line for _, line in read_lines(path, encoding=encoding))
        return _parse_object(text, str(path)), str(path)
    return _read_table(path, encoding), str(path)


def _parse_object(text: str, source: str) -> dict[str, float]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{source} is not JSON ({str(error).splitlines()[0]}); write weights as {_SHAPE}") from None
    if not isinstance(values, dict):
        raise DataError(f"{source} is not a JSON object; write weights as {_SHAPE}")
    return {canonical(label): _check_weight(value, label, source) for label, value in values.items()}


def _check_weight(value: Any, label: str, source: str) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value < LARGEST_WEIGHT:
        raise DataError(
            f"{source}: the weight of {shown(label)} is {value!r:.80}, "
            "but a weight is a number of 0 or more; correct it"
        )
    return float(value)


def _read_table(path: Path, encoding: str | None) -> dict[str, float]:
    weights: dict[str, float] = {}
    for location, values in read_records(path, encoding=encoding):
        if missing := {"label", "weight"} - values.keys():
            header = SourceLocation(location.file, 1)
            raise UsageError(f"{header}: there is no column {shown(min(missing))}; name two columns label and weight")
        label = canonical(values["label"].strip())
        if label in weights:
            raise DataError(f"label {shown(label)} has a weight already; remove one of them", location)
        weights[label] = parse_weight(values["weight"], "weight", location)
    return weights
