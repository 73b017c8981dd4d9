"""`seqkit run text`: sets of labels, numbers and pairs of texts, from the file to the page."""

import csv
import json
import random
import signal
import subprocess
import time
from itertools import pairwise

import pytest

from seqkit import load
from tests.starting import Command

TOPICS = {"sport": ["goal", "match"], "money": ["bank", "loan"], "food": ["bread", "soup"]}
PLAIN = ["the", "of", "and", "in", "to", "it", "was"]


@pytest.fixture(scope="module")
def rows():
    """160 texts, each with some topics and a number that follows from them."""
    generator, made = random.Random(0), []
    for _ in range(160):
        topics = sorted(generator.sample(sorted(TOPICS), generator.choice((0, 1, 1, 2))))
        words = generator.choices(PLAIN, k=4) + [generator.choice(TOPICS[topic]) for topic in topics]
        generator.shuffle(words)
        made.append((" ".join(words), topics, len(topics) + generator.gauss(0, 0.1)))
    return made


@pytest.fixture(scope="module")
def tables(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    lines = [f"{text},{'|'.join(topics)},{number:.3f}\n" for text, topics, number in rows]
    (folder / "one.csv").write_text("text,topics,price\n" + "".join(lines))
    (folder / "lists.jsonl").write_text("".join(json.dumps({"text": t, "labels": s}) + "\n" for t, s, _ in rows))
    pairs = [f"{a}\t{b}\t{a.split()[0] == b.split()[0]}\n" for (a, *_), (b, *_) in pairwise(rows)]
    (folder / "pairs.tsv").write_text("question\tanswer\tlabel\n" + "".join(pairs))
    return folder


@pytest.fixture(scope="module")
def trained_on(tables, command, small, tmp_path_factory):
    """Trains on one of the tables; gives back the run and what was printed."""
    folder = tmp_path_factory.mktemp("runs")

    def train(name, file, *options):
        done = command("run", "text", "--data", tables / file, "--out", folder / name, *small, *options)
        assert done.returncode == 0, done.stderr
        return folder / name, done

    return train


@pytest.fixture(scope="module")
def labelled(trained_on):
    return trained_on("labels", "lists.jsonl", "--threshold", "auto")


@pytest.fixture(scope="module")
def priced(trained_on):
    return trained_on("price", "one.csv", "--label-column", "price")


@pytest.fixture(scope="module")
def paired(trained_on):
    return trained_on("pairs", "pairs.tsv", "--text-column", "question,answer")


def test_lists_make_a_run_of_label_sets_which_says_so(labelled):
    run, done = labelled
    assert "column 'labels' holds lists, so a text has a set of labels (--target" in done.stderr
    assert 'target = "labels"' in (run / "config.toml").read_text()
    results = json.loads((run / "results.json").read_text())
    assert results["metric"] == "micro_f1" and results["test"].keys() == {"micro_f1", "macro_f1", "exact_match"}
    assert results["thresholds"]["values"].keys() == results["labels"].keys() == TOPICS.keys()
    assert "A label is predicted from a probability of" in done.stdout
    assert results["test"]["micro_f1"] > 0.9


def test_sets_are_predicted_as_lines_json_and_columns(labelled, command, tables):
    run, _ = labelled
    done = command("predict", run, "the match and the bank", "of it was in")
    assert [line.split("\t")[::2] for line in done.stdout.splitlines()] == [
        ["money|sport", "the match and the bank"],
        ["(none)", "of it was in"],
    ]
    (facts,) = map(json.loads, command("predict", run, "the match", "--json").stdout.splitlines())
    assert facts["labels"] == ["sport"] and facts["probabilities"].keys() == TOPICS.keys()
    out = command("predict", run, "--input", tables / "one.csv").stdout
    first = next(csv.DictReader(out.splitlines()))
    assert json.loads(first["predicted_labels"]) == list(load(run).predict([first["text"]])[0].labels)


def test_decimals_make_a_run_of_numbers_with_intervals(priced, command):
    run, done = priced
    assert "holds mostly different decimals" in done.stderr
    results = json.loads((run / "results.json").read_text())
    assert (results["metric"], results["better"]) == ("rmse", "lower")
    assert results["test"].keys() == results["baseline"].keys() > {"mae", "rmse", "r2", "coverage"}
    assert results["intervals"]["probability"] == 0.9 and "Largest errors" in done.stdout
    number, limits, _ = command("predict", run, "a goal in the bank").stdout.split("\t")
    low, high = map(float, limits.split(" to "))
    assert low < float(number) < high
    (facts,) = map(json.loads, command("predict", run, "a goal", "--json").stdout.splitlines())
    assert facts["low"] < facts["number"] < facts["high"]


def test_pairs_are_predicted_from_columns_tabs_marks_and_lists(paired, command, tables, tmp_path):
    run, _ = paired
    first, second = (tables / "pairs.tsv").read_text().splitlines()[1].split("\t")[:2]
    from_file = command("predict", run, "--input", tables / "pairs.tsv").stdout.splitlines()[1].split("\t")
    (tmp_path / "lines.txt").write_text(f"{first}\t{second}\n")
    for given in ([f"{first}\t{second}"], [f"{first} ||| {second}"], ["--input", tmp_path / "lines.txt"]):
        label, probability, *_ = command("predict", run, *given).stdout.split("\t")
        assert label == from_file[3] and float(probability) == pytest.approx(max(map(float, from_file[4:])), abs=1e-3)
    assert load(run).predict([(first, second)])[0].label == from_file[3]
    done = command("predict", run, "only one")
    assert done.returncode == 1 and "the model reads two texts, with a tab or ||| between them" in done.stderr
    done = command("predict", run, "--input", tables / "one.csv", "--text-column", "text")
    assert done.returncode == 1 and "one.csv:2: the model reads two texts" in done.stderr


def test_every_target_is_evaluated_reported_inspected_and_exported(labelled, priced, paired, command, tables):
    pytest.importorskip("onnxruntime")
    for (run, _), text in ((labelled, "the goal"), (priced, "the goal"), (paired, "the goal ||| the bank")):
        scores = json.loads(command("evaluate", run, "--json").stdout)
        del scores["examples"]
        assert scores == pytest.approx(json.loads((run / "results.json").read_text())["test"])
        for words in (["report", run], ["inspect", run, text, "--gradient-flow"], ["export", run]):
            done = command(*words)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--text-column", "text,price,topics"], "--text-column names 3 columns; name one, or two"),
        (["--label-column", "price,nothing"], "one.csv:1: no column 'nothing'"),
        (["--label-column", "topics", "--target", "number"], "one.csv:2: column 'topics' is"),
        (["--label-column", "price", "--class-weight", "balanced"], "--class-weight is for labels, and here a number"),
        (
            ["--label-column", "price", "--threshold", "0.3"],
            "--threshold is for labels, and here a number is predicted",
        ),
        (["--label-column", "topics", "--target", "labels", "--threshold", "2"], "threshold must be auto, or a number"),
        (["--label-column", "topics", "--target", "lables"], "did you mean 'labels'"),
    ],
)
def test_what_does_not_go_together_is_refused_before_a_folder_is_made(tables, command, tmp_path, options, what):
    done = command("run", "text", "--data", tables / "one.csv", "--out", tmp_path / "run", *options)
    assert done.returncode in (1, 2) and what in done.stderr and not (tmp_path / "run").exists()


