"""The three splits of pairs, which share no source: files that somebody gave for them, else split off at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from seqkit.data import Splits
from seqkit.data.pairs import Pair, one_reference_each, split_pairs
from seqkit.topologies.delayed.options import DelayedOptions


def pair_splits(
    config: DelayedOptions,
    pairs: Sequence[Pair],
    read: Callable[[str], list[Pair]],
    others: Mapping[str, list[Pair]],
) -> Splits[Pair]:
    """Reads ``valid_data`` and ``test_data``, and splits off of the pairs what is neither given nor in ``others``.

    Training has each reference as a pair of its own, the other splits accept any reference of a source. Raises
    :class:`DataError` for too few pairs.
    """
    named = {"valid": config.valid_data, "test": config.test_data}
    given = {**others, **{split: read(path) for split, path in named.items() if path}}
    splits = split_pairs(pairs, config.valid_fraction, config.test_fraction, config.seed_of_splits, list(given))
    train = one_reference_each(splits.train)
    return Splits(train, given.get("valid", splits.valid), given.get("test", splits.test))
