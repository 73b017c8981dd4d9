"""Labels for words on the command line: run, predict, evaluate, stop and resume on small files."""

import json
import random

import pytest

SMALL = ["--hidden-size", "16", "--embedding-size", "16", "--spelling-size", "16", "--character-size", "8"]
SMALL += ["--epochs", "8", "--batch-size", "8", "--min-count", "1", "--set", "learning_rate=0.02"]

PEOPLE, PLACES = ["Ann", "Bob Lee", "Eve", "Tom Poe"], ["Rome", "New York", "Oslo", "Lake Garda"]


def named(generator):
    """A sentence of somebody who goes somewhere, in BIO."""
    person, place = generator.choice(PEOPLE).split(), generator.choice(PLACES).split()
    rows = [(word, f"{'I' if n else 'B'}-PER") for n, word in enumerate(person)]
    rows += [(word, "O") for word in generator.choice(["went to", "left", "likes"]).split()]
    return [*rows, *((word, f"{'I' if n else 'B'}-LOC") for n, word in enumerate(place))]


@pytest.fixture(scope="session")
def names(tmp_path_factory):
    """150 such sentences as CoNLL columns, with a column in the middle that nobody asks for."""
    generator = random.Random(0)
    rows = (named(generator) for _ in range(150))
    path = tmp_path_factory.mktemp("names") / "names.conll"
    path.write_text("\n\n".join("\n".join(f"{word} x {tag}" for word, tag in row) for row in rows) + "\n")
    return path


