"""How often each symbol is drawn without torch, against probabilities that are computed by hand."""

from collections import Counter

import numpy as np
import pytest

from seqkit.answers.sampling import Sampling
from seqkit.runtime.drawing import choose

WEIGHTS = np.array([1.0, 8.0, 2.0, 4.0])
"""Of four symbols, from which their logits are taken"""
DRAWS = 4000


def shares(**options):
    generator = np.random.default_rng(0)
    logits = np.log(WEIGHTS).astype(np.float32)
    drawn = Counter(choose(logits, generator, Sampling(**options)) for _ in range(DRAWS))
    return [drawn[symbol] / DRAWS for symbol in range(len(WEIGHTS))]


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({}, [1, 8, 2, 4]),
        ({"temperature": 0.5}, [1, 64, 4, 16]),
        ({"temperature": 2.0}, [1, 8**0.5, 2**0.5, 2]),
        ({"top_k": 2}, [0, 8, 0, 4]),
        ({"top_k": 1}, [0, 1, 0, 0]),
        # The two most likely have 12 of 15; the third is needed for a sum of 0.85, and not for one of 0.75.
        ({"top_p": 0.75}, [0, 8, 0, 4]),
        ({"top_p": 0.85}, [0, 8, 2, 4]),
        ({"top_p": 0.1}, [0, 1, 0, 0]),
        # Of the probabilities at that temperature: 64 of 85.
        ({"temperature": 0.5, "top_p": 0.7}, [0, 1, 0, 0]),
        ({"top_k": 3, "top_p": 0.9}, [0, 8, 2, 4]),
    ],
)
def test_symbols_come_as_often_as_their_probabilities_say(options, weights):
    expected = np.array(weights) / sum(weights)
    found = shares(**options)
    assert all((share == 0) == (weight == 0) for share, weight in zip(found, weights, strict=True))
    # Five standard deviations of a share of 1/2 are 0.04.
    assert found == pytest.approx(expected, abs=0.04)
