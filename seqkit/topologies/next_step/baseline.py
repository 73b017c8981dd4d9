"""The baseline of a language model: an n-gram model, smoothed as Witten and Bell do.

N tokens, M tokens of the test.
"""

from __future__ import annotations

import numpy as np

from seqkit.answers.written import Scored
from seqkit.data import Splits
from seqkit.data.corpus import Stretch
from seqkit.topologies.next_step.codec import StreamCodec
from seqkit.topologies.next_step.options import NextStepOptions
from seqkit.topologies.next_step.windows import STEPS

_BYTES = 4_000_000
"""n-grams are counted in so much of the training split at most, its end: the counts of a longer one fill the memory."""


def ngram_baseline(config: NextStepOptions, splits: Splits[Stretch]) -> Scored:
    """What the test split costs a 5-gram model of the same tokens that has read the end of the training split."""
    train = splits.train[0].tail(_BYTES)
    codec = StreamCodec.learn(config, [train])
    test = codec.encode(splits.test[0])
    nats = witten_bell(codec.encode(train).tokens, test.tokens, len(codec.vocabulary))
    pieces = np.split(nats, range(STEPS, len(nats), STEPS))
    return Scored.of(test, [(float(piece.sum()), len(piece)) for piece in pieces])


def witten_bell(train: np.ndarray, test: np.ndarray, symbols: int, order: int = 5) -> np.ndarray:
    """Nats of each token of the test under an n-gram model of the training text, interpolated Witten-Bell smoothing.

    ``p(w | h) = (c(hw) + t(h) p(w | h')) / (c(h) + t(h))`` with counts c, the number t(h) of different tokens seen
    after h, and h' = h without its first token; below the empty history all symbols are alike.

    Args:
        train: the tokens (N) that n-grams are counted in.
        test: the tokens (M) that follow them.
        symbols: how many different tokens there are.
        order: n.

    Source: Chen and Goodman, 1998, TR-10-98, Harvard University.
    """
    tokens = np.concatenate([train, test]).astype(np.int64)
    known = len(train)
    history = np.zeros(len(tokens), np.int64)
    probability = np.full(len(test), 1 / symbols)
    for before in range(order):
        grams, gram = np.unique(history * symbols + tokens, return_inverse=True)
        counts = np.bincount(gram[before:known], minlength=len(grams))
        owner = grams // symbols
        seen, different = np.bincount(owner, counts), np.bincount(owner, counts > 0)
        here = history[known:]
        mixed = counts[gram[known:]] + different[here] * probability
        probability = np.where(seen[here] > 0, mixed / np.maximum(1, seen[here] + different[here]), probability)
        # What precedes a token in the next order is the n-gram that ends just before it.
        history = np.concatenate([gram[:1], gram[:-1]])
    nats: np.ndarray = -np.log(probability)
    return nats
