"""What one request may take, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of a service; what goes beyond is refused in a sentence, with the status after each."""

    body_bytes: int = 8 << 20
    """Of a request (413)"""
    depth: int = 32
    """Lists and objects inside each other (400)"""
    inputs: int = 1024
    """In one request (422)"""
    steps: int = 10_000
    """Tokens, words or frames of an input (422)"""
    waiting: int = 4096
    """Inputs that wait for the model; more are sent away (503)"""
    seconds: float = 30.0
    """That a request may take (504)"""
    read_seconds: float = 10.0
    """That a client may take to send a request, and to take its answer (408)"""
    generated: int = 5000
    """Tokens of a text that is written (422)"""
    generations: int = 32
    """Texts that are written at the same time (503)"""
    streams: int = 10_000
    """WebSockets that are open at the same time (503)"""
    stream_seconds: float = 300.0
    """That a WebSocket may be silent"""
    beam: int = 64
    """Hypotheses of a search (422)"""


STOPS = 16
"""Texts that a text may stop at"""


def sampling_bounds(limits: Limits) -> dict[str, tuple[float, float]]:
    """Between which values the options of a text that is written lie; ``top_p`` is above 0, too."""
    return {
        "length": (1, limits.generated),
        "temperature": (0, 100),
        "top_k": (0, 100_000),
        "top_p": (1e-6, 1),
        "no_repeat_ngram": (0, 100),
        "seed": (0, 2**53),
    }
