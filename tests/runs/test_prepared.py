"""Runs on prepared data: the bits of a run on the file itself, and of larger data what is read, resumed and divided."""

import gzip
import random

import pytest
import torch

from seqkit.config import make_config
from seqkit.data.prepared import StoredExamples
from seqkit.data.prepared.folder import open_prepared
from seqkit.errors import SeqkitError, UsageError
from seqkit.runs import find_task, load, resume, start
from seqkit.runs.dividing import HELD_OUT
from seqkit.runs.prepared import read_splits, reading_options
from seqkit.runs.preparing import prepare_data
from seqkit.training import Callback, Stopped

SMALL = {"epochs": 2, "hidden_size": 8, "embedding_size": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """Texts with a word that gives away the label, some more than once, one without text."""
    draw, path = random.Random(0), tmp_path_factory.mktemp("data") / "reviews.csv"
    lines = ["text,label"]
    for number in range(300):
        label = draw.choice(["good", "bad"])
        words = draw.choices(["the", "film", "was", "a", "plot", "with", label], k=draw.randrange(4, 30))
        lines.append(f'"{" ".join(words)} {number % 250}",{label}')
    path.write_text("\n".join([*lines, ",good"]) + "\n")
    return path


@pytest.fixture
def large(monkeypatch):
    """Every data set counts as larger than memory."""
    monkeypatch.setattr("seqkit.runs.preparing.LARGE", 1000)
    monkeypatch.setattr("seqkit.data.prepared.folder.WHOLE", 5000)
    monkeypatch.setattr("seqkit.data.prepared.folder.SAMPLE", 5000)


def config_of(task, data, **options):
    return make_config(find_task(task).config, {"data": str(data), **options})


def prepare(task, data, folder, notes=None, **options):
    prepare_data(find_task(task), config_of(task, data, **options), folder, [] if notes is None else notes)
    return folder


def trained(data, out, callbacks=(), **options):
    session = start(find_task("sentiment"), config_of("sentiment", data, **{**SMALL, **options}), out, [])
    session.train(callbacks)
    session.finish()
    return session


def equal(one, other):
    weights, others = one.head.state_dict(), other.head.state_dict()
    return weights.keys() == others.keys() and all(torch.equal(weights[name], others[name]) for name in weights)


def test_a_small_file_gives_the_same_bits_prepared_or_not(tmp_path, reviews):
    folder = prepare("sentiment", reviews, tmp_path / "folder", seed=3)
    runs = [trained(data, tmp_path / name, seed=3) for name, data in (("a", reviews), ("b", folder))]
    assert equal(*runs)
    assert runs[0].run.predictions.read_text() == runs[1].run.predictions.read_text()


@pytest.mark.parametrize(
    ("task", "options"),
    [("translate", {}), ("frames", {"strips": 40}), ("digit", {}), ("caption", {"letters": 20})],
)
@pytest.mark.slow
def test_every_labelled_task_has_the_same_splits_prepared_or_not(tmp_path, task, options):
    found = find_task(task)
    config = make_config(
        found.config, {name: v for name, v in options.items() if v in found.data_sets or name != "data"}
    )
    prepare_data(found, config, tmp_path / "folder", [])
    again = read_splits(found, config_of(task, tmp_path / "folder"), [])
    assert again == found.read(config, [])


def test_the_options_that_read_are_those_of_the_folder(tmp_path, reviews):
    folder = prepare("sentiment", reviews, tmp_path / "folder", test_fraction=0.2)
    session = start(find_task("sentiment"), config_of("sentiment", folder, **SMALL), tmp_path / "run", [])
    assert session.config.test_fraction == 0.2
    assert session.config.target == "label"
    with pytest.raises(UsageError, match=r"prepared with --test-fraction 0\.2, not --test-fraction 0\.3; leave the"):
        start(find_task("sentiment"), config_of("sentiment", folder, test_fraction=0.3), tmp_path / "other", [])
    with pytest.raises(UsageError, match=r"has splits of its own; leave out --valid-data"):
        start(find_task("sentiment"), config_of("sentiment", folder, valid_data="v.csv"), tmp_path / "other", [])


@pytest.mark.parametrize("task", ["sentiment", "tag", "translate", "frames", "digit", "caption"])
def test_options_that_name_columns_and_splits_are_of_reading(task):
    from seqkit.config import options_of

    named = [n for n in options_of(find_task(task).config) if n.endswith(("_column", "_columns", "_data", "_fraction"))]
    assert {*named} <= {*reading_options(find_task(task))}


def test_a_source_that_has_changed_is_noted(tmp_path, reviews):
    source = tmp_path / "reviews.csv"
    source.write_bytes(reviews.read_bytes())
    folder = prepare("sentiment", source, tmp_path / "folder")
    source.write_text("text,label\n")
    notes = []
    read_splits(find_task("sentiment"), config_of("sentiment", folder), notes)
    assert [note for note in notes if "reviews.csv has changed since it was prepared" in note]


def test_a_folder_of_another_task_and_what_cannot_be_prepared_are_refused(tmp_path, reviews):
    folder = prepare("sentiment", reviews, tmp_path / "folder")
    with pytest.raises(SeqkitError, match="prepared for task 'sentiment', not 'text'"):
        read_splits(find_task("text"), config_of("text", folder), [])
    with pytest.raises(UsageError, match="is prepared already; run it"):
        prepare("sentiment", folder, tmp_path / "again")
    with pytest.raises(UsageError, match="the data of charlm cannot be prepared"):
        prepare("charlm", reviews, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_large_data_are_divided_without_leaks_and_in_one_way(tmp_path, reviews, large):
    notes = []
    folder = prepare("sentiment", reviews, tmp_path / "folder", notes)
    again = prepare("sentiment", reviews, tmp_path / "again")
    splits = read_splits(find_task("sentiment"), config_of("sentiment", folder), [])
    assert isinstance(splits.train, StoredExamples)
    texts = [{example.text for example in split} for split in (splits.train, splits.valid, splits.test)]
    assert sum(map(len, texts)) == len(set.union(*texts))
    assert sum(map(len, (splits.train, splits.valid, splits.test))) == 300
    assert 10 < len(splits.valid) < 60 and 10 < len(splits.test) < 60
    facts = [open_prepared(each, "sentiment").facts for each in (folder, again)]
    assert facts[0]["fingerprint"] == facts[1]["fingerprint"]
    assert any("1 row without text was left out" in note for note in notes)
    assert any("too large to be read as a whole" in note for note in notes)


def test_another_seed_divides_in_another_way(tmp_path, reviews, large):
    folders = [prepare("sentiment", reviews, tmp_path / str(seed), split_seed=seed) for seed in (1, 2)]
    one, other = (open_prepared(folder, "sentiment").facts["fingerprint"] for folder in folders)
    assert one != other


def test_no_more_than_so_many_examples_are_held_out(tmp_path, reviews, large):
    task = find_task("sentiment")
    manifest = prepare_data(task, config_of("sentiment", reviews), tmp_path / "folder", [], most=5)
    assert [manifest["splits"][name]["examples"] <= 6 for name in ("valid", "test")] == [True, True]
    assert HELD_OUT == 20_000


def test_a_label_seen_once_is_in_training(tmp_path, reviews, large):
    file = tmp_path / "rare.csv"
    file.write_text(reviews.read_text() + "".join(f"odd {n},rare{n}\n" for n in range(40)))
    splits = read_splits(find_task("sentiment"), config_of("sentiment", prepare("sentiment", file, tmp_path / "f")), [])
    assert {f"rare{n}" for n in range(40)} <= {example.label for example in splits.train}
    assert {example.label for example in splits.train.sample} >= {f"rare{n}" for n in range(40)}


def test_one_class_and_a_bad_row_stop_the_preparation(tmp_path, reviews, large):
    file = tmp_path / "one.csv"
    file.write_text("text,label\n" + "".join(f"text {n},a\n" for n in range(300)))
    with pytest.raises(SeqkitError, match="there is only one class, 'a'"):
        prepare("sentiment", file, tmp_path / "folder")
    file.write_text(reviews.read_text() + "no label,\n")
    with pytest.raises(SeqkitError, match=r"one\.csv:303: column 'label' is empty"):
        prepare("sentiment", file, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


class StopAt(Callback):
    """Asks the training to stop after a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        trainer.stopping = trainer.stopping or trainer.progress.step == self.step


def test_a_run_on_stored_examples_is_resumed_bit_for_bit(tmp_path, reviews, large):
    folder = prepare("sentiment", reviews, tmp_path / "folder")
    options = {"batch_size": 4}
    whole = trained(folder, tmp_path / "whole", **options)
    assert isinstance(whole.splits.train, StoredExamples)
    with pytest.raises(Stopped):
        trained(folder, tmp_path / "run", [StopAt(7)], **options)
    again = resume(tmp_path / "run", [])
    again.train()
    again.finish()
    assert equal(whole, again)
    assert load(tmp_path / "run").predict(["the film was good"])


def test_what_needs_all_examples_in_memory_is_refused(tmp_path, reviews, large):
    folder = prepare("sentiment", reviews, tmp_path / "folder")
    with pytest.raises(UsageError, match="--teacher needs all training examples in memory"):
        start(find_task("sentiment"), config_of("sentiment", folder, teacher="run"), tmp_path / "run", [])
    with pytest.raises(UsageError, match="--group-column needs all examples in memory"):
        prepare("sentiment", reviews, tmp_path / "other", group_column="label")


def test_data_that_changed_after_the_run_began_are_refused(tmp_path, reviews, large):
    folder = prepare("sentiment", reviews, tmp_path / "folder")
    with pytest.raises(Stopped):
        trained(folder, tmp_path / "run", [StopAt(2)])
    folder.rename(tmp_path / "old")
    prepare("sentiment", reviews, folder, split_seed=9)
    with pytest.raises(SeqkitError, match="have changed since the run began"):
        resume(tmp_path / "run", [])


def test_tags_pairs_and_frames_are_divided_one_by_one(tmp_path, large):
    words = tmp_path / "words.conll"
    words.write_text("".join(f"Anna{n} B-PER\nran O\n\n" for n in range(300)))
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"the word {n}\tle mot {n}\n" for n in range(300)))
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(60):
        rows = "".join(f"{number}.{n},{n},{'up' if n % 2 else 'down'}\n" for n in range(8))
        (frames / f"{number}.csv").write_text(f"x,y,label\n{rows}")
    for task, data, count in (("tag", words, 300), ("translate", pairs, 300), ("frames", frames, 60)):
        splits = read_splits(find_task(task), config_of(task, prepare(task, data, tmp_path / f"{task}-prepared")), [])
        assert isinstance(splits.train, StoredExamples)
        assert [len(splits.train) + len(splits.valid) + len(splits.test), len(splits.valid) > 0] == [count, True]
        in_memory = {repr(e) for split in vars(find_task(task).read(config_of(task, data), [])).values() for e in split}
        assert {repr(e) for split in (splits.train, splits.valid, splits.test) for e in split} == in_memory


def test_a_run_on_data_that_exceed_memory_prepares_them_beside_it(tmp_path, reviews, large, command, monkeypatch):
    monkeypatch.setattr("seqkit.runs.sizes.IN_MEMORY", 1000)
    # Those of a compressed file cannot be read row by row.
    packed = tmp_path / "reviews.csv.gz"
    packed.write_bytes(gzip.compress(reviews.read_bytes()))
    options = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    done = command("run", "sentiment", packed, "--out", tmp_path / "run", *options)
    assert done.returncode == 0, done.stderr
    assert f"the data are too large for memory and are prepared in {tmp_path / 'run.data'} first" in " ".join(
        done.stderr.split()
    )
    assert load(tmp_path / "run").config.data == str(tmp_path / "run.data")
    assert command("evaluate", tmp_path / "run").returncode == 0


def test_a_folder_that_was_prepared_in_the_same_way_is_taken_as_it_is(tmp_path, reviews):
    folder, notes = prepare("sentiment", reviews, tmp_path / "folder", min_count=2), []
    manifest = (folder / "prepared.json").read_bytes()
    prepare("sentiment", reviews, folder, notes, min_count=2)
    assert (folder / "prepared.json").read_bytes() == manifest
    assert notes == [f"{folder} was prepared from the same data with the same options before, and is as it was"]


def test_a_folder_that_was_prepared_in_another_way_is_refused_with_what_differs(tmp_path, reviews):
    data = tmp_path / "reviews.csv"
    data.write_bytes(reviews.read_bytes())
    folder = prepare("sentiment", data, tmp_path / "folder", seed=3)
    again = "choose another folder with --out, or remove it"
    with pytest.raises(UsageError, match=rf"folder exists already, and was prepared with --seed 3; {again}"):
        prepare("sentiment", data, folder)
    with pytest.raises(UsageError, match=rf"and was prepared with --test-fraction 0.1; {again}"):
        prepare("sentiment", data, folder, seed=3, test_fraction=0.2)
    with pytest.raises(UsageError, match=rf"and was prepared with no --weight-column; {again}"):
        prepare("sentiment", data, folder, seed=3, weight_column="weight")
    with pytest.raises(UsageError, match=rf"and has the data of {data}; {again}"):
        prepare("sentiment", data, folder, seed=3, valid_data=str(data))
    with pytest.raises(UsageError, match=rf"and has the data of {data}; {again}"):
        prepare("sentiment", reviews, folder, seed=3)
    data.write_text(data.read_text() + "one more,good\n")
    with pytest.raises(UsageError, match=rf"and {data} has changed since; {again}"):
        prepare("sentiment", data, folder, seed=3)
    (folder / "test.safetensors").write_bytes(b"")
    with pytest.raises(SeqkitError, match=r"test\.safetensors has 0 bytes, not .*; remove the folder, and prepare"):
        prepare("sentiment", data, folder, seed=3)
