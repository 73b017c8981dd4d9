"""The suite: which data are drawn for a run, what is scored, what is repeated, and what the table says."""

import json
import random
from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.suite.__main__ import main
from benchmarks.suite.datasets import BUILT_IN, DataSet, SplitFiles, choose, parse
from benchmarks.suite.progress import Suite, seconds_left
from benchmarks.suite.reading import prepare
from benchmarks.suite.results import Key, Results, code_version
from benchmarks.suite.runs import ALL, Request, Runner, check_settings, plan, settings_of
from benchmarks.suite.single import run, with_given_splits
from benchmarks.suite.subsets import LabelledTexts, Pairs
from benchmarks.suite.table import ABOVE, BELOW, EQUAL, baseline_of, markdown, rows_of
from seqkit.commands.run import config_values
from seqkit.config import FromData, make_config, options_of, read_toml
from seqkit.data import Example, SourceLocation
from seqkit.data.pairs import Pair
from seqkit.errors import SeqkitError, UsageError
from seqkit.runs import find_task

PLACE = SourceLocation("data.csv", 2)
WORDS = ["red", "old", "big", "new", "cat", "dog", "box", "sun", "tree"]

# Many of these train a run.
pytestmark = pytest.mark.command


def texts(**counts):
    return [Example(f"{label} {n}", label, PLACE) for label, count in counts.items() for n in range(count)]


def write_labelled(path, count=90):
    rows = [f"text {n},{('good', 'bad', 'odd')[n % 3]}" for n in range(count)]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return path


def write_points(path):
    generator = random.Random(0)
    rows = [f"{generator.gauss(side, 1):.3f},{generator.gauss(0, 1):.3f},{side}" for side in (-1, 1) for _ in range(60)]
    path.write_text("x,y,class\n" + "\n".join(rows) + "\n")
    return path


def write_pairs(path):
    lines = [f"{a} {b}\t{b.upper()} {a.upper()}" for a in WORDS for b in WORDS if a != b]
    # A source with two targets.
    path.write_text("\n".join([*lines, "red old\tSECOND"]) + "\n")
    return path


def write_tagged(path):
    lines = [f"{a} DET\n{b} NOUN\n" for a in WORDS for b in WORDS]
    path.write_text("\n".join(lines))
    return path


def write_text(path, lines=400):
    generator = random.Random(0)
    path.write_text("".join(f"{' '.join(generator.choices(WORDS, k=8))}.\n" for _ in range(lines)))
    return path


def write_clips(folder):
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(30):
        rows = generator.normal(size=(6, 2)).round(3).tolist()
        lines = [f"{a},{b},{('left', 'right')[a > 0]}" for a, b in rows]
        (folder / f"{number}.csv").write_text("place,speed,label\n" + "\n".join(lines) + "\n")
    return folder


