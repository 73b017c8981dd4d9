"""The three splits of texts: files that somebody gave for them, else split off at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqkit.data import Splits, shared_texts, split_off, stratified
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.targets import first, target_of


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
    if not given:
        splits = stratified(examples, config.valid_fraction, config.test_fraction, config.seed_of_splits, stratum)
        notes.extend(target.notes(splits))
        return splits
    if "test" not in given:
        examples, given["test"] = split_off(examples, config.test_fraction, config.seed_of_splits, stratum)
    if "valid" not in given:
        examples, given["valid"] = split_off(examples, config.valid_fraction, config.seed_of_splits, stratum)
    for split, others in given.items():
        target.check_given(others, examples)
        if shared := shared_texts(examples, others):
            many = f"{shared:,} texts of the {split} split are" if shared > 1 else f"a text of the {split} split is"
            notes.append(f"{many} in the training split, too: its score will flatter")
    return Splits(examples, given["valid"], given["test"])
