"""What is wrong with a request: a status and a sentence."""

from __future__ import annotations

from collections.abc import Mapping


class Problem(Exception):
    """A request that is not answered; ``sentence`` says why, and what to do."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, dict(headers or {})


def overloaded(what: str) -> Problem:
    """For a client that should come back in a second."""
    return Problem(503, f"{what}; try again in a second", {"retry-after": "1"})
