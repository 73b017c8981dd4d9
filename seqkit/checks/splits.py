"""What the splits of the data show before anyone trains: nothing to learn from, leaks, contradictions, rare labels."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from seqkit.checks.characters import odd_character, odd_line
from seqkit.checks.finding import Finding, join_equal
from seqkit.checks.labels import check_label_names
from seqkit.data import DataError, Splits
from seqkit.data.normal_forms import canonical
from seqkit.data.readers import shown
from seqkit.topologies import AnyTask

_FEW = 5
"""Of a label seen less often in training, nothing is learned as a rule."""
_MOST = 0.9
"""Of the labels are the same: accuracy then says little."""


def check_splits(task: AnyTask, splits: Splits[Any]) -> list[Finding]:
    """Findings about the three splits: the same for `doctor`, and for `run`, which stops at one that is wrong."""
    return [
        *_check_sizes(splits),
        *_check_repeats(task, splits),
        *_check_leaks(task, splits),
        *_check_labels(splits),
        *check_label_names(_in_order(splits)),
        *join_equal(_odd_characters(task, _in_order(splits))),
    ]


def stop_at_problems(task: AnyTask, splits: Splits[Any], notes: list[str], data: str | None = None) -> None:
    """The check of `run`: raises :class:`DataError` for what is wrong, and adds what is odd to ``notes``.

    Leaks and rare labels are noted by the tasks that can have them. ``data`` is the option of that name: in a data set
    of the task nobody can fix what is odd, so nothing is said of it.
    """
    odd = () if data in task.data_sets else ("contradictions", "labels", "characters")
    for finding in check_splits(task, splits):
        if finding.level == "wrong":
            raise DataError(str(finding))
        if finding.kind in odd:
            notes.append(str(finding))


def _check_sizes(splits: Splits[Any]) -> Iterator[Finding]:
    for split in dataclasses.fields(splits):
        if not getattr(splits, split.name):
            what = f"the {split.name} split is empty"
            yield Finding("wrong", "parts", what, "give more examples, or a file for the split")


def _check_repeats(task: AnyTask, splits: Splits[Any]) -> Iterator[Finding]:
    """Inputs that are in the training split more than once with different labels."""
    first: dict[Hashable, Any] = {}
    contradicting: list[tuple[Any, Any]] = []
    for example in splits.train:
        known = first.setdefault(input_key(task, example), example)
        if known is not example and labels_of(known) != labels_of(example):
            contradicting.append((example, known))
    if contradicting:
        example, known = contradicting[0]
        many = f"{len(contradicting):,} examples repeat" if len(contradicting) > 1 else "an example repeats"
        what = f"{many} an input with a different label (this one conflicts with {location_of(known)})"
        yield Finding("warning", "contradictions", what, "decide which label is correct", location_of(example))


def _check_leaks(task: AnyTask, splits: Splits[Any]) -> Iterator[Finding]:
    known = {input_key(task, example): example for example in splits.train}
    for split, examples in (("valid", splits.valid), ("test", splits.test)):
        leaked = [example for example in examples if input_key(task, example) in known]
        if leaked:
            twin = location_of(known[input_key(task, leaked[0])])
            many = f"{len(leaked):,} of {len(examples):,} inputs of the {split} split {'are' if leaked[1:] else 'is'}"
            what = f"{many} also in the training split, this one at {twin}"
            mend = "remove them from one of the two: scores will be too high"
            yield Finding("warning", "leak", what, mend, location_of(leaked[0]))


def _check_labels(splits: Splits[Any]) -> Iterator[Finding]:
    counts = label_counts(splits.train)
    if not counts:
        return
    total, (common, most) = counts.total(), counts.most_common(1)[0]
    if most / total >= _MOST:
        what = f"{most / total:.0%} of the training labels are {shown(common)}"
        yield Finding(
            "warning", "balance", what, "look at macro-F1 rather than accuracy, or add examples of other labels"
        )
    if rare := [label for label, count in counts.items() if count < _FEW]:
        names = ", ".join(shown(label) for label in sorted(rare)[:5])
        many = f"{len(rare)} labels are" if len(rare) > 1 else "a label is"
        what = f"{many} seen fewer than {_FEW} times in training: {names}"
        yield Finding("warning", "balance", what, "add examples of them, or merge them with others")


def _in_order(splits: Splits[Any]) -> list[Any]:
    """All examples, those with a location in the order of their files."""
    examples = [example for split in (splits.train, splits.valid, splits.test) for example in split]
    files: dict[str, int] = {}

    def place(example: Any) -> tuple[int, int]:
        location = getattr(example, "location", None)
        file = str(getattr(location, "file", ""))
        return files.setdefault(file, len(files)), int(getattr(location, "line", 0))

    return sorted(examples, key=place)


def _odd_characters(task: AnyTask, examples: Sequence[Any]) -> Iterator[Finding]:
    for example in examples:
        raw = task.input_of(example)
        if blocks := getattr(raw, "blocks", None):
            if odd := odd_line(blocks()):
                yield dataclasses.replace(odd[0], where=f"{raw.location}:{odd[1]}" if not raw.start else None)
            continue
        sides = [raw, *getattr(example, "references", ())] if isinstance(raw, str) else raw
        for text in sides if isinstance(sides, (list, tuple)) else ():
            if isinstance(text, str) and (found := odd_character(text, location_of(example))):
                yield found


def label_counts(examples: Sequence[Any]) -> Counter[str]:
    """How often each label occurs; nothing where examples have none."""
    return Counter(label for example in examples for label in labels_of(example))


def labels_of(example: Any) -> tuple[str, ...]:
    """The ``label`` of an example, or its ``labels`` or ``tags``, one for each step."""
    if isinstance(label := getattr(example, "label", None), str):
        return (label,)
    labels = getattr(example, "labels", None) or getattr(example, "tags", None) or ()
    # Of steps with a set of labels each, all of them.
    return tuple(label for each in labels for label in (each if isinstance(each, tuple) else (each,)))


def location_of(example: Any) -> str | None:
    """Where an example comes from, if it knows."""
    location = getattr(example, "location", None)
    return None if location is None else str(location)


def input_key(task: AnyTask, example: Any) -> Hashable:
    """What equal inputs have in common, in whatever form of Unicode; of a file, the digest of its content."""
    raw = task.input_of(example)
    if isinstance(raw, str):
        return canonical(raw)
    if isinstance(raw, tuple) and all(isinstance(text, str) for text in raw):
        return tuple(map(canonical, raw))
    key: Hashable = getattr(raw, "digest", raw)
    return key
