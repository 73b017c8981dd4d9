"""``seqkit ensemble``, and the commands that take what it makes."""

import json
import shutil

import numpy as np
import pytest

from seqkit import load, runtime
from tests.answers import alike


@pytest.fixture(scope="module")
def members(phrases, pointed, points, command, tmp_path_factory):
    """A folder with two runs of vectors, and two of translation."""
    folder = tmp_path_factory.mktemp("members")
    shutil.copytree(pointed, folder / "points-0")
    options = {
        "points": ["digit", "--data", points, "--hidden-size", "8", "--epochs", "3"],
        "phrases": ["translate", "--data", phrases, "--tokenizer", "word", "--hidden-size", "8", "--epochs", "1"],
    }
    for name, seed in (("points", 1), ("phrases", 0), ("phrases", 1)):
        out = folder / f"{name}-{seed}"
        done = command("run", *options[name], "--seed", seed, "--split-seed", 0, "--out", out)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def ensemble(members, command):
    """What the command printed."""
    done = command("ensemble", members / "points-0", members / "points-1", "--out", members / "points")
    assert done.returncode == 0, done.stderr
    return done


def test_the_command_shows_the_ensemble_its_members_and_the_baseline_within_80_columns(members, ensemble):
    results = json.loads((members / "points/results.json").read_text())
    average = sum(member["test"]["accuracy"] for member in results["members"]) / 2
    line = next(line for line in ensemble.stdout.splitlines() if line.startswith("accuracy"))
    expected = [results["test"]["accuracy"], average, results["baseline"]["accuracy"]]
    assert [float(cell) for cell in line.split()[1:]] == pytest.approx(expected, abs=5e-5)
    folder = str(members)
    assert all(len(line) <= 80 for line in ensemble.stdout.splitlines() if folder not in line)
    page = (members / "points/report.html").read_text()
    assert "Its members" in page
    assert "points-1" in page
    assert "To repeat the run" not in page


def test_evaluating_gives_the_scores_of_the_results_and_the_page_can_be_rebuilt(members, ensemble, command):
    results = json.loads((members / "points/results.json").read_text())
    scores = json.loads(command("evaluate", members / "points", "--json").stdout)
    assert {name: scores[name] for name in results["test"]} == results["test"]
    shutil.copytree(members / "points", members / "again")
    for name in ("report.html", "report.json"):
        (members / "again" / name).unlink()
    done = command("report", members / "again")
    assert done.returncode == 0, done.stderr
    assert "Its members" in (members / "again/report.html").read_text()


@pytest.mark.parametrize("format_name", ["onnx", "torch"])
def test_an_export_is_one_graph_that_answers_as_the_ensemble_does(members, ensemble, command, tmp_path, format_name):
    done = command("export", members / "points", "--format", format_name, "--out", tmp_path / "files")
    assert done.returncode == 0, done.stderr
    if format_name == "torch":
        return
    onnxruntime = pytest.importorskip("onnxruntime")
    model = load(members / "points")
    session = onnxruntime.InferenceSession((tmp_path / "files/model.onnx").read_bytes())
    inputs = ["0.5 0.1 7", "-0.9 0.3 7", "0 0 7"]
    vectors = model.codec.collate([model.codec.encode(text) for text in inputs]).vectors.numpy()
    (probabilities,) = session.run(["probabilities"], {"vectors": vectors})
    expected = [[row[label] for label in model.codec.labels] for row in model.predict_proba(inputs)]
    # float32, and the graph sums in an order of its own.
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    assert alike(runtime.load(tmp_path / "files").predict(inputs), model.predict(inputs))


def test_what_writes_is_refused_an_export_but_predicts(members, command):
    done = command("ensemble", members / "phrases-0", members / "phrases-1", "--out", members / "phrases")
    assert done.returncode == 0, done.stderr
    assert not (members / "phrases/attention.svg").exists()
    done = command("predict", members / "phrases", "red old", "--json", "--set", "n_best=2")
    assert len(json.loads(done.stdout)["n_best"]) == 2
    done = command("export", members / "phrases", "--out", members / "files")
    assert (done.returncode, "export its members one by one" in done.stderr) == (2, True)
    done = command("inspect", members / "phrases", "red old")
    assert (done.returncode, "inspect one of its members" in done.stderr) == (2, True)
    assert command("inspect", members / "phrases/members/1", "red old").returncode == 0


def test_members_of_different_splits_are_joined_but_neither_scored_nor_evaluated_without_data(
    members, points, command, tmp_path
):
    out = tmp_path / "run"
    options = ["--data", points, "--hidden-size", "8", "--epochs", "1", "--seed", "7", "--out", out]
    assert command("run", "digit", *options).returncode == 0
    done = command("ensemble", out, members / "points-0", "--out", tmp_path / "both")
    assert done.returncode == 0
    assert "not scored" in done.stderr
    assert not (tmp_path / "both/results.json").exists()
    for words in (["evaluate"], ["report"], ["export", "--int8"]):
        refused = command(words[0], tmp_path / "both", *words[1:])
        assert refused.returncode == 2
        assert "different test splits" in refused.stderr
    assert command("evaluate", tmp_path / "both", "--data", points).returncode == 0


def test_resuming_a_finished_ensemble_makes_its_report_and_offers_no_training(members, ensemble, command, tmp_path):
    # Killed between its results and its report it was called damaged: it has no epochs.
    shutil.copytree(members / "points", tmp_path / "both")
    (tmp_path / "both/report.html").unlink()
    done = command("resume", tmp_path / "both")
    assert done.returncode == 0, done.stderr
    assert "made what was missing: report.html" in done.stderr
    assert "nothing to resume" in done.stderr and "--epochs" not in done.stderr
    again = command("resume", tmp_path / "both")
    assert again.returncode == 0 and "made" not in again.stderr
