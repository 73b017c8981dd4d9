"""Tiny data for every topology, and a trial of every task on them: splits, a codec, and a head with random weights.

A new task of one of these topologies is tried without a line here; a new topology needs data, and what a perfect
prediction for one of its examples is.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from seqkit.config import make_config, options_of
from seqkit.data import Splits
from seqkit.runs import Model, available_tasks, find_task
from seqkit.topologies.classification import Classified
from seqkit.topologies.delayed import Delayed, Translated
from seqkit.topologies.many_to_one import Estimate, LabelSet, ManyToOne
from seqkit.topologies.next_step import NextStep, Scored
from seqkit.topologies.one_to_many import Caption, OneToMany
from seqkit.topologies.one_to_one import OneToOne
from seqkit.topologies.synced.frames import Framed, FramedSets, SyncedFrames
from seqkit.topologies.synced.tagging import SyncedTagging, Tagged

WORDS = [f"{a}{b}{c}a{end}" for a in "bdk" for b in "ae" for c, end in zip("lmn", ("", "da", "dama"), strict=True)]
"""Of several lengths, so that batches have padding."""


def vectors(folder):
    rows = [f"{0.1 * n:.1f},{(-1) ** n},{'left' if n < 20 else 'right'}" for n in range(40)]
    (folder / "vectors.csv").write_text("\n".join(["x,y,label", *rows]) + "\n")
    return folder / "vectors.csv"


def texts(folder):
    moods = (("fine", "good"), ("dull", "bad"))
    rows = [f"{' '.join([mood, *word])},{label}" for word in WORDS for mood, label in moods]
    (folder / "texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    return folder / "texts.csv"


def label_sets(folder):
    rows = [(word, sorted({"b", "d", "k"} & {*word} | ({"long"} if len(word) > 5 else set()))) for word in WORDS]
    lines = [json.dumps({"text": " ".join(word), "labels": labels}) for word, labels in rows for _ in "ab"]
    (folder / "sets.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "sets.jsonl"


def numbers(folder):
    rows = [f"{' '.join(word)},{len(word) + 0.5 * word.count('a')},{100 * word.count('m')}" for word in WORDS]
    (folder / "numbers.csv").write_text("\n".join(["text,length,ms", *rows]) + "\n")
    return folder / "numbers.csv"


def text_pairs(folder):
    rows = [f"{' '.join(a)}\t{' '.join(b)}\t{a[0] == b[0]}" for a, b in zip(WORDS, WORDS[4:] + WORDS[:4], strict=True)]
    (folder / "pairs.tsv").write_text("\n".join(["one\tother\tlabel", *rows * 2]) + "\n")
    return folder / "pairs.tsv"


def pictures(folder):
    image = pytest.importorskip("PIL.Image")
    lines = ["file\tcaption"]
    for number in range(20):
        image.new("L", (8, 8), 10 * number).save(folder / f"{number}.png")
        lines.append(f"{number}.png\ta {'very dark' if number < 10 else 'light'} grey square")
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n")
    return folder


def sentences(folder):
    rows = ["".join(f"{letter} {'V' if letter in 'ae' else 'C'}\n" for letter in word) for word in WORDS]
    (folder / "sentences.conll").write_text("\n".join(rows))
    return folder / "sentences.conll"


def clips(folder):
    for number in range(15):
        rows = [f"{number},{step},{'ab'[step > 3]}" for step in range(5 + number % 3)]
        (folder / f"clip{number}.csv").write_text("\n".join(["height,width,label", *rows]) + "\n")
    return folder


def set_clips(folder):
    for number in range(15):
        rows = [f"{number},{step},{int(step > 3)},{int(number % 2)}" for step in range(5 + number % 3)]
        (folder / f"clip{number}.csv").write_text("\n".join(["height,width,late,odd", *rows]) + "\n")
    return folder


def pairs(folder):
    (folder / "pairs.tsv").write_text("".join(f"{word}\t{' '.join(word.upper())}\n" for word in WORDS))
    return folder / "pairs.tsv"


def prose(folder):
    (folder / "prose.txt").write_text(" ".join(f"{word} {word[::-1]}." for word in WORDS * 20))
    return folder / "prose.txt"


class Family(NamedTuple):
    """The tasks of a topology."""

    write: Callable[[Path], Path]
    """Writes data into a folder; returns what ``--data`` takes"""
    perfect: Callable[[Any], Any]
    """The best prediction for an example"""
    options: dict[str, Any]
    """Those that make its tasks small, beside SMALL"""


FAMILIES = {
    OneToOne: Family(vectors, lambda e: Classified(e.label, {e.label: 1.0}), {}),
    OneToMany: Family(
        pictures,
        lambda e: Caption(e.captions[0], tuple(e.captions[0].split()), 0.0),
        {"picture_size": 8, "width": 2, "vector_size": 4},
    ),
    ManyToOne: Family(texts, lambda e: Classified(e.label, {e.label: 1.0}), {}),
    SyncedTagging: Family(sentences, lambda e: Tagged(e.words, e.tags, (1.0,) * len(e.words)), {}),
    SyncedFrames: Family(clips, lambda e: Framed(e.labels, (1.0,) * len(e.labels)), {}),
    Delayed: Family(pairs, lambda e: Translated(e.references[0], 0.0, ()), {"tokenizer": "char"}),
    NextStep: Family(prose, lambda e: Scored(0.0, e.characters, e.characters, 0), {"streams": 4, "chunk": 8}),
}
TARGETS = {
    "frames of label sets": Family(
        set_clips,
        lambda e: FramedSets(e.labels, tuple((1.0, 1.0) for _ in e.labels), ("late", "odd")),
        {"label_column": "late,odd"},
    ),
    "text of label sets": Family(label_sets, lambda e: LabelSet(e.labels, dict.fromkeys(e.labels, 1.0)), {}),
    "text of numbers": Family(
        numbers,
        lambda e: Estimate(e.numbers, e.numbers, e.numbers, e.names),
        {"target": "number", "label_column": "length,ms"},
    ),
    "text of one number": Family(
        numbers,
        lambda e: Estimate(e.numbers, e.numbers, e.numbers, e.names),
        {"label_column": "length", "target": "number"},
    ),
    "text of pairs": Family(
        text_pairs, lambda e: Classified(e.label, {e.label: 1.0}), {"text_column": "one,other", "pooling": "attention"}
    ),
}
"""What a task may be asked for beside a label; the name of each begins with the task's."""
SMALL = {"hidden_size": 4, "embedding_size": 4, "epochs": 1, "batch_size": 4, "min_count": 1}
SMALL |= {"valid_fraction": 0.2, "test_fraction": 0.2}


