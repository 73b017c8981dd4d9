"""Spelling to phonemes on the command line: run, predict, evaluate and resume on a small file."""

import itertools
import json

import pytest

SAID = {"b": "B", "d": "D", "k": "K", "m": "M", "a": "AE1", "e": "EH1", "o": "AA0"}
SMALL = ["--hidden-size", "24", "--embedding-size", "16", "--epochs", "25", "--batch-size", "4", "--dropout", "0"]
SMALL += ["--set", "embedding_dropout=0", "--set", "learning_rate=0.02"]


@pytest.fixture(scope="session")
def words(tmp_path_factory):
    """Every word of three letters, said letter by letter."""
    spelled = ["".join(word) for word in itertools.product("bdkm", "aeo", "bdkm")]
    path = tmp_path_factory.mktemp("words") / "words.tsv"
    path.write_text("".join(f"{word}\t{' '.join(map(SAID.get, word))}\n" for word in spelled))
    return path


@pytest.fixture(scope="session")
def spoken(words, seqkit, tmp_path_factory):
    """A finished run and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "g2p"
    done = seqkit("run", "g2p", "--data", words, "--out", out, *SMALL, "--set", "test_fraction=0.2")
    assert done.returncode == 0, done.stderr
    return out, done


def test_a_run_learns_letters_and_leaves_out_stress(spoken):
    out, done = spoken
    assert done.stderr.splitlines()[1] == "36 words to train, 2 to validate, 10 to test"
    lines = [*done.stderr.splitlines()[1:], *done.stdout.splitlines()]
    assert all(len(line) <= 80 for line in lines if str(out) not in line)
    results = json.loads((out / "results.json").read_text())
    assert results["metric"] == "wer" and results["better"] == "lower"
    assert results["test"] == {"wer": 0.0, "per": 0.0}
    assert results["baseline"]["wer"] == 1.0


def test_words_are_pronounced_whatever_their_case(spoken, command):
    done = command("predict", spoken[0], "bad", "KOM", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["phonemes"] for line in lines] == ["B AE D", "K AA M"]
    assert all(line["score"] < 0 for line in lines)


def test_other_pronunciations_are_given_when_requested(spoken, command):
    done = command("predict", spoken[0], "bad", "--json", "--set", "n_best=2")
    (line,) = map(json.loads, done.stdout.splitlines())
    assert next(other["phonemes"] for other in line["n_best"]) == line["phonemes"] == "B AE D"
    assert len(line["n_best"]) == 2


def test_a_run_is_evaluated_on_another_file(spoken, command, tmp_path):
    path = tmp_path / "other.tsv"
    path.write_text("bad\tB AE0 D\nbad\tB EY1 D\nkom\tK OW1 M\n")
    done = command("evaluate", spoken[0], "--data", path)
    assert done.returncode == 0, done.stderr
    assert "0.5000" in done.stdout and "0.1667" in done.stdout


def test_a_run_killed_in_mid_epoch_ends_with_the_same_weights(words, killed_and_resumed):
    killed_and_resumed("g2p", "--data", words, *SMALL, "--epochs", "3", "--dropout", "0.3")
