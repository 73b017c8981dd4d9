"""The options of an answer, such as the width of a beam, as requests have them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seqkit.errors import UsageError, unknown
from seqkit.serve.limits import Limits

_RATIO = 4
"""Tokens that a search may write for one of the input, at most"""
_KINDS = {"integer": (int, "a whole number"), "number": (float, "a number"), "boolean": (bool, "true or false")}


class AnswerOptions:
    """What an answer of one model may be asked with.

    Args:
        task: the name of the model's task.
        schemas: the JSON schema of each option by its name, as the task has it.
        limits: what requests may take; numbers are bounded by it.
        single: whether a model gives one answer alone, as a tagger does that labels each word for itself.
    """

    def __init__(
        self, task: str, schemas: Mapping[str, Mapping[str, Any]], limits: Limits, single: bool = False
    ) -> None:
        self._task = task
        self.schemas = {name: _bounded(name, schema, limits, single) for name, schema in schemas.items()}
        """The JSON schema of each option, with its bounds"""

    @property
    def searches(self) -> bool:
        """Whether texts are written by a beam search."""
        return "beam_size" in self.schemas

    def checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options as the model takes them; raises :class:`UsageError` for others."""
        checked = {name: self._check(name, value) for name, value in options.items()}
        # Whoever asks for many texts means a search that finds them.
        if "n_best" in checked and self.searches:
            beam = checked.get("beam_size", self.schemas["beam_size"].get("default", 1))
            checked["beam_size"] = max(beam, checked["n_best"])
        return checked

    def _check(self, name: str, value: Any) -> Any:
        if name not in self.schemas and not self.schemas:
            raise UsageError(f"a {self._task} model has no options; leave them out")
        if name not in self.schemas:
            raise unknown("option", name, self.schemas)
        schema = self.schemas[name]
        kind, called = _KINDS.get(schema["type"], (str, "a text"))
        plain = _plain(value, kind)
        if type(plain) is not kind:
            raise UsageError(f"{name} must be {called}, not {value!r:.40}; or leave it out")
        if kind in (int, float):
            least, most = schema["minimum"], schema["maximum"]
            # No number at all is within bounds, either.
            if not least <= plain <= most or plain <= schema.get("exclusiveMinimum", -math.inf):
                raise UsageError(f"{name} must be from {least:g} to {most:g}, not {value!r:.40}; or leave it out")
        return plain


def _plain(value: Any, kind: type) -> Any:
    """JSON has one kind of number: 5.0 is 5, and 5 is 5.0."""
    if kind is int and type(value) is float and value.is_integer():
        return int(value)
    return float(value) if kind is float and type(value) is int and abs(value) < 2**53 else value


def _bounded(name: str, schema: Mapping[str, Any], limits: Limits, single: bool) -> dict[str, Any]:
    """The schema with bounds of a number."""
    if schema["type"] not in ("integer", "number"):
        return dict(schema)
    most = 1 if name == "n_best" and single else _RATIO if name == "max_ratio" else limits.beam
    return {"minimum": 0, **schema, "maximum": most}
