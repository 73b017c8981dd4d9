"""The targets that a text can have, and which of them an option, an example, a prediction or a codec is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqkit.data import DataError
from seqkit.topologies.many_to_one.label import LabelTarget
from seqkit.topologies.many_to_one.label_sets.target import LabelSetTarget
from seqkit.topologies.many_to_one.numbers.target import NumberTarget
from seqkit.topologies.many_to_one.target import Target

AnyTarget = Target[Any, Any, Any, Any]
TARGETS: Mapping[str, AnyTarget] = {target.name: target for target in (LabelTarget(), LabelSetTarget(), NumberTarget())}
AUTO = "auto"
"""The option that leaves it to the data"""


def named_target(name: str) -> AnyTarget:
    """The target that the option names; a label where that was left open."""
    return TARGETS["label" if name == AUTO else name]


def target_of(*things: Any) -> AnyTarget:
    """That of the first example, prediction or codec among some; a label, where there is none of them."""
    for thing in things:
        for target in TARGETS.values():
            if isinstance(thing, (target.example, target.prediction, target.codec)):
                return target
    return TARGETS["label"]


def target_of_files(files: Mapping[str, Any]) -> AnyTarget:
    """That of the files of a codec; those of labels have none that says so.

    Raises :class:`DataError` for one that is not known here.
    """
    if "target.json" not in files:
        return TARGETS["label"]
    facts = files["target.json"]
    name = str(facts.get("target")) if isinstance(facts, dict) else ""
    if name not in TARGETS:
        raise DataError("target.json must name what is predicted; restore it from a backup")
    return TARGETS[name]


def first(rows: Sequence[Any]) -> Any:
    """The first of some, None of none."""
    return rows[0] if rows else None
