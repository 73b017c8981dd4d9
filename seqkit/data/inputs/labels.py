"""The labels that a model knows."""

from __future__ import annotations

from typing import Any

from seqkit.data.normal_forms import canonical
from seqkit.data.readers import DataError


def read_labels(value: Any) -> tuple[str, ...]:
    """The content of ``labels.json``; raises :class:`DataError` for anything but a list of texts."""
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise DataError("labels.json must be a list of texts; restore it from a backup")
    labels = tuple(map(canonical, value))
    # Runs that are older than normal forms have labels as their data had them, and perhaps one in two forms.
    return labels if len({*labels}) == len({*value}) else tuple(value)