def write_pictures(folder):
    folder.mkdir()
    captions = ["file\tcaption"]
    for number in range(30):
        pixels = np.random.default_rng(number).integers(0, 255, (32, 32), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        captions.append(f"{number}.png\tpicture {number}")
    (folder / "captions.tsv").write_text("\n".join(captions) + "\n")
    return folder


OWN = {
    "sentiment": ("data.csv", write_labelled),
    "digit": ("data.csv", write_points),
    "translate": ("data.tsv", write_pairs),
    "g2p": ("data.tsv", write_pairs),
    "tag": ("data.conll", write_tagged),
    "charlm": ("data.txt", write_text),
    "frames": ("data", write_clips),
    "caption": ("data", write_pictures),
}


def own_data(task, folder):
    name, write = OWN[task]
    return DataSet("own", task, SplitFiles(write(folder / name)))


def content(example):
    """What an example says, wherever it comes from and however its numbers are held in memory."""
    if hasattr(example, "clip"):
        return example.clip.features.round(6).tolist(), example.labels
    if hasattr(example, "picture"):
        return example.picture.digest, example.captions
    return [getattr(example, f.name) for f in fields(example) if f.name not in ("location", "start", "stop")]


def contents(examples):
    """What all of them say, sorted; a source with two targets is one pair in some splits and two in others."""
    pairs = [replace(e, references=(text,)) for e in examples if isinstance(e, Pair) for text in e.references]
    return sorted(str(content(example)) for example in pairs or examples)


def read_again(task, files):
    """The splits that a run reads from the files which the suite gives it."""
    task = find_task(task)
    given = {name: str(path) for name, path in files.items()}
    if "test_data" not in options_of(task.config):
        task = with_given_splits(task, given.pop("test_data"), given.pop("valid_data", None))
    return task.read(make_config(task.config, config_values(task, None, (), {**given, "seed": "3"})), [])


# Subsets


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(3, 60), min_size=2), st.integers(12, 150), st.integers(0, 9)
)
def test_a_subset_has_the_mix_of_labels_of_the_whole(counts, size, seed):
    examples = texts(**counts)
    drawn = Counter(example.label for example in LabelledTexts().draw(examples, size, seed))
    assert sum(drawn.values()) == min(size, len(examples))
    for label, count in counts.items():
        assert drawn[label] >= 3
        # Each of up to four labels may take two places from the others for its three inputs, and a place is rounded.
        assert abs(drawn[label] - size * count / len(examples)) <= 10 or drawn[label] == count


def test_large_labels_keep_their_proportions_exactly():
    drawn = Counter(example.label for example in LabelledTexts().draw(texts(a=800, b=150, c=50), 100, 0))
    assert drawn == {"a": 80, "b": 15, "c": 5}


def test_a_subset_follows_from_its_seed_and_holds_every_smaller_one():
    examples, kind = texts(a=200, b=100), LabelledTexts()
    small, large, other = (kind.draw(examples, size, seed) for size, seed in ((50, 1), (120, 1), (50, 2)))
    assert small == kind.draw(examples, 50, 1) != other
    assert set(small) < set(large)
    assert large == [example for example in examples if example in set(large)]


def test_all_targets_of_a_source_are_drawn_together():
    pairs = [Pair(f"s{n}", (target,), PLACE) for n in range(40) for target in ("one", "two")]
    drawn = Pairs().draw(pairs, 10, 0)
    assert len(drawn) == 20
    assert set(Counter(pair.source for pair in drawn).values()) == {2}


@pytest.mark.parametrize("task", OWN)
def test_a_run_reads_exactly_the_splits_that_the_suite_holds(task, tmp_path):
    data = own_data(task, tmp_path)
    runner = Runner(tmp_path / "suite", [], "test")
    splits = runner.prepared(data).splits
    again = read_again(task, dict(runner.files(Request(data, ALL, 0))))
    for name in ("train", "valid", "test"):
        assert contents(getattr(again, name)) == contents(getattr(splits, name)), name


@pytest.mark.parametrize("task", OWN)
@pytest.mark.parametrize("split", ["test", "valid"])
def test_a_subset_is_split_by_the_run_and_scored_on_a_split_that_never_changes(task, split, tmp_path):
    data = own_data(task, tmp_path)
    runner = Runner(tmp_path / "suite", [], split)
    splits = runner.prepared(data).splits
    # A thousand characters of running text are one example.
    sizes = ("3", "6") if task == "charlm" else ("15", "18")
    for size, seed in ((sizes[0], 0), (sizes[1], 1)):
        files = dict(runner.files(Request(data, size, seed)))
        assert "valid_data" not in files
        again = read_again(task, files)
        assert contents(again.test) == contents(getattr(splits, split))
        if task != "charlm":
            drawn = again.train + again.valid
            assert runner.prepared(data).kind.count(drawn) == int(size)
            assert set(contents(drawn)) <= set(contents(splits.train))


def test_subsets_of_running_text_are_pieces_of_the_training_split(tmp_path):
    data = own_data("charlm", tmp_path)
    splits, kind = prepare(data, tmp_path)
    whole = "".join(splits.train[0].blocks())
    pieces = {"".join(kind.draw(splits.train, 4, seed)[0].blocks()) for seed in range(5)}
    assert len(pieces) > 1
    for piece in pieces:
        assert len(piece) == 4000 and piece in whole
        assert whole.startswith(piece) or whole[whole.index(piece) - 1] == "\n"