def test_a_label_of_a_given_split_that_training_lacks_is_named(tables, command, tmp_path):
    (tmp_path / "test.csv").write_text("text,topics\nthe goal,sport|chess\n")
    options = ["--label-column", "topics", "--target", "labels", "--test-data", tmp_path / "test.csv"]
    done = command("run", "text", "--data", tables / "one.csv", *options)
    assert done.returncode == 1 and "test.csv:2: label 'chess' is not in the training split" in done.stderr


def test_a_number_that_never_changes_is_refused(command, tmp_path):
    (tmp_path / "same.csv").write_text("text,y\n" + "".join(f"w{n},4.5\n" for n in range(30)))
    done = command("run", "text", "--data", tmp_path / "same.csv", "--target", "number")
    assert (
        done.returncode == 1 and "same.csv:2: column 'y' is 4.5 in every text; there is nothing to learn" in done.stderr
    )


def test_a_task_without_data_asks_for_them_and_a_data_set_keeps_its_labels(command):
    done = command("run", "text")
    assert done.returncode == 2 and "text has no data set of its own; give --data" in done.stderr
    done = command("run", "sentiment", "--target", "number")
    assert done.returncode == 2 and "--target number is for a file; rotten-tomatoes has a label" in done.stderr


def test_doctor_counts_the_labels_of_sets_and_names_bad_numbers(command, tables, tmp_path):
    done = command("doctor", "text", tables / "lists.jsonl", "--no-timing")
    assert done.returncode == 0 and "Labels of the training split (3)" in done.stdout
    (tmp_path / "bad.csv").write_text("text,y\n" + "".join(f"w{n},{n}.5\n" for n in range(30)) + "x,n/a\n")
    done = command("doctor", "text", tmp_path / "bad.csv", "--target", "number", "--no-timing")
    assert done.returncode == 1 and "bad.csv:32: column 'y' is 'n/a', but a finite number is predicted" in done.stdout


@pytest.mark.parametrize(
    ("target", "data", "column", "metric"),
    [("number", "one.csv", "price", "rmse"), ("labels", "lists.jsonl", "labels", "micro_f1")],
)
def test_a_comparison_of_numbers_or_sets_that_was_stopped_ends_with_the_same_scores(
    target, data, column, metric, tables, small, command, tmp_path
):
    words = ["text", "--data", tables / data, "--target", target, "--label-column", column, *small, "--epochs", "4"]
    compare = ["compare", *map(str, words), "--cells", "gru", "--seeds", "1", "--out", str(tmp_path / "out")]
    with Command(*compare, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + 60
        while time.monotonic() < end and not (tmp_path / "out/gru-0/checkpoint/last.safetensors").exists():
            time.sleep(0.005)
        running.send_signal(signal.SIGTERM)
        told = running.communicate(timeout=60)[1]
    assert running.returncode == 128 + signal.SIGTERM, told
    done = command(*compare)
    assert done.returncode == 0 and f"text: {metric} on the test split" in done.stdout, done.stderr
    assert command("run", *words, "--cell", "gru", "--out", tmp_path / "whole").returncode == 0
    stopped, whole = (json.loads((tmp_path / run / "results.json").read_text()) for run in ("out/gru-0", "whole"))
    assert stopped["test"] == whole["test"] and metric in whole["test"]
    facts = json.loads((tmp_path / "out/compare.json").read_text())
    assert facts["cells"]["gru"]["scores"] == [whole["test"][metric]]
