"""What a look at data finds: one sentence each, with its location and how to correct it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import regex

_PARTICULARS = regex.compile(r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|0x[0-9a-f]{2}|\d[\d,.]*+""")
"""What differs between two places with one fault: quoted text and numbers."""
_NAMED = 5
"""Further places of one fault that are named."""


@dataclass(frozen=True)
class Finding:
    """Something about the data: ``wrong``, what training would stop at; a ``warning``; or a ``note``.

    ``others`` says in how many more places the same was found, and ``places`` names the first of them.
    """

    level: Literal["wrong", "warning", "note"]
    kind: str
    what: str
    mend: str = ""
    where: str | None = None
    others: int = 0
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        first = f"{self.where}: {self.what}" if self.where else self.what
        return "; ".join(filter(None, (first, self.mend, self._elsewhere())))

    def _elsewhere(self) -> str:
        if not self.others:
            return ""
        # The file is known: lines are enough, unless there are several files.
        file = (self.where or "").rpartition(":")[0]
        named = ", ".join(place.removeprefix(f"{file}:") for place in self.places)
        more = "1 more place" if self.others == 1 else f"{self.others:,} more places"
        return f"the same in {more}: {named}{', …' if self.others > len(self.places) else ''}"

    @property
    def fault(self) -> tuple[str, str, str]:
        """What it has in common with the same fault elsewhere."""
        return self.level, self.kind, _PARTICULARS.sub("#", self.what)

    def also_at(self, other: Finding) -> Finding:
        """The same with one more place."""
        places = self.places if len(self.places) >= _NAMED or other.where is None else (*self.places, other.where)
        return dataclasses.replace(self, others=self.others + 1 + other.others, places=places)

    @classmethod
    def of(cls, error: Exception) -> Finding:
        """The parts of an error's sentence: its location, what is wrong, and what to do."""
        location, text = getattr(error, "location", None), str(error)
        what, _, mend = text.removeprefix(f"{location}: ").partition("; ")
        return cls("wrong", "broken" if location else "unusable", what, mend, str(location) if location else None)


def join_equal(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, those of one fault as one, at its first place; those without a place stay apart."""
    joined: dict[object, Finding] = {}
    for number, finding in enumerate(findings):
        key: object = number if finding.where is None else finding.fault
        joined[key] = joined[key].also_at(finding) if key in joined else finding
    return list(joined.values())
