"""Tags that break their scheme of spans, repaired before training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from seqkit.data.readers import Remark
from seqkit.data.schemes import OUTSIDE, broken, detect_scheme, marked_type, repair, scheme_name
from seqkit.data.splits import Splits
from seqkit.data.tagged.sentence import Sentence

_LISTED = 8
"""Types of spans."""


def mended(splits: Splits[Sentence], notes: list[str]) -> Splits[Sentence]:
    """The splits with tags that keep their scheme of spans, if they have one.

    ``notes`` receives what was repaired, and the tags of validation and test that training does not have.
    """
    scheme = detect_scheme([sentence.tags for sentence in splits.train])
    notes.append(Remark(_about(scheme, [*splits.train, *splits.valid, *splits.test])))
    by_name = {"training": splits.train, "validation": splits.valid, "test": splits.test}
    if scheme:
        by_name = {name: _repaired(sentences, scheme, name, notes) for name, sentences in by_name.items()}
    known = {tag for sentence in by_name["training"] for tag in sentence.tags}
    for name in ("validation", "test"):
        new = [(tag, s.location) for s in by_name[name] for tag in s.tags if tag not in known]
        if new:
            tag, location = new[0]
            notes.append(
                f"{'1 label' if len(new) == 1 else f'{len(new):,} labels'} of the {name} split "
                f"{'is' if len(new) == 1 else 'are'} not in the training split, the first '{tag}' at {location}: the "
                "model cannot know them, and each counts as an error"
            )
    return Splits(*by_name.values())


def each_mended(blocks: Iterable[list[Sentence]], notes: list[str]) -> Iterator[Sentence]:
    """The sentences of blocks with tags that keep their scheme of spans, if the first block has one."""
    scheme: str | None = None
    for number, block in enumerate(blocks):
        if number == 0:
            scheme = detect_scheme([sentence.tags for sentence in block])
            notes.append(Remark(_about(scheme, block)))
        yield from _repaired(block, scheme, "whole", notes if number == 0 else []) if scheme else block


def _about(scheme: str | None, sentences: Sequence[Sentence]) -> str:
    """What the tags are, in a sentence."""
    counts = Counter(tag for sentence in sentences for tag in sentence.tags)
    if scheme is None:
        return f"the tags are {len(counts)} plain labels" + (
            "; if they mark spans, write them as B-PER, I-PER and O" if OUTSIDE in counts else ""
        )
    types = sorted({kind for tag in counts if (kind := marked_type(tag)) is not None})
    listed = ", ".join(types[:_LISTED]) + (f" and {len(types) - _LISTED} more" if len(types) > _LISTED else "")
    return f"the tags mark spans in the scheme {scheme_name(scheme)}: {listed}"


def _repaired(sentences: list[Sentence], scheme: str, name: str, notes: list[str]) -> list[Sentence]:
    wrong = [(sentence, indices) for sentence in sentences if (indices := broken(sentence.tags, scheme))]
    if not wrong:
        return sentences
    sentence, indices = wrong[0]
    before, after = sentence.tags[indices[0]], repair(sentence.tags, scheme)[indices[0]]
    notes.append(
        f"{sum(len(indices) for _, indices in wrong):,} labels of the {name} split break the scheme "
        f"{scheme.upper()} and were repaired, the first in the sentence at {sentence.location}: "
        f"word {indices[0] + 1}, {before} to {after}"
    )
    return [Sentence(s.words, repair(s.tags, scheme), s.location) for s in sentences]