def test_the_validation_split_goes_with_the_whole_training_split_unless_it_is_scored(tmp_path):
    data = own_data("sentiment", tmp_path)
    for split, options in (("test", {"data", "test_data", "valid_data"}), ("valid", {"data", "test_data"})):
        runner = Runner(tmp_path / split, [], split)
        assert dict(runner.files(Request(data, ALL, 0))).keys() == options


def test_punctuation_is_restored_from_a_text_of_the_same_words(tmp_path):
    kind = prepare(DataSet("own", "tag", SplitFiles(write_tagged(tmp_path / "a.conll"))), tmp_path).kind
    assert kind.data_option == "data"
    path = tmp_path / "text.txt"
    path.write_text("\n".join(f"I saw {a}, and Mr. {b.title()} DID; why? It's fine!" for a in WORDS for b in WORDS))
    data = DataSet("own", "tag", None, {"text": str(path)})
    runner = Runner(tmp_path / "suite", [], "test")
    files = dict(runner.files(Request(replace(data, name="punctuation"), ALL, 0)))
    assert files.keys() == {"text", "test_data", "valid_data"}
    splits = runner.prepared(replace(data, name="punctuation")).splits
    again = read_again("tag", files)
    assert contents(again.train) == contents(splits.train)
    assert contents(again.test) == contents(splits.test)


def test_given_test_files_are_scored_as_they_are_by_a_task_without_options_for_them(tmp_path):
    train, test = write_points(tmp_path / "train.csv"), tmp_path / "test.csv"
    test.write_text("x,y,class\n9,9,1\n-9,9,-1\n")
    splits, _ = prepare(DataSet("own", "digit", SplitFiles(train, None, test)), tmp_path)
    assert [example.text for example in splits.test] == ["9 9", "-9 9"]
    assert len(splits.train) + len(splits.valid) == 120


def test_scikit_learns_tables_are_read_whole(tmp_path):
    splits, kind = prepare(DataSet("wine", "digit"), tmp_path)
    assert len(splits.train) + len(splits.valid) + len(splits.test) == 178
    assert len(kind.names) == 13


# Data sets


def test_without_names_all_built_in_data_sets_are_taken():
    assert [data.name for data in choose((), ())] == list(BUILT_IN)
    assert {data.name for data in choose((), ("g2p", "charlm"))} == {"cmudict", "python-reference"}
    for name, task in BUILT_IN.items():
        own = find_task(task).data_sets
        assert name in own or name in ("iris", "wine", "breast-cancer"), name


def test_files_are_training_test_and_between_them_validation(tmp_path):
    a, b, c = (write_labelled(tmp_path / f"{name}.csv") for name in "abc")
    assert parse(f"own={a}") == DataSet("own", "sentiment", SplitFiles(a))
    assert parse(f"own={a}:{b}").files == SplitFiles(a, None, b)
    assert parse(f"own={a}:{b}:{c}").files == SplitFiles(a, b, c)


def test_the_files_of_a_folder_are_known_by_their_names(tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / f"en_x-ud-{split}.conllu").write_text("")
        (tmp_path / f"en_x-ud-{split}.txt").write_text("")
    (tmp_path / "LICENSE.txt").write_text("")
    names = ("en_x-ud-train.conllu", "en_x-ud-dev.conllu", "en_x-ud-test.conllu")
    assert parse(f"own={tmp_path}") == DataSet("own", "tag", SplitFiles(*(tmp_path / name for name in names)))
    write_clips(tmp_path / "clips")
    assert parse(f"own:frames={tmp_path / 'clips'}").files == SplitFiles(tmp_path / "clips")


