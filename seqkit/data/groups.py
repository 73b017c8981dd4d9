"""Examples that belong together, such as those of one speaker: nothing of a group is in two splits."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seqkit.data.normal_forms import canonical
from seqkit.data.readers import PLAIN, DataError, FileForm, SourceLocation, choose_column, read_records, shown
from seqkit.data.splits import Splits
from seqkit.errors import UsageError


class Groups(dict[SourceLocation, str]):
    """Where a row is, and the group that it belongs to."""

    def of(self, example: Any) -> str | None:
        """The group of an example, by its location."""
        return self.get(example.location)


def read_groups(path: Path, column: str, form: FileForm = PLAIN) -> Groups:
    """The group of each row of a table.

    Raises :class:`UsageError` for a table without the column, and :class:`DataError` for a row without a group.
    """
    groups = Groups()
    for location, values in read_records(path, encoding=form.encoding, columns=form.columns):
        if not groups:
            choose_column(list(values), column, "group", SourceLocation(location.file, 1))
        group = values[column].strip()
        if not group:
            raise DataError(f"column {shown(column)} is empty; name the group of the row", location)
        if location in groups:
            raise DataError("several rows on one line have groups; write one object per line, as .jsonl", location)
        groups[location] = group
    return groups


def groups_of_files(column: str, data: str, files: Sequence[str | None], form: FileForm) -> Groups:
    """The groups of the rows of the data, and of the files of other splits that have the column.

    Raises :class:`UsageError` for data that are not in a file.
    """
    if not Path(data).is_file():
        raise UsageError(f"--group-column is for a file with columns, and {data} is not one; leave it out")
    groups = read_groups(Path(data), column, form)
    for file in filter(None, files):
        first = next(read_records(Path(file), encoding=form.encoding, columns=form.columns))
        if column in first.values:
            groups.update(read_groups(Path(file), column, form))
    return groups


def joined_units(
    examples: Iterable[Any], group: Callable[[Any], Hashable], content: Callable[[Any], Hashable]
) -> Callable[[Any], Hashable]:
    """What must stay in one split: examples of one group, those of one content, and so on from one to the next."""
    parent: dict[Hashable, Hashable] = {}

    def root(node: Hashable) -> Hashable:
        parent.setdefault(node, node)
        while parent[node] != node:
            # Each look shortens the way for the next.
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for example in examples:
        of_group, of_content = root(("group", group(example))), root(("content", content(example)))
        parent[of_content] = of_group
    return lambda example: root(("group", group(example)))


def stripped_text(example: Any) -> str:
    """What copies of a text have in common."""
    return canonical(example.text.strip())


def notes_on_groups(splits: Splits[Any], group: Callable[[Any], str | None], column: str) -> Iterator[str]:
    """How many groups each split has, and those of given files that are in the training split, too."""
    named = {name: _groups_in(getattr(splits, name), group) for name in ("train", "valid", "test")}
    counts = ", ".join(f"{len(found):,} in {name}" for name, found in named.items() if found)
    yield f"no value of {shown(column)} is divided: {counts}"
    for name in ("valid", "test"):
        if shared := sorted(named[name].keys() & named["train"].keys()):
            many = f"{len(shared):,} groups" if len(shared) > 1 else "1 group"
            location = named[name][shared[0]]
            yield (
                f"{many} of the {name} split, {shown(shared[0])} at {location} the first, are also in the training "
                "split: its score will be too high"
            )


def _groups_in(examples: Sequence[Any], group: Callable[[Any], str | None]) -> dict[str, SourceLocation]:
    found: dict[str, SourceLocation] = {}
    for example in examples:
        if name := group(example):
            found.setdefault(name, example.location)
    return found
