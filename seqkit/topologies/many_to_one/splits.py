"""The three splits of texts: files that somebody gave for them, else split off at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seqkit.data import Splits, shared_texts, split_off, stratified
from seqkit.data.groups import Groups, groups_of_files, joined_units, notes_on_groups, stripped_text
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.targets import AnyTarget, first, target_of


def text_splits(config: ManyToOneOptions, read: Callable[[str], list[Any]], notes: list[str]) -> Splits[Any]:
    """Reads ``data``, ``valid_data`` and ``test_data``, and splits off what is not given.

    Raises :class:`DataError` for a class too small to be in every split, and for a label that the training split lacks.
    """
    examples = read(config.data)
    target = target_of(first(examples))
    named = {"valid": config.valid_data, "test": config.test_data}
    given = {split: read(path) for split, path in named.items() if path}
    target.check(examples, 3 - len(given))
    stratum = target.stratum(examples)
    groups, unit = Groups(), None
    if config.group_column:
        groups = groups_of_files(config.group_column, config.data, list(named.values()), config.form)
        unit = joined_units(examples, groups.of, stripped_text)
    seed = config.seed_of_splits
    if not given:
        splits = stratified(examples, config.valid_fraction, config.test_fraction, seed, stratum, unit)
        notes.extend(target.notes(splits))
    else:
        if "test" not in given:
            examples, given["test"] = split_off(examples, config.test_fraction, seed, stratum, unit)
        if "valid" not in given:
            examples, given["valid"] = split_off(examples, config.valid_fraction, seed, stratum, unit)
        _check_given(target, examples, given, notes)
        splits = Splits(examples, given["valid"], given["test"])
    if config.group_column:
        target.check_given([*splits.valid, *splits.test], splits.train)
        notes.extend(notes_on_groups(splits, groups.of, config.group_column))
    return splits


def _check_given(target: AnyTarget, train: list[Any], given: Mapping[str, list[Any]], notes: list[str]) -> None:
    for split, examples in given.items():
        target.check_given(examples, train)
        if shared := shared_texts(train, examples):
            many = f"{shared:,} texts of the {split} split are" if shared > 1 else f"a text of the {split} split is"
            notes.append(f"{many} also in the training split: its score will be too high")
