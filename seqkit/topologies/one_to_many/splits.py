"""The three splits of captioned pictures, and where their pictures come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from seqkit.data import Splits
from seqkit.data.pictures import Captioned, read_captioned, split_groups, vectors_in
from seqkit.topologies.one_to_many.options import OneToManyOptions


def read_folder(
    config: OneToManyOptions, path: Path, vectors: str | None = None, notes: list[str] | None = None
) -> list[Captioned]:
    """The pictures of a folder, or their vectors: those of the file ``vectors``, else of the folder itself."""
    file = None
    if config.encoder == "vectors":
        file = Path(vectors) if vectors else vectors_in(path if path.is_dir() else path.parent)
    return read_captioned(path, config.picture_size, config.color, file, notes, config.form)


def apply_case(config: OneToManyOptions, examples: list[Captioned]) -> list[Captioned]:
    """The examples with captions in lower case, if the configuration asks for it."""
    if not config.lowercase:
        return examples
    return [replace(example, captions=tuple(map(str.lower, example.captions))) for example in examples]


def captioned_splits(config: OneToManyOptions, examples: list[Captioned], notes: list[str]) -> Splits[Captioned]:
    """Random splits by group (of glyphs a letter, of a folder a picture), so that no group is in two of them.

    ``notes`` says how many test pictures cannot be told from one with another caption.
    """
    splits = split_groups(examples, config.valid_fraction, config.test_fraction, config.seed_of_splits)
    captions = _captions_by_picture([*splits.train, *splits.valid, *splits.test])
    if ambiguous := sum(len(captions[example.picture.digest]) > 1 for example in splits.test):
        notes.append(
            f"{ambiguous:,} of {len(splits.test):,} test pictures look exactly like one with another caption: no "
            "model can get all of them correct"
        )
    return splits


def _captions_by_picture(examples: Iterable[Captioned]) -> dict[str, set[tuple[str, ...]]]:
    """The different captions of pictures that look alike, by the digest of what they look like."""
    captions = defaultdict[str, set[tuple[str, ...]]](set)
    for example in examples:
        captions[example.picture.digest].add(example.captions)
    return captions
