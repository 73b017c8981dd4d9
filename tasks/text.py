"""Many to one: anything about a text: a label, several labels, or a number."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import option
from seqkit.topologies.many_to_one import (
    ClassificationHead,
    Estimate,
    LabelSet,
    LabelSetHead,
    ManyToOne,
    ManyToOneOptions,
    NumberHead,
)

__all__ = ["TASK", "ClassificationHead", "Estimate", "LabelSet", "LabelSetHead", "NumberHead", "Text", "TextConfig"]


@dataclass(frozen=True, kw_only=True)
class TextConfig(ManyToOneOptions):
    """Defaults of the task."""

    data: str = option("", "the data (required): a CSV, TSV or JSONL file", path=True)


class Text(ManyToOne[TextConfig]):
    """Anybody's tickets, prices or questions."""

    name = "text"
    summary = "a label, a set of labels or a number for a text, or for two that are compared"
    config = TextConfig


TASK = Text()
