"""Subsets of a training split, drawn at random, and the files that a task reads them from."""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from seqkit.data import Example
from seqkit.data.corpus import Corpus, Stretch, stretch
from seqkit.data.frames import LabelledClip, table_of
from seqkit.data.pairs import Pair
from seqkit.data.pictures import Captioned, pillow
from seqkit.data.punctuation import restored
from seqkit.data.tagged import Sentence
from seqkit.errors import UsageError

_LEAST = 3
"""Inputs of each label that a subset has: a task may need one for each of three splits."""
_PIECE = 1000
"""Characters of running text that count as one example."""


class ExampleKind(ABC):
    """How examples of one kind are drawn, and written as a file or folder that their task reads."""

    data_option: ClassVar[str] = "data"
    """The option of the task that takes the file of the training split"""

    def input_of(self, example: Any) -> Hashable:
        """What examples share that are drawn together: texts with two labels, or a source with two targets."""
        return id(example)

    def label_of(self, example: Any) -> str:
        """The label whose frequency a subset keeps; the same for all where there is none."""
        return ""

    def count(self, examples: Sequence[Any]) -> int:
        """How many examples these are, in the sense that ``draw`` counts."""
        return len({self.input_of(example) for example in examples})

    def draw(self, examples: Sequence[Any], size: int, seed: int) -> list[Any]:
        """So many different inputs with the same mix of labels, in the order they came; a larger draw holds a smaller.

        Of each label there are three inputs at least, if there are so many and the size allows.
        """
        groups: dict[Hashable, list[int]] = defaultdict(list)
        for number, example in enumerate(examples):
            groups[self.input_of(example)].append(number)
        by_label: dict[str, list[list[int]]] = defaultdict(list)
        for group in groups.values():
            by_label[self.label_of(examples[group[0]])].append(group)
        generator, ranked = random.Random(seed), list[tuple[bool, float, list[int]]]()
        for label in sorted(by_label):
            members = by_label[label]
            generator.shuffle(members)
            # Evenly spaced ranks: whatever the size, each label has its fraction of those ranked first.
            ranked += [
                (n >= _LEAST, n if n < _LEAST else (n + 0.5) / len(members), group) for n, group in enumerate(members)
            ]
        ranked.sort(key=lambda entry: entry[:2])
        return [examples[number] for number in sorted(n for _, _, group in ranked[:size] for n in group)]

    @abstractmethod
    def write(self, examples: Sequence[Any], path: Path) -> Path:
        """Writes the examples to the path with the ending of its format, and returns that."""


class LabelledTexts(ExampleKind):
    """Texts with a label each, as JSON lines."""

    def input_of(self, example: Example) -> str:
        """The text."""
        return example.text

    def label_of(self, example: Example) -> str:
        """Its label."""
        return example.label

    def write(self, examples: Sequence[Example], path: Path) -> Path:
        """Columns ``text`` and ``label``."""
        return _write_json_lines(({"text": e.text, "label": e.label} for e in examples), path)


@dataclass(frozen=True)
class LabelledVectors(LabelledTexts):
    """Vectors of named numbers with a label each, as JSON lines."""

    names: tuple[str, ...]

    def write(self, examples: Sequence[Example], path: Path) -> Path:
        """A column for each number, and ``label``."""
        if "label" in self.names:
            raise UsageError("a column of numbers is called 'label', as the labels' own column is here; rename it")
        rows = (dict(zip(self.names, map(float, e.text.split()), strict=True)) for e in examples)
        return _write_json_lines(({**row, "label": e.label} for row, e in zip(rows, examples, strict=True)), path)


class Pairs(ExampleKind):
    """Sources with one target or several, as JSON lines."""

    def input_of(self, example: Pair) -> str:
        """The source."""
        return example.source

    def write(self, examples: Sequence[Pair], path: Path) -> Path:
        """Columns ``source`` and ``target``, a row for each target."""
        rows = ({"source": pair.source, "target": target} for pair in examples for target in pair.references)
        return _write_json_lines(rows, path)


class TaggedSentences(ExampleKind):
    """Words with their tags, as JSON lines."""

    def write(self, examples: Sequence[Sentence], path: Path) -> Path:
        """Keys ``tokens`` and ``tags``."""
        return _write_json_lines(({"tokens": e.words, "tags": e.tags} for e in examples), path)


class PunctuatedText(ExampleKind):
    """Stretches of words that are labelled with capitals and punctuation, as a text of one paragraph each."""

    data_option = "text"

    def write(self, examples: Sequence[Sentence], path: Path) -> Path:
        """The text that words and labels mean."""
        return _write_lines((restored(e.words, e.tags) for e in examples), path.with_suffix(".txt"))


class RunningText(ExampleKind):
    """One contiguous text; a thousand characters of it count as an example."""

    def count(self, examples: Sequence[Stretch]) -> int:
        """Thousands of characters."""
        return sum(example.characters for example in examples) // _PIECE

    def draw(self, examples: Sequence[Stretch], size: int, seed: int) -> list[Stretch]:
        """A piece of so many thousand characters; it begins anywhere, at a line if there is one near."""
        text = "".join(block for example in examples for block in example.blocks())
        start = random.Random(seed).randrange(len(text) - size * _PIECE + 1)
        line = text.rfind("\n", max(0, start - _PIECE), start) + 1 or start
        return [stretch(Corpus("subset", (text[line : line + size * _PIECE].encode(),)))]

    def write(self, examples: Sequence[Stretch], path: Path) -> Path:
        """The text as it is."""
        path = path.with_suffix(".txt")
        path.write_bytes("".join(block for example in examples for block in example.blocks()).encode())
        return path


class Clips(ExampleKind):
    """Sequences of frames, as a folder with a file for each."""

    def write(self, examples: Sequence[LabelledClip], path: Path) -> Path:
        """Tables where the features have names, else arrays."""
        path.mkdir()
        for number, example in enumerate(examples):
            file = path / f"{number:06d}"
            if example.clip.layout.names:
                file.with_suffix(".csv").write_bytes(table_of(example))
            else:
                np.savez(file.with_suffix(".npz"), features=example.clip.features, labels=np.array(example.labels))
        return path


class CaptionedPictures(ExampleKind):
    """Pictures with captions, as a folder of PNG files with their captions as JSON lines."""

    def write(self, examples: Sequence[Captioned], path: Path) -> Path:
        """A file for each picture, a row for each caption."""
        path.mkdir()
        for number, example in enumerate(examples):
            values = example.picture.values
            if values.ndim != 3:
                raise UsageError("the suite writes pictures, not vectors of them; leave out encoder=vectors")
            pillow("Image").fromarray(values.squeeze(-1) if values.shape[-1] == 1 else values).save(_png(path, number))
        rows = ({"file": _png(path, n).name, "caption": c} for n, e in enumerate(examples) for c in e.captions)
        _write_json_lines(rows, path / "captions")
        return path


def _rank(place: int, size: int) -> tuple[bool, float]:
    """When the input at that place of a shuffled label with so many is drawn, among those of all labels."""
    # Spaced evenly from 0 to 1, so that each label has its fraction of those drawn first, however many they are.
    return (False, place) if place < _LEAST else (True, (place + 0.5) / size)


def _png(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.png"


def _write_json_lines(rows: Iterable[dict[str, Any]], path: Path) -> Path:
    return _write_lines((json.dumps(row, ensure_ascii=False) for row in rows), path.with_suffix(".jsonl"))


def _write_lines(lines: Iterable[str], path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in lines)
    return path
