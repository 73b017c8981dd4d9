"""The three splits of running text: contiguous stretches, so that no sentence is in two of them."""

from __future__ import annotations

from collections.abc import Callable

from seqkit.data import Splits
from seqkit.data.corpus import Corpus, Stretch, contiguous, stretch
from seqkit.topologies.next_step.options import NextStepOptions


def contiguous_splits(config: NextStepOptions, read: Callable[[str], Corpus]) -> Splits[Stretch]:
    """Training, validation and test as stretches of ``data`` in this order, but for those given as files.

    Raises :class:`DataError` for a split without text.
    """
    given = {"valid": config.valid_data, "test": config.test_data}
    fractions = {"valid": config.valid_fraction, "test": config.test_fraction}
    cut = {split: fractions[split] for split, path in given.items() if not path}
    train, *others = contiguous(read(config.data), [1 - sum(cut.values()), *cut.values()])
    splits = dict(zip(cut, others, strict=True))
    splits.update({split: stretch(read(path)) for split, path in given.items() if path})
    return Splits([train], [splits["valid"]], [splits["test"]])
