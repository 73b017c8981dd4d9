"""Runs on a file whose rows are read by an index: which rows are in which split, resuming, and what is left out."""

import random

import pytest
import torch

from seqkit.config import make_config
from seqkit.data import DataError, SourceLocation
from seqkit.data.indexed import IndexedExamples
from seqkit.errors import SeqkitError
from seqkit.runs import find_task, load, resume, start
from seqkit.runs.prepared import read_splits
from seqkit.training import Callback, Stopped

SMALL = {"epochs": 1, "hidden_size": 8, "embedding_size": 8, "device": "cpu", "batch_size": 16}


@pytest.fixture(autouse=True)
def large(tmp_path, monkeypatch):
    """Every file counts as larger than memory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("seqkit.runs.sizes.IN_MEMORY", 1000)


@pytest.fixture
def reviews(tmp_path):
    """400 texts with a word that gives away the label, each of 150 about three times, some with line breaks."""
    draw, path = random.Random(0), tmp_path / "reviews.csv"
    lines = ["text,label"]
    for number in range(400):
        kind = number % 150
        words = random.Random(kind).choices(["the", "film", "was", "a", "plot"], k=5 + kind % 20)
        gap = draw.choice([" ", "\n", ' ""so"" '])
        lines.append(f'"{" ".join(words)}{gap}{"good" if kind % 2 else "bad"} {kind}",{"pos" if kind % 2 else "neg"}')
    path.write_text("\n".join(lines) + "\n")
    return path


def config_of(task, data, **options):
    return make_config(find_task(task).config, {"data": str(data), **options})


def splits_of(task, data, notes=None, **options):
    return read_splits(find_task(task), config_of(task, data, **options), [] if notes is None else notes)


def trained(data, out, callbacks=(), **options):
    session = start(find_task("sentiment"), config_of("sentiment", data, **{**SMALL, **options}), out, [])
    session.train(callbacks)
    session.finish()
    return session


def test_no_input_held_out_is_trained_on_and_every_other_row_is(reviews):
    notes = []
    splits = splits_of("sentiment", reviews, notes)
    assert isinstance(splits.train, IndexedExamples)
    train = list(splits.train)
    kinds = [{e.text for e in split} for split in (train, splits.valid, splits.test)]
    assert not kinds[0] & kinds[1] and not kinds[0] & kinds[2] and not kinds[1] & kinds[2]
    assert 0.04 < len(splits.valid) / 400 < 0.2
    assert len(train) + len(splits.valid) + len(splits.test) == 400
    # Rows have the lines that an editor shows.
    whole = reviews.read_text().split("\n")
    for example in [*train[:50], *splits.test]:
        assert whole[example.location.line - 1].startswith('"' + example.text.split("\n")[0].replace('"', '""')[:20])
    assert "read row by row" in notes[-1]
    assert list(splits_of("sentiment", reviews).train) == train
    assert list(splits_of("sentiment", reviews, seed=3).valid) != splits.valid


def test_some_examples_are_those_of_their_numbers(reviews):
    train = splits_of("sentiment", reviews).train
    every = list(train)
    assert train.read([7, 3, 300, 7]) == [every[7], every[3], every[300], every[7]]
    assert [train[-1], train[5:30:9]] == [every[-1], every[5:30:9]]
    assert len(train.sizes) == len(train)
    assert {e.label for e in train.sample} == {"pos", "neg"}


def numbered(path, broken):
    """1,000 texts, of which those of some numbers have no label."""
    rows = [f"text number {n} of many" + ("" if n in broken else f",{'pos' if n % 2 else 'neg'}") for n in range(1000)]
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


@pytest.fixture
def few_drawn(monkeypatch):
    """About a tenth of the rows are drawn."""
    monkeypatch.setattr("seqkit.runs.indexed.DRAWN", 3000)
    monkeypatch.setattr("seqkit.runs.indexed._FIRST", 50)


def test_a_row_that_cannot_be_read_has_the_example_of_the_next(tmp_path, few_drawn):
    path = numbered(tmp_path / "a.csv", {450})
    # What is predicted would be looked for in the first 2,000 rows.
    train = splits_of("sentiment", path, target="label").train
    lines = [example.location.line for example in train]
    assert [str(fault).partition(": ")[0] for fault in train.faults] == [f"{path}:452"]
    assert [lines.count(line) for line in (451, 452, 453, 454)] == [1, 0, 2, 1]


def test_faults_that_are_seen_among_the_rows_drawn_stop_a_run_before_it_begins(tmp_path, few_drawn):
    path = numbered(tmp_path / "a.csv", range(400, 600))
    with pytest.raises(SeqkitError, match=r"a\.csv:\d+: 1 field, but the first line names 2 columns"):
        splits_of("sentiment", path, target="label")


def test_examples_of_one_class_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"a fine film number {number},good\n" for number in range(200)))
    with pytest.raises(DataError, match="there is only one class, 'good'; add examples of another"):
        splits_of("sentiment", path)


class StopsAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        trainer.stopping = trainer.progress.step == self.step


def test_a_run_that_was_stopped_ends_with_the_same_bits(reviews, tmp_path):
    whole = trained(reviews, tmp_path / "whole")
    with pytest.raises(Stopped):
        trained(reviews, tmp_path / "cut", [StopsAt(9)])
    again = resume(tmp_path / "cut", [])
    again.train()
    again.finish()
    for name, weight in whole.head.state_dict().items():
        assert torch.equal(weight, again.head.state_dict()[name]), name
    assert (tmp_path / "cut/predictions.jsonl").read_bytes() == (tmp_path / "whole/predictions.jsonl").read_bytes()


def test_changed_data_are_refused_and_touched_ones_are_not(reviews, tmp_path):
    with pytest.raises(Stopped):
        trained(reviews, tmp_path / "cut", [StopsAt(5)])
    reviews.touch()
    resume(tmp_path / "cut", [])
    text = reviews.read_text()
    reviews.write_text(text.replace("the", "tha", 1))
    with pytest.raises(SeqkitError, match="have changed since the run began"):
        resume(tmp_path / "cut", [])


def test_pairs_objects_and_sets_of_labels_are_read_by_rows_too(tmp_path):
    pairs, objects, sets = tmp_path / "p.tsv", tmp_path / "o.jsonl", tmp_path / "s.csv"
    pairs.write_text("".join(f"the house {n}\tdas haus {n}\n" for n in range(300)))
    objects.write_text("".join(f'{{"text": "a b {n}", "label": "{n % 3}"}}\n' for n in range(300)))
    sets.write_text("text,labels\n" + "".join(f"a b {n},x;{'y' if n % 2 else 'z'}\n" for n in range(300)))
    for task, data, options in (
        ("translate", pairs, {}),
        ("text", objects, {}),
        ("text", sets, {"target": "labels"}),
    ):
        splits = splits_of(task, data, **options)
        assert isinstance(splits.train, IndexedExamples)
        found = sorted(repr(e) for split in (splits.train, splits.valid, splits.test) for e in split)
        whole = vars(find_task(task).read(config_of(task, data, **options), [])).values()
        assert found == sorted(repr(e) for split in whole for e in split)


def test_the_command_says_so_and_prepares_nothing(reviews, tmp_path, command):
    options = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    done = command("run", "sentiment", reviews, "--out", tmp_path / "run", *options)
    assert done.returncode == 0, done.stderr
    assert "so its rows are read when they are needed" in " ".join(done.stderr.split())
    assert not (tmp_path / "run.data").exists()
    assert load(tmp_path / "run").config.data == str(reviews)
    assert command("evaluate", tmp_path / "run").returncode == 0


def test_rows_that_cannot_be_read_are_counted_and_the_first_is_named(reviews, tmp_path):
    session = start(find_task("sentiment"), config_of("sentiment", reviews, **SMALL), tmp_path / "run", [])
    assert session.unread() == ""
    rows = session.splits.train._rows
    for count, expected in ((1, "one row was"), (2, "2 rows were")):
        rows.faults[count] = DataError("too many fields", SourceLocation("reviews.csv", 6 + count))
        sentence = "unreadable and left out of training; the first: reviews.csv:7: too many fields"
        assert session.unread() == f"{expected} {sentence}"
