"""Streams on the command line: run, stop, resume, evaluate, predict and generate, as processes on a small text."""

import json
import random
import signal
import subprocess
import sys

import pytest

from seqkit.errors import UsageError
from seqkit.runs import load
from tests.starting import Command

SMALL = ["--hidden-size", "24", "--embedding-size", "12", "--streams", "4", "--chunk", "32", "--epochs", "3"]
SHORT = [*SMALL, "--streams", "8", "--epochs", "2"]


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    """12,000 characters of two kinds of sentence; é is in them, and ☃ is not."""
    generator = random.Random(0)
    people, things = ["René", "Ada", "the king"], ["a crown", "tea", "nothing at all"]
    lines = [f"{generator.choice(people)} wants {generator.choice(things)}.\n" for _ in range(520)]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def written(text, seqkit, tmp_path_factory):
    """A finished run and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "charlm"
    done = seqkit("run", "charlm", "--data", text, "--out", out, *SMALL, "--set", "learning_rate=0.02")
    assert done.returncode == 0, done.stderr
    return out, done


def test_a_run_reports_sizes_samples_and_scores(written, text):
    out, done = written
    lines = done.stderr.splitlines()
    characters = len(text.read_text("utf-8"))
    sizes = [int(word.replace(",", "")) for word in lines[1].split() if word[0].isdigit()]
    assert sum(sizes) == characters
    assert lines[1].split()[1:4] == ["characters", "to", "train,"]
    # Each epoch has its line, and below it a line that the model wrote.
    assert [line.startswith("epoch") for line in lines[2:8]] == [True, False] * 3
    assert all(len(line) <= 80 for line in [*lines[1:], *done.stdout.splitlines()] if str(out) not in line)
    results = json.loads((out / "results.json").read_text())
    assert results["better"] == "lower"
    assert results["characters_per_second"] > 0
    test = results["test"]
    assert test["perplexity"] == pytest.approx(2 ** test["bpc"], rel=1e-9)
    assert test["bpc"] == pytest.approx(test["nats_per_character"] / 0.6931471805599453, rel=1e-9)
    # Three people and three things make 3.2 bits a line of 20 characters; a blind guess costs 4 bits a character.
    assert 0.1 < test["bpc"] < 1.5
    assert 0.1 < results["baseline"]["bpc"] < 1.0
    (line,) = (out / "predictions.jsonl").read_text().splitlines()
    assert json.loads(line)["bpc"] == pytest.approx(test["bpc"])


def test_evaluate_and_predict_give_bits_per_character(written, command, text):
    out, _ = written
    own = json.loads(command("evaluate", out, "--json").stdout)
    assert own["bpc"] == json.loads((out / "results.json").read_text())["test"]["bpc"]
    whole = json.loads(command("evaluate", out, "--data", text, "--json").stdout)
    assert whole["bpc"] < 1.5
    lines = command("predict", out, "Ada wants tea.", "zxqv jkpz", "", "☃").stdout.splitlines()
    likely, odd, empty, unseen = (line.split("\t")[0] for line in lines)
    assert float(likely) < 2 < float(odd)
    assert (empty, float(unseen) > 0) == ("", True)


def test_generate_continues_with_a_prompt_as_python_does(written, seqkit):
    out, _ = written
    options = {"length": 60, "temperature": 0.5, "top_k": 5, "top_p": 0.9, "seed": 3}
    flags = [part for name, value in options.items() for part in ("--" + name.replace("_", "-"), value)]
    done = seqkit(
        "generate", out, "--prompt", "René wants", *flags, env={"PYTHONIOENCODING": "ascii"}, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    expected = "".join(load(out).generate("René wants", **options))
    assert len(expected) == 60
    assert done.stdout == f"René wants{expected}\n"


def test_empty_long_and_unknown_prompts_are_continued(written, command):
    out, _ = written
    for prompt in ("", "Ada wants tea.\n" * 500):
        done = command("generate", out, "--prompt", prompt, "--length", "20", "--temperature", "0")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(prompt)
        assert len(done.stdout) == len(prompt) + 21
    done = command("generate", out, "--prompt", "☃ wants", "--length", "9")
    assert done.stdout.startswith("☃ wants")
    assert "☃" not in done.stdout[1:]
    assert r"note: not seen in training, and read as unknown: '\u2603'" in done.stderr


REFUSED = [
    (["--temperature", "-1"], "temperature >= 0"),
    (["--top-p", "0"], "0 < top_p <= 1"),
    (["--top-k", "-3"], "top_k >= 0"),
    (["--length", "-1"], "length and seed must be whole numbers from 0, not -1"),
    (["--length", "many"], "'many' is not a valid integer"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_options_that_cannot_be_are_refused_before_anything_is_written(options, message, written, command):
    done = command("generate", written[0], *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_run_of_another_task_does_not_continue_a_text(trained, command):
    done = command("generate", trained[0], "--prompt", "x")
    assert done.returncode == 2
    assert "a sentiment model does not continue a text" in done.stderr
    with pytest.raises(UsageError, match="sentiment"):
        load(trained[0]).generate("x")


@pytest.fixture(scope="session")
def refrain(tmp_path_factory):
    """A text in letters that training has read, of which it has read no line."""
    path = tmp_path_factory.mktemp("refrain") / "refrain.txt"
    path.write_text("a crown wants the king at tea.\n" * 60, encoding="utf-8")
    return path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_model_that_adapts_scores_what_repeats_itself_better_and_leaves_the_run_as_it_is(written, command, refrain):
    out, _ = written
    before = contents(out)

    def bits(*options):
        done = command("evaluate", out, "--data", refrain, "--json", *options)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)["bpc"]

    static, adaptive = bits(), bits("--dynamic")
    # After a few dozen times a line of 31 characters is known by heart.
    assert adaptive < 0.6 * static
    assert bits("--dynamic") == adaptive
    # The same numbers in float32, in pieces of another length.
    assert bits("--dynamic", "--set", "learning_rate=0") == pytest.approx(static, rel=1e-5)
    assert bits("--dynamic", "--set", "decay=40") > adaptive
    assert contents(out) == before
    assert "dynamic evaluation" in command("evaluate", out, "--dynamic").stdout


def test_a_model_that_adapts_continues_as_the_prompt_does(written, command, refrain):
    out, _ = written
    before, prompt = contents(out), refrain.read_text("utf-8")
    options = ["generate", out, "--prompt", prompt, "--length", "90", "--temperature", "0"]
    static, adapted = (command(*options, *more).stdout.removeprefix(prompt) for more in ([], ["--dynamic"]))
    assert "a crown wants the king at tea.\n" in adapted
    assert "wants the king at tea" not in static
    assert command(*options, "--dynamic").stdout == prompt + adapted
    # Nothing to learn from: the model writes as it would alone.
    alone = ["generate", out, "--length", "40"]
    assert command(*alone, "--dynamic").stdout == command(*alone).stdout
    assert contents(out) == before


@pytest.mark.parametrize("name", ["evaluate", "generate"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "segment=5"], "--set gives the options of dynamic evaluation; add --dynamic"),
        (["--dynamic", "--set", "rate=1"], "unknown option 'rate'"),
        (["--dynamic", "--set", "segment=0"], "segment must be at least 1, not 0"),
    ],
)
def test_options_of_dynamic_evaluation_that_cannot_be_are_refused(name, options, message, written, command):
    done = command(name, written[0], *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["evaluate", "generate"])
def test_a_model_of_another_task_does_not_adapt(name, trained, command):
    done = command(name, trained[0], "--dynamic")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("seqkit: a sentiment model is not a language model and cannot adapt; leave out --dynamic\n")


def endless(out):
    return Command("generate", out, "--length", "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_text_without_end_comes_as_it_is_written_until_control_c(written):
    with endless(written[0]) as process:
        assert len(process.stdout.read(5000)) == 5000
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, b"")


def test_generating_ends_when_nobody_reads_any_more(written):
    with endless(written[0]) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == b""


def test_a_run_killed_in_mid_epoch_ends_with_the_same_weights(text, killed_and_resumed):
    tensors, _ = killed_and_resumed("charlm", "--data", text, *SHORT, "--dropout", "0.3", "--recall", "9")
    assert {"carried.h", "carried.past.outputs"} <= tensors.keys()


def test_a_run_with_noise_in_its_loop_ends_with_the_same_weights(text, killed_and_resumed):
    noise = (
        "--zoneout",
        "0.1",
        "--recurrent-dropout",
        "0.2",
        "--variational-dropout",
        "0.2",
        "--weight-dropout",
        "0.2",
    )
    shape = ("--num-layers", "2", "--residual", "true", "--learned-state", "true")
    tensors, _ = killed_and_resumed("charlm", "--data", text, *SHORT, *noise, *shape)
    assert {"carried.h", "carried.c"} <= tensors.keys()


@pytest.mark.parametrize("tokenizer", ["word", "byte"])
def test_words_and_bytes_are_learned_and_written_too(tokenizer, text, command, tmp_path):
    out = tmp_path / "run"
    done = command("run", "charlm", "--data", text, "--tokenizer", tokenizer, "--out", out, *SMALL, "--epochs", "2")
    assert done.returncode == 0, done.stderr
    results = json.loads((out / "results.json").read_text())
    assert f"{tokenizer}s_per_second" in results
    written = command("generate", out, "--prompt", "Ada wants", "--length", "40").stdout
    assert written.startswith("Ada wants")
    if tokenizer == "word":
        assert written.startswith("Ada wants ")
        symbols = json.loads((out / "vocab.json").read_text())["symbols"]
        assert set(written.lower().replace(".", " . ").split()) <= set(symbols)


BAD = [
    (b"", "text.txt is empty; give more text"),
    (b"short", "one chunk needs 65; give more text or a smaller --chunk"),
    (b"ab", "too little text (2 bytes)"),
    (b"fine\n" * 40 + b"\0", "text.txt:41: the line has a NUL byte"),
    (b"fine\n" * 40 + b"\xff", "text.txt:41: byte 0xff at column 1 is not UTF-8"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_a_bad_text_is_refused_in_a_sentence(content, message, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_bytes(content)
    options = ["--valid-fraction", "0.3", "--test-fraction", "0.3"] if content == b"short" else []
    done = command("run", "charlm", "--data", "text.txt", *options)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_texts_and_splits_in_files_of_their_own(text, command, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    whole = text.read_text("utf-8")
    (folder / "a.txt").write_text(whole[:6000], "utf-8")
    (folder / "b.md").write_text(whole[6000:], "utf-8")
    (folder / "c.bin").write_bytes(b"\0")
    own = ["--valid-data", folder / "a.txt", "--test-data", folder / "b.md"]
    done = command("run", "charlm", "--data", folder, *own, "--out", tmp_path / "run", *SMALL, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "1 of 3 files are empty or no" in done.stderr
    assert f"{len(whole):,} characters to train, 6,000 to validate, {len(whole) - 6000:,} to test" in done.stderr


MEASURE = """
import sys
from pathlib import Path
from seqkit.config import make_config
from seqkit.machine import peak
from seqkit.runs import find_task, start
from seqkit.training import Callback, Stopped