@pytest.fixture(scope="session")
def tagged(names, seqkit, tmp_path_factory):
    """A finished run and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "tag"
    options = ["--crf", "true", "--valid-fraction", "0.2", "--test-fraction", "0.2"]
    done = seqkit("run", "tag", "--data", names, "--out", out, *SMALL, *options)
    assert done.returncode == 0, done.stderr
    return out, done


def test_names_are_learned_and_scored_whole(tagged):
    out, done = tagged
    found = json.loads((out / "results.json").read_text())
    assert found["metric"] == "f1"
    assert found["test"]["f1"] > 0.95
    assert found["labels"].keys() == {"LOC", "PER"} and found["labels"]["LOC"]["f1"] > 0.9
    assert set(found["test"]) == {"accuracy", "f1", "precision", "recall"} == set(found["baseline"])
    lines = [line for line in [*done.stderr.splitlines(), *done.stdout.splitlines()] if str(out) not in line]
    assert all(len(line) <= 80 for line in lines)
    assert any("LOC" in line for line in lines)
    assert found["calibration"].keys() == {"outside", "score", "tuned", "alone"}
    shown = f"(the score of O changes by {-found['calibration']['outside']:.2f}): f1"
    assert shown in " ".join(done.stdout.split())


def test_typed_sentences_and_lists_of_words_are_labelled(tagged, command):
    done = command("predict", tagged[0], "Eve left Rome", '["Bob", "Lee", "likes", "Oslo"]', "", "--json")
    assert done.returncode == 0, done.stderr
    first, second, empty = map(json.loads, done.stdout.splitlines())
    assert first["tags"] == ["B-PER", "O", "B-LOC"]
    assert [e["text"] for e in second["entities"]] == ["Bob Lee", "Oslo"]
    assert empty["tags"] == []
    plain = command("predict", tagged[0], "Eve left Rome").stdout
    assert plain.split("\t")[0] == "Eve/B-PER left/O Rome/B-LOC"


def test_several_labellings_are_given_when_requested(tagged, command):
    done = command("predict", tagged[0], "Eve left", "--json", "--set", "n_best=3")
    (line,) = map(json.loads, done.stdout.splitlines())
    assert len(line["n_best"]) == 3
    assert line["n_best"][0]["tags"] == line["tags"]
    assert command("predict", tagged[0], "Eve left", "--set", "n_best=0").returncode == 2


def test_a_run_is_evaluated_on_its_test_split_and_on_another_file(tagged, command, tmp_path):
    own = json.loads(command("evaluate", tagged[0], "--json").stdout)
    assert own["f1"] == pytest.approx(json.loads((tagged[0] / "results.json").read_text())["test"]["f1"])
    path = tmp_path / "other.conll"
    path.write_text("Eve x B-PER\nleft x O\nRome x B-PER\n")
    found = json.loads(command("evaluate", tagged[0], "--data", path, "--json").stdout)
    assert (found["examples"], found["f1"]) == (1, 0.5)


def test_a_run_killed_in_mid_epoch_ends_with_the_same_weights(names, killed_and_resumed):
    killed_and_resumed("tag", "--data", names, *SMALL, "--epochs", "2", "--dropout", "0.3")


def test_running_text_is_restored(command, tmp_path):
    generator = random.Random(1)
    text = tmp_path / "text.txt"
    sentences = ("Well, I saw Ann. ", "Did you see Ann? ", "We left Rome. ", "Did you see Rome? ", "Oh, it was fun! ")
    text.write_text("\n".join("".join(generator.choices(sentences, k=4)) for _ in range(120)))
    out = tmp_path / "run"
    done = command("run", "tag", "--text", text, "--out", out, *SMALL)
    assert done.returncode == 0, done.stderr
    found = json.loads((out / "results.json").read_text())
    assert found["metric"] == "f1_marks"
    assert found["test"]["f1_marks"] > 0.95 > 0.9 > found["baseline"]["f1_marks"]
    answer = command("predict", out, "did you see ann oh it was fun", "Well i saw ann!").stdout.splitlines()
    assert [line.split("\t")[0] for line in answer] == ["Did you see Ann? Oh, it was fun!", "Well, I saw Ann."]
    other = tmp_path / "other.txt"
    other.write_text("Oh, it was fun!\n")
    assert json.loads(command("evaluate", out, "--data", other, "--json").stdout)["f1_exclamation"] == 1.0


def test_conll_u_columns_are_chosen_and_splits_given(command, tmp_path):
    def block(rows):
        lines = ["# text = …", *(f"{n}\t{w}\t_\t{u}\t{x}\t_\t0\troot\t_\t_" for n, (w, u, x) in enumerate(rows, 1))]
        return "\n".join(lines) + "\n\n"

    rows = [[("dogs", "NOUN", "NNS"), ("run", "VERB", "VBP")], [("the", "DET", "DT"), ("run", "NOUN", "NN")]]
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.conllu").write_text("".join(map(block, rows)) * 10)
    splits = ["--data", tmp_path / "train.conllu", "--valid-data", tmp_path / "dev.conllu"]
    splits += ["--test-data", tmp_path / "test.conllu", "--tag-column", "xpos", *SMALL]
    done = command("run", "tag", *splits, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "40 words to train, 40 to validate, 40 to test" in done.stderr
    assert command("predict", tmp_path / "run", "the run").stdout.startswith("the/DT run/NN")


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def test_labels_that_break_the_scheme_are_repaired_with_a_note(names, command, tmp_path):
    path = write(tmp_path / "odd.conll", [names.read_text(), "Ann x O", "Lee x I-PER"])
    done = command("run", "tag", "--data", path, *SMALL, "--epochs", "1", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stderr.split())
    assert "1 labels of the" in told or "1 label of the" in told
    assert "I-PER to B-PER" in told


def test_a_label_that_only_the_test_split_has_is_noted_and_counts_as_an_error(names, command, tmp_path):
    test = write(tmp_path / "test.conll", ["Ann x B-DOG", "left x O"])
    out = tmp_path / "run"
    done = command("run", "tag", "--data", names, "--test-data", test, *SMALL, "--epochs", "1", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "'B-DOG' at" in " ".join(done.stderr.split())
    assert json.loads((out / "results.json").read_text())["test"]["accuracy"] <= 0.5


BAD = [
    ("a.conll", ["Ann O", "Lee O O"], [], 1, "a.conll:2:"),
    ("a.jsonl", ['{"tokens": ["a", "b"], "tags": ["O"]}'], [], 1, "a.jsonl:1:"),
    ("a.jsonl", ['{"said": ["a"], "tags": ["O"]}'], [], 1, "--word-column"),
    ("a.conllu", ["1\ta\tO"], [], 1, "a.conllu:1:"),
    ("a.conll", [""], [], 1, "a.conll"),
    ("a.conll", ["Ann O"], ["--tag-column", "7"], 2, "--tag-column"),
    ("a.conll", ["Ann O"], ["--text", "b.txt"], 2, "not both"),
]


@pytest.mark.parametrize(("name", "lines", "options", "code", "message"), BAD)
def test_what_cannot_be_read_is_refused_in_a_sentence(name, lines, options, code, message, command, tmp_path):
    path = write(tmp_path / name, lines)
    done = command("run", "tag", "--data", path, *SMALL, *options, "--out", tmp_path / "run")
    assert message in done.stderr
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
    assert not (tmp_path / "run").exists()


def test_a_tagger_with_a_crf_learns_from_one_and_continues_without_it(names, tagged, command, tmp_path):
    out = tmp_path / "student"
    options = ["--valid-fraction", "0.2", "--test-fraction", "0.2", "--teacher", tagged[0]]
    done = command("run", "tag", "--data", names, "--out", out, *SMALL, *options)
    assert done.returncode == 0, done.stderr
    assert "learning from" in done.stderr and "crf = true" in (out / "config.toml").read_text()
    assert json.loads((out / "results.json").read_text())["test"]["f1"] > 0.95
    assert (out / "teacher.safetensors").exists()
