"""Choices that look random and are always the same."""

from __future__ import annotations

import random


def fixed_sample(size: int, count: int) -> list[int]:
    """Numbers below ``size``, ``count`` of them at most, that look drawn at random and are always the same."""
    return random.Random(0).sample(range(size), min(size, count))