def test_the_only_task_named_is_that_of_all_files(tmp_path):
    path = write_pairs(tmp_path / "words.tsv")
    assert parse(f"own={path}", ["g2p"]).task == "g2p"
    with pytest.raises(UsageError, match=r"--data own:TASK=words\.tsv"):
        parse(f"own={path}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rotten-tomatos", "did you mean 'rotten-tomatoes'"),
        ("own=nothing.csv", "no file .*nothing.csv"),
        ("own=a.csv:a.csv:a.csv:a.csv", "TRAIN:VALID:TEST"),
        ("own:sentimant=a.csv", "did you mean 'sentiment'"),
        ("a/b=a.csv", "cannot be called 'a/b'"),
    ],
)
def test_a_data_set_that_cannot_be_is_refused(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_labelled(tmp_path / "a.csv")
    with pytest.raises(UsageError, match=message):
        parse(text)


def test_two_training_files_in_a_folder_are_refused(tmp_path):
    for name in ("fine_train.csv", "binary_train.csv"):
        write_labelled(tmp_path / name)
    with pytest.raises(UsageError, match="several files for train"):
        parse(f"own={tmp_path}")


# Which runs there are


def test_a_run_has_the_defaults_of_its_task_but_for_its_data_seed_and_settings(tmp_path):
    data, test = write_labelled(tmp_path / "data.csv"), write_labelled(tmp_path / "test.csv", count=9)
    run("sentiment", {"data": str(data), "test_data": str(test)}, ["epochs=1", "hidden_size=8"], 3, tmp_path / "run")
    values = read_toml(tmp_path / "run/config.toml")
    changed = {"data": str(data), "test_data": str(test), "epochs": 1, "hidden_size": 8, "seed": 3}
    config = find_task("sentiment").config(**changed)
    made = make_config(type(config), {key: value for key, value in values.items() if key != "task"})
    from_data = [name for name in values if isinstance(getattr(config, name, None), FromData)]
    assert replace(made, **{name: getattr(config, name) for name in from_data}) == config
    assert (tmp_path / "run/results.json").exists()


def test_every_data_set_and_size_comes_before_the_second_seed():
    one, two = DataSet("a", "tag"), DataSet("b", "tag")
    runs = [(r.data.name, r.size, r.seed) for r in plan([one, two], ["300", ALL], 2)]
    assert runs[:4] == [("a", "300", 0), ("a", ALL, 0), ("b", "300", 0), ("b", ALL, 0)]
    assert [seed for _, _, seed in runs[4:]] == [1, 1, 1, 1]


def test_an_option_goes_to_the_tasks_that_have_it():
    settings = ["epochs=2", "cell=gru"]
    assert settings_of("sentiment", settings) == ("epochs=2", "cell=gru")
    assert settings_of("digit", settings) == ("epochs=2",)
    with pytest.raises(UsageError, match="did you mean 'epochs'"):
        check_settings(["sentiment", "digit"], ["epoch=2"])


class Scripted(Runner):
    """A runner that trains nothing."""

    def __init__(self, folder, settings=(), split="test"):
        super().__init__(folder, settings, split)
        self.ran = []

    def run(self, request):
        self.ran.append((request.size, request.seed))
        if request.seed == 13:
            raise SeqkitError("it broke")
        entry = {"task": request.data.task, "metric": "accuracy", "better": "higher", "model": 0.75, "baseline": 0.5}
        place = {"processor": "P", "cores": 2, "threads": 1, "native": None, "python": "3", "versions": {}}
        return {**entry, "wall_seconds": 2.0, "splits": self.splits_of(request.data), "results": {}}, place


def carried_out(folder, data, sizes=("20", ALL), seeds=1, any_code=False, code="now", **options):
    runner = Scripted(folder / "suite", **options)
    suite = Suite(plan([data], sizes, seeds), runner, Results(folder / "results.json", any_code), code)
    failures = suite.carry_out()
    return runner.ran, failures


def test_a_size_as_large_as_the_training_split_is_skipped(tmp_path):
    data = own_data("sentiment", tmp_path)
    ran, _ = carried_out(tmp_path, data, ("20", "70", "72", "1000", ALL))
    assert ran == [("20", 0), ("70", 0), (ALL, 0)]


def test_a_result_that_is_there_is_not_rebuilt(tmp_path):
    data = own_data("sentiment", tmp_path)
    assert carried_out(tmp_path, data)[0] == [("20", 0), (ALL, 0)]
    assert carried_out(tmp_path, data, seeds=2)[0] == [("20", 1), (ALL, 1)]
    assert carried_out(tmp_path, data, seeds=2)[0] == []
    assert len(json.loads((tmp_path / "results.json").read_text())["runs"]) == 4


def test_other_options_another_split_and_changed_data_are_other_runs(tmp_path):
    data = own_data("sentiment", tmp_path)
    again = [("20", 0), (ALL, 0)]
    assert carried_out(tmp_path, data)[0] == again
    assert carried_out(tmp_path, data, settings=["epochs=2"])[0] == again
    assert carried_out(tmp_path, data, split="valid")[0] == again
    write_labelled(data.files.train, count=93)
    assert carried_out(tmp_path, own_data("sentiment", tmp_path))[0] == []
    write_labelled(data.files.train, count=93)
    assert carried_out(tmp_path, DataSet("own", "sentiment", data.files))[0] == again


def test_results_of_other_code_count_only_where_that_is_requested(tmp_path):
    data = own_data("sentiment", tmp_path)
    assert len(carried_out(tmp_path, data)[0]) == 2
    assert carried_out(tmp_path, data, code="other", any_code=True)[0] == []
    assert len(carried_out(tmp_path, data, code="other")[0]) == 2


def test_a_run_that_fails_stops_no_other_and_is_tried_again(tmp_path, capsys):
    data = own_data("sentiment", tmp_path)
    ran, failures = carried_out(tmp_path, data, ["20"], seeds=15)
    assert failures == 1 and len(ran) == 15
    assert "own 20, seed 13: it broke" in capsys.readouterr().err
    assert carried_out(tmp_path, data, ["20"], seeds=15)[0] == [("20", 13)]


def test_data_that_cannot_be_read_are_reported_once(tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text("text,label\nonly one class,a\nin this file,a\n")
    ran, failures = carried_out(tmp_path, DataSet("own", "sentiment", SplitFiles(path)), ["20", ALL], seeds=3)
    assert (ran, failures) == ([], 1)
    assert capsys.readouterr().err.count("there is only one class") == 1


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "results.json").write_text('{"format": 99}')
    with pytest.raises(SeqkitError, match="--out"):
        Results(tmp_path / "results.json")


def test_the_code_version_does_not_change_with_prose_and_changes_with_code(tmp_path):
    source = '"""Doc."""\n\n\ndef f(x: int) -> int:\n    """Doubles."""\n    return 2 * x  # twice\n'
    reworded = '"""Words."""\ndef f(x: int) -> int:\n    """Other words."""\n    return 2 * x\n'
    versions = []
    for text in (source, reworded, source.replace("2 *", "3 *")):
        (tmp_path / "module.py").write_text(text)
        versions.append(code_version(tmp_path))
    (tmp_path / "kernel.cpp").write_text("int x;")
    versions.append(code_version(tmp_path))
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_the_time_left_is_that_of_the_same_data_and_size_if_known():
    a, b = DataSet("a", "tag"), DataSet("b", "tag")
    entries = [
        {"data": "a", "size": "300", "wall_seconds": 10},
        {"data": "a", "size": "300", "wall_seconds": 20},
        {"data": "a", "size": ALL, "wall_seconds": 90},
    ]
    assert seconds_left([Request(a, "300", 2)], entries) == 15
    assert seconds_left([Request(a, "1000", 0), Request(b, "300", 0)], entries) == 40 + 40


# The table


def entry(size, seed, model, baseline, better="higher", split="test", task="sentiment"):
    key = Key("films", "", size, seed, split, "", "code")
    scores = {"metric": "accuracy", "better": better, "model": model, "baseline": baseline}
    return {**key._asdict(), "task": task, **scores, "wall_seconds": 10.0 + seed, "environment": "here"}


@pytest.mark.parametrize(
    ("models", "baselines", "better", "verdict"),
    [
        # Differences 0.02, 0.03, 0.04: mean 0.03, deviation 0.01.
        ([0.72, 0.73, 0.74], [0.7, 0.7, 0.7], "higher", ABOVE),
        ([0.72, 0.73, 0.74], [0.7, 0.7, 0.7], "lower", BELOW),
        # Differences 0.04, -0.02, 0.01: mean 0.01, deviation 0.03.
        ([0.74, 0.68, 0.71], [0.7, 0.7, 0.7], "higher", EQUAL),
        # Both vary a lot, but together: differences are 0.01 each time.
        ([0.61, 0.71, 0.81], [0.6, 0.7, 0.8], "higher", ABOVE),
        ([0.69], [0.7], "higher", BELOW),
        ([0.7], [0.7], "higher", EQUAL),
    ],
)
def test_the_verdict_is_that_of_the_differences_seed_by_seed(models, baselines, better, verdict):
    pairs = enumerate(zip(models, baselines, strict=True))
    (row,) = rows_of([entry("300", seed, model, baseline, better) for seed, (model, baseline) in pairs])
    assert row.verdict == verdict


def test_the_table_shows_means_deviations_and_what_lies_below():
    scores = [(0.6, 0.7), (0.62, 0.7), (0.64, 0.7)]
    entries = [entry("300", seed, *pair) for seed, pair in enumerate(scores)] + [entry(ALL, 0, 0.9, 0.8)]
    place = {"processor": "A processor", "cores": 2, "threads": 1, "python": "3.11", "versions": {"torch": "2"}}
    lines = markdown(entries, {"here": place}).splitlines()
    assert lines[0].startswith("Scores on the test split")
    assert lines[0].endswith("Of 2 rows 1 are above their baseline, 0 equal, 1 below.")
    assert "| films | sentiment | 300 | 3 | accuracy | 0.620 ± 0.020 | 0.700 ± 0.000 | **below** | 11 |" in lines
    assert "| films | sentiment | all | 1 | accuracy | 0.900 | 0.800 | above | 10 |" in lines
    assert any("A processor, 2 cores, 1 threads; Python 3.11, torch 2; code code" in line for line in lines)


@pytest.mark.parametrize("task", OWN)
def test_the_baseline_of_every_task_has_a_name(task):
    assert baseline_of(task).endswith(".") and len(baseline_of(task)) < 110


# The whole of it


def test_the_command_runs_scores_and_continues(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_points(tmp_path / "points.csv")
    words = ["--data", "own:digit=points.csv", "--sizes", "30,500", "--seeds", "1", "--set", "epochs=2"]
    words += ["--set", "own.label_column=class", "--out", "out.json"]
    first, second = (CliRunner().invoke(main, words) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "1/2  own 30, seed 0: accuracy" in first.stderr and second.stderr == ""
    assert first.stdout == second.stdout == (tmp_path / "out.md").read_text()
    kept = json.loads((tmp_path / "out.json").read_text())
    (only,) = kept["runs"]
    assert only["model"] == only["results"]["test"]["accuracy"] and only["results"]["epochs"] == 2
    assert only["baseline"] == only["results"]["baseline"]["accuracy"]
    assert (only["size"], only["options"]) == ("30", "epochs=2,own.label_column=class")
    # 24 test rows and 12 to validate of 120.
    assert only["splits"] == {"train": 84, "valid": 12, "test": 24}
    assert kept["environments"][only["environment"]]["threads"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sizes", "many"], "--sizes takes whole numbers"),
        (["--tasks", "sentimant"], "did you mean 'sentiment'"),
        (["--set", "nobody.epochs=1"], "unknown data set 'nobody'"),
        (["--set", "epoch=1"], "did you mean 'epochs'"),
        (["--tasks", "g2p", "--data", "iris"], "none of these data sets is for g2p"),
    ],
)
def test_what_cannot_be_is_refused_before_any_run(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2 and message in done.stderr
    assert list(tmp_path.iterdir()) == []
