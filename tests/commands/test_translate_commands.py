"""Translations on the command line: run, predict, evaluate, resume, and what is refused."""

import json
import random
import sys

import pytest
import sacrebleu

from seqkit.runs import load

WORDS = {"red": "rouge", "blue": "bleu", "big": "grand", "old": "vieux", "new": "neuf"}
THINGS = {"file": "fichier", "tree": "arbre", "cat": "chat", "book": "livre"}
SMALL = ["--hidden-size", "32", "--embedding-size", "24", "--epochs", "20", "--batch-size", "8", "--tokenizer", "word"]
SMALL += ["--dropout", "0", "--embedding-dropout", "0", "--learning-rate", "0.02"]


def sentence(generator):
    colour, thing, number = generator.choice(list(WORDS)), generator.choice(list(THINGS)), generator.randint(1, 3)
    if generator.random() < 0.5:
        return f"Is the {thing} {colour}?", f"Le {THINGS[thing]} est-il {WORDS[colour]} ?"
    return f"The {colour} {thing}: %{number}.", f"Le {THINGS[thing]} {WORDS[colour]}\u00a0: %{number}."


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """80 different questions and statements, in two languages."""
    generator = random.Random(0)
    sentences = dict(sentence(generator) for _ in range(2000))
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("English\tFrench\n" + "".join(f"{a}\t{b}\n" for a, b in sentences.items()), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def translated(pairs, seqkit, tmp_path_factory):
    """A finished run and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "translate"
    done = seqkit("run", "translate", "--data", pairs, "--out", out, *SMALL, "--set", "test_fraction=0.2")
    assert done.returncode == 0, done.stderr
    return out, done


def test_a_run_shows_sentences_and_scores_as_sacrebleu_counts_them(translated):
    out, done = translated
    lines = done.stderr.splitlines()
    assert lines[1] == "60 pairs to train, 4 to validate, 16 to test"
    assert lines[2].startswith("speed is in ")
    assert [line.split()[0] for line in lines[3:13]] == ["epoch", *["source", "reference", "hypothesis"] * 3]
    assert all(len(line) <= 80 for line in [*lines[1:], *done.stdout.splitlines()] if str(out) not in line)
    results = json.loads((out / "results.json").read_text())
    predictions = [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]
    model = load(out)
    references = {e.source: e.references for e in model.task.read(model.config, []).test}
    streams = [[references[line["input"]][0] for line in predictions]]
    texts = [line["translation"] for line in predictions]
    assert results["test"]["bleu"] == pytest.approx(sacrebleu.corpus_bleu(texts, streams).score)
    assert results["test"]["chrf"] == sacrebleu.corpus_chrf(texts, streams).score
    assert results["test"]["placeholders_kept"] == 1.0
    assert results["test"]["bleu"] > 60
    assert f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}" in done.stdout
    assert (out / "attention.svg").read_bytes().startswith(b"<svg")


def test_predict_gives_a_text_or_scores_and_others(translated, seqkit, command):
    out, _ = translated
    done = seqkit("predict", out, "--input", "-", input="Is the cat red?\nThe old tree: {x}.\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[1] for line in lines] == ["Is the cat red?", "The old tree: {x}.", ""]
    assert lines[0][0].startswith("Le ") and lines[0][0].endswith(" ?")
    assert "\u00a0: {x}" in lines[1][0]
    done = command("predict", out, "Is the cat red?", "--json", "--set", "n_best=3", "--set", "beam_size=4")
    answer = json.loads(done.stdout)
    assert answer["translation"] == lines[0][0] == answer["n_best"][0]["translation"]
    scores = [other["score"] for other in answer["n_best"]]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True) and scores[0] == answer["score"]


def test_evaluate_scores_the_test_split_or_another_file(translated, command, pairs, tmp_path):
    out, _ = translated
    own = json.loads(command("evaluate", out, "--json").stdout)
    results = json.loads((out / "results.json").read_text())
    assert {name: own[name] for name in results["test"]} == results["test"]
    whole = json.loads(command("evaluate", out, "--data", pairs, "--json").stdout)
    assert whole["examples"] == 80
    rows = [line.split("\t") for line in pairs.read_text("utf-8").splitlines()[1:]]
    for name, side in (("a.en", 0), ("a.fr", 1)):
        (tmp_path / name).write_bytes("".join(f"{row[side]}\n" for row in rows).encode("utf-16"))
    parallel = command("evaluate", out, "--source", tmp_path / "a.en", "--target", tmp_path / "a.fr", "--json")
    assert json.loads(parallel.stdout) == whole


def test_pairs_without_a_header_are_translated_line_by_line(translated, command, pairs, tmp_path):
    rows = pairs.read_text("utf-8").splitlines()[1:6]
    (tmp_path / "a.tsv").write_text("\n".join(f"{n}\t{row}" for n, row in enumerate(rows)), encoding="utf-8")
    done = command("predict", translated[0], "--input", tmp_path / "a.tsv")
    assert "a.tsv names no columns: its first line is an input, too" in done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[:3] for line in lines] == [[str(n), *row.split("\t")] for n, row in enumerate(rows)]
    named = command("predict", translated[0], "--input", pairs).stdout.splitlines()
    assert [line[3] for line in lines] == [row.split("\t")[2] for row in named[1:6]]


def test_a_run_killed_in_mid_epoch_with_sampling_ends_with_the_same_weights(pairs, killed_and_resumed):
    sampling = {"forcing": "inverse-sigmoid", "forcing_floor": 0.2, "forcing_steps": 8}
    own = [part for name, value in sampling.items() for part in ("--set", f"{name}={value}")]
    options = ["--data", pairs, *SMALL, "--dropout", "0.2", "--epochs", "4", *own]
    tensors, facts = killed_and_resumed("translate", *options)
    assert int(tensors["model.forcing.step"]) == facts["progress"]["step"] > 0


def test_parallel_files_subwords_and_the_other_direction(pairs, command, tmp_path):
    rows = [line.split("\t") for line in pairs.read_text("utf-8").splitlines()[1:]]
    for name, side in (("a.en", 0), ("a.fr", 1)):
        (tmp_path / name).write_text("".join(f"{row[side]}\n" for row in rows), encoding="utf-8")
    files = ["--source", tmp_path / "a.en", "--target", tmp_path / "a.fr", "--reverse", "true"]
    own = ["--tokenizer", "bpe", "--max-symbols", "120", "--joint", "true", "--epochs", "1"]
    done = command("run", "translate", *files, "--out", tmp_path / "run", *SMALL, *own)
    assert done.returncode == 0, done.stderr
    side = json.loads((tmp_path / "run/source.json").read_text("utf-8"))
    assert side["tokenizer"]["name"] == "bpe"
    assert len(side["specials"] + side["symbols"]) <= 120
    first = json.loads((tmp_path / "run/predictions.jsonl").read_text("utf-8").splitlines()[0])
    assert first["input"].startswith("Le ")


GOOD = "".join(f"word {n}\tmot {n}\n" for n in range(30))
BAD = [
    (GOOD, ["--beam-size", "0"], 2, "--beam-size must be at least 1, not 0"),
    (GOOD, ["--n-best", "9"], 2, "n_best must be between 1 and the beam_size of 5, not 9"),
    (GOOD, ["--attention", "additiv"], 2, "unknown attention 'additiv'; did you mean 'additive'?"),
    (GOOD, ["--coverage", "true"], 2, "coverage goes step by step"),
    (GOOD, ["--source", "a.en"], 2, "give --source and --target"),
    (GOOD, ["--data", "none.tsv"], 2, "no file"),
    (GOOD + "no tab\n", [], 1, "pairs.tsv:31: no tab in 'no tab'"),
    ("a\tb\n", [], 1, "1 different source cannot be divided into training, validation and test"),
    ("a\t\n\tb\n", [], 1, "there is no usable pair (2 are empty or too long)"),
    ("".join(f"word {n}\tword {n}\n" for n in range(30)), [], 1, "source and target are the same in 100% of the pairs"),
    ("", [], 1, "there is no pair in the file"),
]


@pytest.mark.parametrize(("content", "options", "code", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused_in_a_sentence(content, options, code, message, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.tsv").write_text(content, encoding="utf-8")
    done = command("run", "translate", "--data", "pairs.tsv", *options)
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1)
    assert message in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("library", "what"), [("sacrebleu", "scoring translations"), ("tokenizers", "'bpe' needs")])
def test_without_a_library_a_run_says_what_to_install(library, what, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.tsv").write_text(GOOD, encoding="utf-8")
    monkeypatch.setitem(sys.modules, library, None)
    done = command("run", "translate", "--data", "pairs.tsv", "--tokenizer", "bpe")
    assert done.returncode == 2
    assert what in done.stderr and "pip install 'seqkit[text]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_options_of_predicting_are_checked(translated, trained, command):
    for run, setting, message in (
        (translated[0], "beam_size=0", "beam_size must be at least 1, not 0"),
        (translated[0], "beam=3", "unknown option 'beam'"),
        (translated[0], "epochs=3", "epochs is not an option of predict; choose one of: beam_size"),
        (trained[0], "epochs=3", "a sentiment model has none"),
    ):
        done = command("predict", run, "x", "--set", setting)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
