"""The three splits of tagged sentences: files that somebody gave for them, else split off at random."""

from __future__ import annotations

from collections.abc import Callable

from seqkit.data import Splits
from seqkit.data.tagged import Sentence, mended, split_sentences
from seqkit.topologies.synced.tagging.options import TaggingOptions


def tagged_splits(config: TaggingOptions, read: Callable[[str], list[Sentence]], notes: list[str]) -> Splits[Sentence]:
    """Reads ``data``, ``valid_data`` and ``test_data``, splits off what is not given, and repairs broken schemes."""
    named = {"valid": config.valid_data, "test": config.test_data}
    own = {split: read(path) for split, path in named.items() if path}
    valid_fraction = 0.0 if "valid" in own else config.valid_fraction
    test_fraction = 0.0 if "test" in own else config.test_fraction
    splits = split_sentences(read(config.data), valid_fraction, test_fraction, config.seed_of_splits)
    return mended(Splits(splits.train, own.get("valid", splits.valid), own.get("test", splits.test)), notes)
