"""Answers that are numbers: a model whose weights are NaN answers nothing, and must not look as if it did."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan

from seqkit.errors import SeqkitError

NOT_FINITE = (
    "the model gives NaN in place of probabilities, so its weights or its input are not finite; look at the loss of "
    "its training, and train again with a lower learning rate"
)


def check_numbers(values: Iterable[float]) -> None:
    """Raises :class:`SeqkitError` where one of several finite values is not a number."""
    if isnan(sum(values)):
        raise SeqkitError(NOT_FINITE)