class Few(Callback):
    def on_step(self, trainer):
        trainer.stopping = trainer.progress.step == 3

path = Path(sys.argv[1])
task = find_task("charlm")
config = make_config(task.config, {"data": str(path), "hidden_size": 16, "valid_fraction": 0.01, "test_fraction": 0.01})
session = start(task, config, path.parent / path.stem, [])
try:
    session.train([Few()])
except Stopped:
    print(round(peak()))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_text(text, tmp_path):
    block = text.read_bytes()
    peaks = []
    for size in (2, 60):
        path = tmp_path / f"{size}.txt"
        path.write_bytes(block * (size * 2**20 // len(block)))
        done = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    # The pages of the map that a step has touched count as memory: a few rows of it, not 60 MB.
    assert peaks[1] < peaks[0] + 25


def test_generate_stops_at_a_text_and_writes_no_ngram_twice(written, command):
    options = ["generate", written[0], "--prompt", "René ", "--length", "120", "--temperature", "0"]
    whole = command(*options).stdout.rstrip("\n")
    stop = whole[40:43]
    assert command(*options, "--stop", "☃", "--stop", stop).stdout == whole[: whole.index(stop, 5)] + "\n"
    text = command(*options, "--no-repeat-ngram", "3").stdout.rstrip("\n")
    grams = [text[n : n + 3] for n in range(len(text) - 2)]
    assert len(grams) == len(set(grams))
    refused = command(*options, "--stop", "")
    assert refused.returncode == 2 and "the text to stop at is empty" in refused.stderr
