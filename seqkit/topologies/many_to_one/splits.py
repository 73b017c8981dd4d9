"""The three splits of labelled texts: files that somebody gave for them, else split off at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seqkit.data import Example, Splits, check_classes, shared_texts, split_off, stratified
from seqkit.data.groups import Groups, groups_of_files, joined_units, notes_on_groups
from seqkit.topologies.classification import check_labels
from seqkit.topologies.many_to_one.options import ManyToOneOptions


def labelled_splits(
    config: ManyToOneOptions, read: Callable[[str], list[Example]], notes: list[str]
) -> Splits[Example]:
    """Reads ``data``, ``valid_data`` and ``test_data``, and splits off what is not given.

    Raises :class:`DataError` for a class too small to be in every split, and for a label that the training split lacks.
    """
    examples = read(config.data)
    named = {"valid": config.valid_data, "test": config.test_data}
    given = {split: read(path) for split, path in named.items() if path}
    check_classes(examples, 3 - len(given))
    groups, unit = Groups(), None
    if config.group_column:
        groups = groups_of_files(config.group_column, config.data, list(named.values()), config.form)
        unit = joined_units(examples, groups)
    if not given:
        splits = stratified(examples, config.valid_fraction, config.test_fraction, config.seed_of_splits, unit)
    else:
        if "test" not in given:
            examples, given["test"] = split_off(examples, config.test_fraction, config.seed_of_splits, unit)
        if "valid" not in given:
            examples, given["valid"] = split_off(examples, config.valid_fraction, config.seed_of_splits, unit)
        _check_given(examples, given, notes)
        splits = Splits(examples, given["valid"], given["test"])
    if config.group_column:
        check_labels([*splits.valid, *splits.test], {example.label for example in splits.train})
        notes.extend(notes_on_groups(splits, groups, config.group_column))
    return splits


def _check_given(train: list[Example], given: Mapping[str, list[Example]], notes: list[str]) -> None:
    known = {example.label for example in train}
    for split, examples in given.items():
        check_labels(examples, known)
        if shared := shared_texts(train, examples):
            many = f"{shared:,} texts of the {split} split are" if shared > 1 else f"a text of the {split} split is"
            notes.append(f"{many} in the training split, too: its score will flatter")
