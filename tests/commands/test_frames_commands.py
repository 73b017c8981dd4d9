"""Frames on the command line: run, predict, evaluate, stream, stop and resume, as processes on a few sequences."""

import csv
import json
import math
import shutil
import subprocess

import numpy as np
import pytest
from seqkit.tasks.frames import TASK, FrameConfig

from seqkit import SeqkitError
from seqkit.config import make_config
from seqkit.runs import load, resume, start
from tests.starting import Command

SMALL = ["--hidden-size", "12", "--dropout", "0", "--batch-size", "4", "--learning-rate", "0.02"]
STRIPS = ["--strips", "40", *SMALL, "--epochs", "2"]
OWN = [*SMALL, "--epochs", "20", "--set", "patience=0", "--valid-fraction", "0.2", "--test-fraction", "0.2"]


def table(number):
    """A number that moves up or down for a while; its label says which way, and a second one is often missing."""
    generator = np.random.default_rng(number)
    ways = np.repeat(generator.choice([-1, 1], 12), generator.integers(3, 7, 12))
    places = np.cumsum(ways + generator.normal(0, 0.2, len(ways)))
    lines = ["place,other,label"]
    for place, way in zip(places, ways, strict=True):
        other = "" if generator.random() < 0.3 else f"{generator.normal(50, 10):.3f}"
        lines.append(f"{place:.4f},{other},{'up' if way > 0 else 'down'}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def walks(tmp_path_factory):
    """30 tables; one frame alone does not tell its label."""
    folder = tmp_path_factory.mktemp("walks")
    for number in range(30):
        (folder / f"walk{number:02}.csv").write_text(table(number), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def causal(walks, seqkit, tmp_path_factory):
    """A finished run of one direction on the tables, and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "causal"
    done = seqkit("run", "frames", "--data", walks, "--out", out, *OWN, "--bidirectional", "false", "--delay", "1")
    assert done.returncode == 0, done.stderr
    return out, done


def test_a_run_on_strips_reports_scores_and_draws_labels(seqkit, command, tmp_path):
    out = tmp_path / "run"
    done = seqkit("run", "frames", "--out", out, *STRIPS)
    assert done.returncode == 0, done.stderr
    results = json.loads((out / "results.json").read_text())
    assert results["metric"] == "accuracy"
    wanted = {"accuracy", "macro_f1", "segment_f1_10", "segment_f1_25", "segment_f1_50", "edit"}
    assert set(results["test"]) == set(results["baseline"]) == wanted
    assert results["baseline"]["accuracy"] < 0.7
    lines = [line for line in [*done.stderr.splitlines(), *done.stdout.splitlines()] if str(out) not in line]
    assert all(len(line) <= 80 for line in lines)
    assert "frames to train" in done.stderr
    assert (out / "strips.png").read_bytes().startswith(b"\x89PNG")
    shown = [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]
    assert [entry["input"] for entry in shown] == [f"test-{n}" for n in range(8)]
    # The example that lies beside is one of them.
    found = json.loads(command("predict", out, out / "example.csv", "--json").stdout)
    assert found["labels"] in [entry["labels"] for entry in shown]
    done = command("predict", out, "--input", out / "example.csv", "--stream")
    assert done.returncode == 2
    assert "train one with --bidirectional false" in done.stderr


def test_tables_are_learned_and_files_labelled(causal, walks, command):
    out, done = causal
    results = json.loads((out / "results.json").read_text())
    assert results["test"]["accuracy"] > 0.85 > 0.7 > results["baseline"]["accuracy"]
    assert "1 of 2 features are missing in places" in done.stderr
    several = [walks / "walk01.csv", walks / "walk00.csv"]
    lines = command("predict", out, *several).stdout.splitlines()
    assert [line.split("\t")[1] for line in lines] == list(map(str, several))
    truth = [row.split(",")[2] for row in table(1).splitlines()[1:]]
    labels = lines[0].split("\t")[0].split(" ")
    assert np.mean([one == other for one, other in zip(labels, truth, strict=True)]) > 0.8
    whole = json.loads(command("evaluate", out, "--data", walks, "--json").stdout)
    assert whole["examples"] == 30 and whole["accuracy"] > 0.85
    own = json.loads(command("evaluate", out, "--json").stdout)
    assert own["edit"] == pytest.approx(results["test"]["edit"])


def test_a_stream_is_answered_line_by_line_as_the_batch_is(causal, walks, command):
    out, _ = causal
    path = walks / "walk02.csv"
    whole = json.loads(command("predict", out, path, "--json").stdout)
    header, *rows = path.read_text().splitlines()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with Command("predict", out, "--input", "-", "--stream", "--json", **pipes) as running:
        answers = []
        running.stdin.write(f"{header}\n{rows[0]}\n")
        for row in rows[1:]:
            running.stdin.write(row + "\n")
            # With a delay of 1 each line gets the label of the line before it, at once.
            answers.append(json.loads(running.stdout.readline()))
        # A blank line ends the sequence: what is owed comes, and the next begins anew.
        running.stdin.write("\n")
        answers.append(json.loads(running.stdout.readline()))
        running.stdin.write("\n".join(rows) + "\n")
        running.stdin.close()
        again = [json.loads(line) for line in running.stdout]
    assert running.returncode == 0
    assert [answer["label"] for answer in answers] == whole["labels"]
    assert [answer["sure"] for answer in answers] == pytest.approx(whole["sure"], abs=1e-5)
    assert again == answers and answers[0]["frame"] == 1


def test_a_line_that_does_not_parse_is_reported_and_the_stream_continues(causal, seqkit):
    lines = ["1\t2", "walk the line", "2\t", "1 2 3", "inf, 3", "\ufffd", "3,nan", "", "1 2"]
    done = seqkit("predict", causal[0], "--input", "-", "--stream", input="\n".join(lines) + "\n")
    good = seqkit("predict", causal[0], "--input", "-", "--stream", input="1\t2\n2\t\n3,nan\n\n1 2\n")
    assert done.stdout == good.stdout
    assert [bool(line) for line in done.stdout.splitlines()] == [True, True, True, False, True]
    assert (good.returncode, good.stderr) == (0, "")
    assert done.returncode == 1
    errors = done.stderr.splitlines()
    assert [error.split(" ")[1].split(":")[1] for error in errors] == ["2", "4", "5", "6"]
    assert errors[0].startswith("standard input:2: 'walk' is not a number; correct it")
    assert "a frame has 2 features, here 3 features" in errors[1]


def test_bytes_that_are_not_text_are_reported_too(causal, tmp_path, seqkit):
    (tmp_path / "lines").write_bytes(b"1 2\n\xff\x00 2\n2 2\n")
    done = seqkit("predict", causal[0], "--input", tmp_path / "lines", "--stream")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    assert f"{tmp_path / 'lines'}:2: " in done.stderr


def test_a_model_without_a_stream_is_refused_in_a_sentence(causal, trained, command, walks):
    for arguments, message in (
        ([trained[0], "--input", "-", "--stream"], "a sentiment model reads whole inputs, not a stream"),
        ([causal[0], walks / "walk00.csv", "--stream"], "a stream takes neither texts nor --set"),
        ([causal[0], "--input", "nowhere", "--stream"], "no file nowhere"),
    ):
        done = command("predict", *arguments)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert message in done.stderr


def arrays(folder, count, features=2, labels=("a", "b"), seed=0):
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for number in range(count):
        steps = int(generator.integers(4, 9))
        values = generator.normal(size=(steps, features))
        names = np.array(labels)[(values[:, 0] > 0).astype(int)]
        np.savez(folder / f"{number}.npz", features=values, labels=names)
    return folder


def test_folders_of_splits_are_used_as_they_are(command, tmp_path):
    for split, count in (("train", 8), ("valid", 2), ("test", 3)):
        arrays(tmp_path / "data" / split, count, seed=count)
    out = tmp_path / "run"
    done = command("run", "frames", "--data", tmp_path / "data", "--out", out, *SMALL, "--epochs", "2")
    assert done.returncode == 0, done.stderr
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 3
    frames = sum(len(np.load(path)["labels"]) for path in (tmp_path / "data/train").iterdir())
    assert f"{frames} frames to train" in done.stderr
    assert not (out / "example.csv").exists(), "arrays have no names for columns"
    assert command("predict", out, tmp_path / "data/test/0.npz").returncode == 0


def test_splits_given_by_name_are_used_as_they_are(command, tmp_path):
    folders = [arrays(tmp_path / folder, count, seed=count) for folder, count in (("a", 8), ("b", 2), ("c", 3))]
    given = ["--data", folders[0], "--valid-data", folders[1], "--test-data", folders[2]]
    done = command("run", "frames", *given, "--out", tmp_path / "run", *SMALL, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "run/predictions.jsonl").read_text().splitlines()) == 3


def test_a_label_that_only_a_random_split_has_is_noted(tmp_path):
    folder = arrays(tmp_path / "data", 12)
    content = dict(np.load(folder / "3.npz"))
    np.savez(folder / "3.npz", features=content["features"], labels=np.array(["odd"] * len(content["labels"])))
    noted = {"train": 0, "valid": 0, "test": 0}
    for seed in range(20):
        notes = []
        splits = TASK.read(FrameConfig(data=str(folder), seed=seed), notes)
        (split,) = [name for name in noted if any("odd" in e.labels for e in getattr(splits, name))]
        noted[split] += 1
        name = {"valid": "validation", "test": "test", "train": None}[split]
        start = f"label 'odd' is in the {name} split alone, so it cannot be learned"
        assert len(notes) == (split != "train") and all(note.startswith(start) for note in notes)
    assert min(noted.values()) > 0


BAD = [
    (["--data", "nowhere"], 2, "cannot tell what"),
    (["--data", "nowhere.csv"], 2, "no file"),
    (["--data", "empty"], 2, "has no sequences in it"),
    (["--delay", "3"], 2, "a delay is for one direction"),
    (["--window", "9"], 2, "--window must be below 9"),
    (["--test-data", "wide"], 2, "strips have splits of their own"),
    (["--data", "few"], 1, "2 different sequences cannot be divided into training, validation and test"),
    (["--data", "dull"], 1, "every frame has the label 'a'; add frames with another"),
    (["--data", "good", "--test-data", "wide"], 1, "has 5 features, but 2 are expected"),
    (["--data", "good", "--test-data", "other"], 1, "0.npz:1: label 'z' is not in the training split"),
]


@pytest.mark.parametrize(("options", "code", "message"), BAD)
def test_what_cannot_be_is_refused_in_a_sentence(options, code, message, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    arrays(tmp_path / "few", 2)
    arrays(tmp_path / "good", 6)
    arrays(tmp_path / "wide", 2, features=5)
    arrays(tmp_path / "dull", 6, labels=("a", "a"))
    arrays(tmp_path / "other", 1, labels=("z", "z"))
    done = command("run", "frames", *STRIPS, *options)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_the_line_of_an_unknown_label_is_named(causal, command, tmp_path):
    (tmp_path / "a.csv").write_text("place,other,label\n1,2,up\n\n2,3,sideways\n", encoding="utf-8")
    done = command("evaluate", causal[0], "--data", tmp_path / "a.csv")
    assert done.returncode == 1
    assert "a.csv:4: label 'sideways' is not in the training split" in done.stderr


def test_a_run_killed_in_mid_epoch_ends_with_the_same_weights(walks, killed_and_resumed):
    killed_and_resumed("frames", "--data", walks, *OWN, "--epochs", "3", "--batch-size", "2")


def test_a_sequence_changed_since_is_noticed(tmp_path):
    folder, out = arrays(tmp_path / "data", 8), tmp_path / "run"
    start(TASK, make_config(FrameConfig, {"data": str(folder), "hidden_size": 4}), out, [])
    resume(out, [])
    content = dict(np.load(folder / "0.npz"))
    content["features"][0, 0] = math.nan
    np.savez(folder / "0.npz", **content)
    with pytest.raises(SeqkitError, match="have changed since the run began"):
        resume(out, [])


def rows_of(text, mark=","):
    return list(csv.reader(text.splitlines(), delimiter=mark))


def test_a_sequence_comes_back_as_its_table_with_labels_beside_the_rows(causal, walks, command):
    run, file = causal[0], walks / "walk03.csv"
    done = command("predict", run, "--input", file)
    assert done.returncode == 0, done.stderr
    head, *rows = rows_of(done.stdout)
    own_head, *own = rows_of(file.read_text())
    assert head == [*own_head, "predicted_label", "predicted_confidence"]
    assert [row[:3] for row in rows] == own
    (answer,) = load(run).predict([file])
    assert [row[3] for row in rows] == list(answer.labels)
    assert [float(row[4]) for row in rows] == pytest.approx(answer.confidences, abs=1e-5)


def test_a_folder_comes_back_as_one_table_or_as_a_folder_of_tables(causal, walks, command, tmp_path):
    run, clips = causal[0], tmp_path / "clips"
    (clips / "deep").mkdir(parents=True)
    shutil.copy(walks / "walk01.csv", clips)
    tabs = (walks / "walk02.csv").read_text().replace(",", "\t")
    (clips / "deep/b.tsv").write_text(tabs)
    features = np.array([[1.0, 50.0], [2.0, 50.0]])
    np.save(clips / "c.npy", features)
    done = command("predict", run, "--input", clips)
    assert done.returncode == 0, done.stderr
    head, *rows = rows_of(done.stdout)
    assert head == ["file", "frame", "predicted_label", "predicted_confidence"]
    assert [*dict.fromkeys(row[0] for row in rows)] == ["c.npy", "deep/b.tsv", "walk01.csv"]
    assert [row[1] for row in rows if row[0] == "c.npy"] == ["1", "2"]
    out = tmp_path / "answers"
    done = command("predict", run, "--input", clips, "--output", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"3 tables in {out}\n")
    each = {
        "walk01.csv": rows_of((out / "walk01.csv").read_text()),
        "c.npy": rows_of((out / "c.csv").read_text()),
        "deep/b.tsv": rows_of((out / "deep/b.tsv").read_text(), "\t"),
    }
    labels = [row[-2] for name in ("c.npy", "deep/b.tsv", "walk01.csv") for row in each[name][1:]]
    assert sorted(labels) == sorted(row[2] for row in rows)
    assert each["c.npy"][0] == ["frame", "predicted_label", "predicted_confidence"]
    one = tmp_path / "all.csv"
    assert command("predict", run, "--input", clips, "--output", one).returncode == 0
    assert rows_of(one.read_text()) == [head, *rows]
    facts = [json.loads(line) for line in command("predict", run, "--input", clips, "--json").stdout.splitlines()]
    assert len(facts) == 3 and len(facts[0]["labels"]) == 2


def test_what_sequences_cannot_be_is_reported_in_a_sentence(causal, walks, command, tmp_path):
    run = causal[0]
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.csv").write_text("place,other\n1,2\n1,x\n")
    (tmp_path / "taken").write_text("")
    (tmp_path / "other.csv").write_text("name,price\napple,3\n")
    (tmp_path / "files.csv").write_text(f"clip\n{walks / 'walk01.csv'}\n")
    for arguments, code, said in (
        (["--input", tmp_path / "empty"], 2, "has no sequences in it"),
        (["--input", tmp_path / "bad"], 1, "bad/a.csv:3: column 'other': 'x' is not a number"),
        (["--input", tmp_path / "other.csv"], 1, "other.csv:1: features 'place', 'other' are missing, which the model"),
        (["--input", tmp_path / "other.csv"], 1, "(the columns here are name, price); add the columns, or name all"),
        (["--input", tmp_path / "files.csv"], 2, "cannot tell which column holds the text (the columns are clip)"),
        (["--input", walks, "--output", tmp_path / "taken"], 2, "taken is a file; name a folder with --output"),
        (["--input", walks, "--output", tmp_path / "a.parquet"], 2, "sequences are answered with tables"),
    ):
        done = command("predict", run, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1)
        assert said in done.stderr


def test_a_column_of_time_is_skipped_and_a_note_says_so(walks, command, tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    for file in walks.glob("*.csv"):
        head, *rows = file.read_text().splitlines()
        times = [f"2024-01-01 12:00:{number % 60:02},{row}" for number, row in enumerate(rows)]
        (clips / file.name).write_text("\n".join([f"when,{head}", *times]) + "\n")
    quick = ["--epochs", "1", "--hidden-size", "4", "--valid-fraction", "0.2", "--ignore-columns", "other"]
    done = command("run", "frames", "--data", clips, "--out", tmp_path / "run", *quick)
    assert done.returncode == 0, done.stderr
    assert "column 'when' says when each frame was recorded and is not used as a feature" in " ".join(
        done.stderr.split()
    )
    assert json.loads((tmp_path / "run/features.json").read_text())["names"] == ["place"]
    done = command("predict", tmp_path / "run", "--input", clips / "walk00.csv")
    assert rows_of(done.stdout)[0] == ["when", "place", "other", "label", "predicted_label", "predicted_confidence"]
    assert command("evaluate", tmp_path / "run", "--data", clips).returncode == 0


def test_the_closing_hint_is_a_command_that_such_a_run_understands(causal):
    out, done = causal
    assert f"  seqkit predict {out} --input FILE\n" in done.stdout


def test_a_stopped_run_resumes_though_its_tables_have_a_column_of_time(walks, tmp_path, monkeypatch):
    clips = tmp_path / "clips"
    clips.mkdir()
    for file in walks.glob("*.csv"):
        head, *rows = file.read_text().splitlines()
        (clips / file.name).write_text("\n".join([f"t,{head}", *(f"{n},{row}" for n, row in enumerate(rows))]) + "\n")
    config = make_config(FrameConfig, {"data": str(clips), "epochs": 1, "hidden_size": 4, "valid_fraction": 0.2})
    start(TASK, config, tmp_path / "now", [])
    monkeypatch.setattr("seqkit.data.frames.tables.index_columns", lambda rows, columns: ())
    start(TASK, config, tmp_path / "before", [])
    monkeypatch.undo()
    for name, features in (("now", ("place", "other")), ("before", ("t", "place", "other"))):
        session = resume(tmp_path / name, [])
        assert session.codec.layout.names == features
        session.train()
        assert session.finish().results["test"]["accuracy"] > 0
        assert load(tmp_path / name).predict([clips / "walk01.csv"])
