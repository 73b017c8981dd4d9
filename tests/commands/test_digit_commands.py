"""Vectors on the command line: run, predict, evaluate and resume, on the digits and on a small file."""

import json
import math
import random

import pytest

SMALL = ["--hidden-size", "16", "--epochs", "8", "--batch-size", "8", "--set", "learning_rate=0.02", "--noise", "0.1"]


@pytest.fixture(scope="session")
def rings(tmp_path_factory):
    """200 points in two rings, one inside the other, which no line separates, and a column that never changes."""
    generator = random.Random(0)
    rows = []
    for number in range(200):
        radius, angle = 100 * (1 + number % 2) + generator.gauss(0, 10), generator.uniform(0, 2 * math.pi)
        rows.append(f"{radius * math.cos(angle):.4f},{radius * math.sin(angle):.4f},7,{('in', 'out')[number % 2]}")
    path = tmp_path_factory.mktemp("points") / "rings.csv"
    path.write_text("x,y,same,class\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def separated(rings, command, tmp_path_factory):
    """A finished run on the rings and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "rings"
    done = command("run", "digit", "--data", rings, "--out", out, *SMALL, "--epochs", "30")
    assert done.returncode == 0, done.stderr
    return out, done


def test_a_run_on_the_digits_beats_97_percent(seqkit, tmp_path):
    done = seqkit("run", "digit", "--out", tmp_path / "run", "--epochs", "20")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[1] == "1,259 examples to train, 179 to validate, 359 to test"
    lines = [*done.stderr.splitlines()[1:], *done.stdout.splitlines()[:-4]]
    # The command that is suggested names the folder, however long that is.
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert results["test"]["accuracy"] >= 0.97
    assert results["baseline"]["accuracy"] > 0.9
    assert "Confusion" in done.stdout and "Most confident mistakes" in done.stdout
    assert (tmp_path / "run/mistakes.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_of_ones_own_is_learned_where_no_line_separates_it(separated):
    results = json.loads((separated[0] / "results.json").read_text())
    assert results["test"]["accuracy"] > 0.95 > 0.7 > results["baseline"]["accuracy"]
    assert not (separated[0] / "mistakes.png").exists()
    lines = [json.loads(line) for line in (separated[0] / "predictions.jsonl").read_text().splitlines()]
    assert len(lines) == 40 and all(len(line["input"].split()) == 3 for line in lines)


def test_a_vector_is_predicted_with_commas_or_spaces(separated, command):
    # After -- a minus does not begin an option.
    done = command("predict", separated[0], "--json", "--", "100,0,7", "-150 150 7")
    predictions = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["label"] for line in predictions] == ["in", "out"]
    assert all(sum(line["probabilities"].values()) == pytest.approx(1) for line in predictions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2", "seqkit: the vector has 2 numbers, but the model takes 3: x to same\n"),
        ("1,2,many", "seqkit: same is 'many', which is not a usable number; correct it\n"),
    ],
)
def test_what_is_not_a_vector_is_refused_in_one_sentence(text, message, separated, command):
    done = command("predict", separated[0], text)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_a_run_is_evaluated_on_its_test_split_and_on_another_file(separated, command, tmp_path):
    own = json.loads(command("evaluate", separated[0], "--json").stdout)
    results = json.loads((separated[0] / "results.json").read_text())
    assert own == {"examples": 40, **results["test"]}
    path = tmp_path / "other.tsv"
    path.write_text("class\tsame\ty\tx\nin\t7\t0\t100\nin\t7\t-200\t0\n")
    other = json.loads(command("evaluate", separated[0], "--data", path, "--json").stdout)
    assert (other["examples"], other["accuracy"]) == (2, 0.5)
    path.write_text("class\ty\tx\nin\t0\t100\n")
    done = command("evaluate", separated[0], "--data", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"seqkit: {path}:1: there is no column 'same' for the model; add it\n"


def test_a_bad_number_stops_a_run_before_it_begins(command, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,label\n1,a\noops,b\n")
    done = command("run", "digit", "--data", path, "--out", tmp_path / "run")
    assert done.returncode == 1 and f"{path}:3: x is 'oops'" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_run_killed_in_mid_epoch_resumes_to_the_same_weights(rings, killed_and_resumed):
    # Noise and dropout draw from the random state, so it must be restored, too.
    killed_and_resumed("digit", "--data", rings, *SMALL, "--dropout", "0.2")
