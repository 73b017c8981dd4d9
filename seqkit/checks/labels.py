"""Classes that are hardly meant as they are: one label in several spellings, a missing value, several in one cell."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqkit.checks.finding import Finding
from seqkit.data.readers import shown

_MISSING = frozenset({"nan", "null", "n/a", "#n/a", "<na>", "nat"})
"""How programs write that there is no value"""
_MARKS = "|;,"
_NAMED = 4


def check_label_names(examples: Sequence[Any]) -> Iterator[Finding]:
    """Findings about the labels of examples that have one each, in the order in which they first occur."""
    first: dict[str, Any] = {}
    counts = defaultdict[str, int](int)
    for example in examples:
        if isinstance(label := getattr(example, "label", None), str):
            first.setdefault(label, example)
            counts[label] += 1
    yield from _missing_values(first, counts)
    yield from _spellings(first, counts)
    yield from _several(first, counts)


def _finding(what: str, mend: str, example: Any) -> Finding:
    location = getattr(example, "location", None)
    return Finding("warning", "labels", what, mend, None if location is None else str(location))


def _missing_values(first: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[Finding]:
    # "none" may well be a class; "None" is how Python writes a missing value.
    for label in first:
        if label.lower() in _MISSING or label == "None":
            many = "1 example" if counts[label] == 1 else f"{counts[label]:,} examples"
            what = f"{shown(label)} is learned as a class of {many}, but seems to say that a label is missing"
            yield _finding(what, "give these rows a label or remove them", first[label])


def _spellings(first: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[Finding]:
    groups = defaultdict[str, list[str]](list)
    for label in first:
        groups[_plain(label)].append(label)
    for labels in groups.values():
        if len(labels) > 1:
            named = ", ".join(f"{shown(label)} ({counts[label]:,})" for label in labels[:_NAMED])
            what = f"{named} are learned as {len(labels)} classes, but seem to be one"
            yield _finding(what, "write them alike", first[labels[1]])


def _plain(label: str) -> str:
    """What spellings of one label have in common: 0 and 0.0, pos and POS, a and ａ."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    text = " ".join(folded.replace("_", " ").replace("-", " ").split()) or folded
    try:
        # Of numbers a sign counts, and so does a place behind the point.
        return repr(float(label)) if label.isascii() and any(map(str.isdigit, label)) else text
    except ValueError:
        return text


def _several(first: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[Finding]:
    joined = [label for label in first if _is_list(label)] or _joined_labels(list(first))
    if joined:
        examples = sum(counts[label] for label in joined)
        many = f"{examples:,} examples have" if examples > 1 else "1 example has"
        what = (
            f"{many} several labels in one cell, such as {shown(joined[0])}, and each combination is learned as a class"
        )
        yield _finding(what, "--target labels learns them as a set", first[joined[0]])


def _is_list(label: str) -> bool:
    return label[:1] == "[" and label[-1:] == "]"


def _joined_labels(labels: Sequence[str]) -> list[str]:
    """Labels that are others with a mark between, the parts of which come back."""
    for mark in _MARKS:
        parts = {label: [part.strip() for part in label.split(mark)] for label in labels if mark in label}
        if not parts or not all(all(split) for split in parts.values()):
            continue
        known = defaultdict[str, int](int)
        for label in labels:
            for part in set(parts.get(label, [label])):
                known[part] += 1
        # Where few parts come back, they are names with a comma, such as "Paris, France".
        used = {part for split in parts.values() for part in split}
        if 2 * sum(known[part] > 1 for part in used) >= len(used):
            return list(parts)
    return []