class Trial(NamedTuple):
    """A task on tiny data."""

    task: Any
    config: Any
    splits: Splits[Any]
    codec: Any
    head: Any
    perfect: Callable[[Any], Any]

    @property
    def examples(self):
        return [*self.splits.train, *self.splits.valid, *self.splits.test]

    @property
    def model(self):
        return Model(self.task, self.config, self.codec, self.head)

    def inputs(self, examples):
        return [self.task.input_of(example) for example in examples]

    def items(self, examples):
        return [self.codec.encode(self.task.input_of(example), example) for example in examples]


@pytest.fixture(scope="module", params=[*sorted(available_tasks()), *TARGETS])
def what(request):
    """The name of every task, ours or an installed one, and what some may be asked for."""
    return request.param


@pytest.fixture(scope="module")
def task(what):
    """The task."""
    return find_task(what.partition(" ")[0])


@pytest.fixture(scope="module")
def trial(what, task, tmp_path_factory):
    """The task, with what a run would make of tiny data before its first step."""
    family = TARGETS.get(what) or next((family for base, family in FAMILIES.items() if isinstance(task, base)), None)
    assert family is not None, f"no tiny data for {task.topology}, the topology of {task.name}; add them to FAMILIES"
    data = family.write(tmp_path_factory.mktemp(task.name))
    options = {**SMALL, **family.options, "data": str(data)}
    config = make_config(task.config, {name: options[name] for name in options_of(task.config) if name in options})
    splits = task.read(config, [])
    codec = task.learn_codec(config, splits.train)
    torch.manual_seed(0)
    return Trial(task, config, splits, codec, task.build_head(config, codec).eval(), family.perfect)
