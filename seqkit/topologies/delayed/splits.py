"""The three splits of pairs, which share no source: files that somebody gave for them, else split off at random."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from seqkit.data import Splits
from seqkit.data.groups import groups_of_files, joined_units, notes_on_groups
from seqkit.data.normal_forms import canonical
from seqkit.data.pairs import Pair, one_reference_each, split_pairs, usable
from seqkit.topologies.delayed.options import DelayedOptions


def pair_splits(
    config: DelayedOptions,
    pairs: Iterable[Pair],
    read: Callable[[str], Iterable[Pair]],
    others: Mapping[str, list[Pair]],
    notes: list[str],
) -> Splits[Pair]:
    """Reads ``valid_data`` and ``test_data``, and splits off of the pairs what is neither given nor in ``others``.

    Training has each reference as a pair of its own, the other splits accept any reference of a source. Raises
    :class:`DataError` for too few pairs.
    """
    if config.group_column:
        # Of pairs with one source only the first is left, and yet the groups of all must stay together.
        pairs = list(pairs)
        named = [config.valid_data, config.test_data]
        groups = groups_of_files(config.group_column, config.data, named, config.form)
        unit = joined_units(pairs, groups.of, _source_of)
    else:
        unit = None
    left = usable(pairs, config.max_characters, notes)
    files = {"valid": config.valid_data, "test": config.test_data}
    read_files = {split: usable(read(path), config.max_characters, notes) for split, path in files.items() if path}
    given = {**others, **read_files}
    splits = split_pairs(left, config.valid_fraction, config.test_fraction, config.seed_of_splits, list(given), unit)
    train = one_reference_each(splits.train)
    splits = Splits(train, given.get("valid", splits.valid), given.get("test", splits.test))
    if config.group_column:
        notes.extend(notes_on_groups(splits, groups.of, config.group_column))
    return splits


def _source_of(pair: Pair) -> str:
    return canonical(pair.source)
