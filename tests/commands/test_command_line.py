"""The command line as a stranger uses it: as a process, with files."""

import json
import subprocess
import sys
import time

import pytest
import torch

from seqkit.training.checkpoint import read_tensors
from tests.starting import Command


def test_help_does_not_import_torch_and_answers_at_once():
    code = (
        "import sys\nfrom seqkit.commands import main\n"
        "try:\n    main(['--help'])\nfinally:\n    assert not {'torch', 'sklearn', 'rich'} & set(sys.modules)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 1.5
    assert "seqkit run sentiment --cell lstm" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_of_a_task_shows_every_option_within_80_columns(command):
    done = command("run", "sentiment", "--help")
    assert "--hidden-size" in done.stdout
    assert "--text-column" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_list_names_topology_task_cells_and_data(command):
    done = command("list")
    assert done.returncode == 0
    for word in ("many to one", "sentiment", "lstm", "gru", "rotten-tomatoes", "imdb"):
        assert word in done.stdout


def test_a_run_learns_and_leaves_a_complete_folder(trained):
    out, done = trained
    results = json.loads((out / "results.json").read_text())
    assert results["test"]["accuracy"] >= 0.9
    assert results["baseline"]["accuracy"] >= 0.9
    assert {"task", "metric", "better", "seconds", "parameters", "examples_per_second"} <= results.keys()
    names = {path.name for path in out.iterdir()}
    assert {"config.toml", "vocab.json", "model.safetensors", "checkpoint", "metrics.jsonl", "log.txt"} <= names
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 30
    assert "Confusion" in done.stdout
    assert f"seqkit predict {out}" in done.stdout.replace("\n", "")
    lines = done.stderr.splitlines()
    assert lines[:2] == [f"sentiment in {out}", "240 examples to train, 30 to validate, 30 to test"]
    assert lines[2].startswith("epoch  1/3")
    assert all(len(line) <= 80 for line in [*lines[1:], *done.stdout.splitlines()] if str(out) not in line)


def test_predict_takes_arguments_files_and_standard_input(trained, seqkit, command, tmp_path):
    out, _ = trained
    texts = ["wonderful brilliant story", "dull and boring", ""]
    by_argument = command("predict", out, *texts)
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts) + "\n")
    by_file = command("predict", out, "--input", path)
    by_stream = seqkit("predict", out, input=path.read_text())
    assert by_argument.stdout == by_file.stdout == by_stream.stdout
    assert [line.split("\t")[0] for line in by_argument.stdout.splitlines()[:2]] == ["good", "bad"]
    as_json = json.loads(command("predict", out, "--json", "☃ wonderful").stdout)
    assert as_json["input"] == "☃ wonderful"
    assert sum(as_json["probabilities"].values()) == pytest.approx(1, abs=1e-6)


def test_predict_answers_each_line_as_it_arrives(trained):
    out, _ = trained
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with Command("predict", out, "--input", "-", **pipes) as process:
        for text, label in (("wonderful", "good"), ("dull", "bad")):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(label)
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_evaluate_gives_the_scores_of_the_run_and_of_a_file(trained, command, reviews):
    out, _ = trained
    own = json.loads(command("evaluate", out, "--json").stdout)
    assert own["accuracy"] == json.loads((out / "results.json").read_text())["test"]["accuracy"]
    whole = json.loads(command("evaluate", out, "--data", reviews, "--json").stdout)
    assert whole["examples"] == 300


def test_a_run_can_be_repeated_from_its_own_config_and_moved(trained, command, tmp_path):
    out, _ = trained
    again = command("run", "sentiment", "--config", out / "config.toml", "--out", tmp_path / "again")
    assert again.returncode == 0, again.stderr
    first, second = (read_tensors(path / "model.safetensors")[0] for path in (out, tmp_path / "again"))
    assert all(torch.equal(first[name], second[name]) for name in first.keys() | second.keys())
    moved = (tmp_path / "again").rename(tmp_path / "moved")
    assert command("predict", moved, "wonderful").stdout.startswith("good")


def test_splits_given_as_files_any_classes_any_labels(command, small, tmp_path):
    rows = [
        {"body": f"{word} {n}", "category": label}
        for n in range(12)
        for word, label in (("sun", 'it\'s "hot"'), ("ice", "kalt, sehr"), ("rain", "湿"))
    ]
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = command(
        "run", "sentiment", "--cell", "gru", "--cell-options", "reset=before", "--data", tmp_path / "train.jsonl",
        "--valid-data", tmp_path / "valid.jsonl", "--test-data", tmp_path / "test.jsonl", "--out", tmp_path / "run",
        *small,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert "36 texts of the test split are also in the training split: its score will be too high" in " ".join(
        line.strip() for line in lines
    )
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)
    assert "湿" in done.stdout


def test_settings_come_from_the_file_then_set_then_options(command, reviews, small, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text('hidden_size = 3\nembedding_size = 3\ncell = "rnn"\nepochs = 1\nmin_count = 1\n')
    done = command(
        "run", "sentiment", "--config", config, "--set", "embedding_size=4", "--set", "cell=gru", "--cell", "lstm",
        "--data", reviews, "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "run/config.toml").read_text()
    for line in ("hidden_size = 3", "embedding_size = 4", 'cell = "lstm"'):
        assert line in written.splitlines()


def test_word_vectors_start_the_embedding_and_are_not_needed_again(command, reviews, small, tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("wonderful " + "1 " * 8 + "\ndull " + "-1 " * 8 + "\n")
    out = tmp_path / "run"
    done = command("run", "sentiment", "--data", reviews, "--vectors", vectors, "--out", out, *small)
    assert done.returncode == 0, done.stderr
    assert "vectors were found for 2 of" in done.stderr
    vectors.unlink()
    assert command("predict", out, "wonderful").returncode == 0


def test_a_terminal_shows_a_live_bar_with_speed_and_time_left(reviews, small, tmp_path):
    import os
    import pty

    main, side = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    options = {"stdout": subprocess.DEVNULL, "stderr": side, "cwd": tmp_path, "env": environment}
    with Command("run", "sentiment", "--data", reviews, *small, "--out", "run", **options) as process:
        os.close(side)
        shown = b""
        while True:
            try:
                shown += os.read(main, 4096)
            except OSError:  # the terminal is gone when the process is
                break
    os.close(main)
    assert process.returncode == 0
    for part in (b"reading the data", b"epoch 3/3", b"accuracy", b"/s", b"left", b"loss"):
        assert part in shown
