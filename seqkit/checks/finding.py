"""What a look at data finds: one sentence each, with its location and how to correct it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """Something about the data: ``wrong``, what training would stop at; a ``warning``; or a ``note``."""

    level: Literal["wrong", "warning", "note"]
    kind: str
    what: str
    mend: str = ""
    where: str | None = None

    def __str__(self) -> str:
        return "; ".join(filter(None, (f"{self.where}: {self.what}" if self.where else self.what, self.mend)))

    @classmethod
    def of(cls, error: Exception) -> Finding:
        """The parts of an error's sentence: its location, what is wrong, and what to do."""
        location, text = getattr(error, "location", None), str(error)
        what, _, mend = text.removeprefix(f"{location}: ").partition("; ")
        return cls("wrong", "broken" if location else "unusable", what, mend, str(location) if location else None)
