"""Which examples to show, where not all can be shown."""

from __future__ import annotations

import random


def fixed_sample(size: int, count: int) -> list[int]:
    """Indices into ``size`` examples, ``count`` of them or all there are, drawn at random but always the same.

    So an example that was shown after one epoch is shown after the next, too, and in every run on the same split.
    """
    return random.Random(0).sample(range(size), min(size, count))
