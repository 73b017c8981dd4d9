"""Every bad input gets one clear sentence, the right exit code, and nothing is lost."""

import hashlib
import json
import resource
import shutil

import pytest

import seqkit
from seqkit.inspection.inside import look_inside
from seqkit.runs import RunDirectory

GOOD_ROWS = "".join(f"fine {n},x\nbad {n},y\n" for n in range(20))


def refused(done, code, *parts):
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith("seqkit: ")
    for part in parts:
        assert part in sentence, sentence


COMMANDS = [
    (["run", "sentimet"], "did you mean 'sentiment'"),
    (["rum", "sentiment"], "did you mean 'run'"),
    (["run", "sentiment", "--cell", "lstn"], "unknown cell 'lstn'; did you mean 'lstm'?"),
    (["run", "sentiment", "--tokenizer", "wrd"], "did you mean 'word'"),
    (["run", "sentiment", "--pooling", "maxx"], "did you mean 'max'"),
    (["run", "sentiment", "--hidden-size", "0"], "--hidden-size must be at least 1, not 0"),
    (["run", "sentiment", "--hidden-size", "-3"], "--hidden-size must be at least 1, not -3"),
    (["run", "sentiment", "--hidden-size", "many"], "--hidden-size must be a whole number, not 'many'"),
    (["run", "sentiment", "--learning-rate", "nan"], "finite"),
    (["run", "sentiment", "--hiden-size", "3"], "--hidden-size"),
    (["run", "sentiment", "--set", "hiden_size=3"], "did you mean 'hidden_size'"),
    (["run", "sentiment", "--set", "hidden_size"], "--set takes name=value"),
    (["run", "sentiment", "--cell-options", "rest=after", "--cell", "gru"], "did you mean 'reset'"),
    (["run", "sentiment", "--data", "nowhere.csv"], "no file"),
    (["run", "sentiment", "--config", "nowhere.toml"], "cannot read nowhere.toml"),
    (["run", "sentiment", "--out", "/dev/null/run"], "another folder with --out"),
    (["predict", "."], "is not a run"),
    (["predict", "nowhere", "text"], "is not a run"),
    (["resume", "nowhere"], "is not a run"),
    (["evaluate", "nowhere"], "is not a run"),
]


@pytest.mark.parametrize(("arguments", "message"), COMMANDS, ids=[" ".join(a) for a, _ in COMMANDS])
def test_a_wrong_command_exits_with_2(arguments, message, tmp_path, monkeypatch, capfd):
    from seqkit.commands import main

    monkeypatch.chdir(tmp_path)
    if "--data" not in arguments and arguments[:2] == ["run", "sentiment"]:
        (tmp_path / "good.csv").write_text("text,label\n" + GOOD_ROWS)
        arguments = [*arguments, "--data", "good.csv"]
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    errors = capfd.readouterr().err
    assert message in errors
    assert len(errors.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


FILES = [
    ("", 1, "bad.csv:1: the file is empty"),
    ("text,label\n", 1, "bad.csv:1: the file has a header but no rows"),
    ("text,label\na,b,c\n", 1, "bad.csv:2: 3 fields"),
    (b"text,label\n\xff,b\n", 1, "bad.csv:2: byte 0xff"),
    (b"text,label\n\0,b\n", 1, "bad.csv:2: the line has a NUL byte"),
    ("text,label\n" + "a" * 2**20 + ",b\n", 1, "bad.csv:2: the line is longer"),
    ("text,label\na,x\nb,x\n", 1, "bad.csv:2: there is only one class, 'x'"),
    ("text,label\n" + GOOD_ROWS + "odd,z\n", 1, "bad.csv:42: class 'z' has 1 different text"),
    ("text,label\n,x\n,y\n", 1, "every text is empty"),
    ("words,label\na,x\n", 2, "bad.csv:1: cannot tell which column holds the text"),
]


@pytest.mark.parametrize(("content", "code", "message"), FILES, ids=[message for _, _, message in FILES])
def test_a_bad_data_file_is_named_with_its_line(content, code, message, tmp_path, monkeypatch, capfd):
    from seqkit.commands import main

    (tmp_path / "bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["run", "sentiment", "--data", "bad.csv", "--out", "run"])
    assert stop.value.code == code
    assert message in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_config_file_is_refused_with_its_line_or_key(command, tmp_path):
    path = tmp_path / "c.toml"
    for content, code, message in (
        ("epochs = \n", 1, "c.toml:1"),
        ("epoch = 3\n", 2, "did you mean 'epochs'"),
        ('epochs = "three"\n', 2, "epochs must be a whole number, not 'three'"),
        ('task = "tag"\n', 2, "is for task 'tag'"),
    ):
        path.write_text(content)
        refused(command("run", "sentiment", "--config", path), code, message)


def test_an_out_folder_that_is_in_use_is_left_alone(command, trained, tmp_path):
    out, _ = trained
    refused(command("run", "sentiment", "--out", out), 2, "not empty", f"seqkit resume {out}")
    (tmp_path / "notes.txt").write_text("mine")
    refused(command("run", "sentiment", "--out", tmp_path), 2, "not empty")
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.fixture
def copy(trained, tmp_path):
    return shutil.copytree(trained[0], tmp_path / "copy")


@pytest.mark.parametrize("name", ["config.toml", "vocab.json", "labels.json", "run.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "edited", "gone"])
def test_a_damaged_run_is_refused_by_the_name_of_the_file(name, damage, copy, capfd):
    from seqkit.commands import main

    path = copy / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        middle = len(content) // 2
        rest = bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes(content[:middle] + (rest if damage == "edited" else b""))
    if name == "run.json" and damage == "edited":
        path.write_bytes(content.replace(b'"format": 1', b'"format": "x"'))
    with pytest.raises(SystemExit) as stop:
        main(["predict", str(copy), "fine"])
    assert stop.value.code == (2 if (name, damage) == ("run.json", "gone") else 1)
    error = capfd.readouterr().err
    assert len(error.strip().splitlines()) == 1
    assert name in error or "is not a run" in error or "no trained model" in error


@pytest.mark.parametrize("damage", ["truncated", "edited"])
def test_a_damaged_checkpoint_is_refused_by_name(damage, copy, capfd):
    from seqkit.commands import main

    (copy / "results.json").unlink()
    path = copy / "checkpoint/last.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-9] if damage == "truncated" else content[:-9] + b"x" * 9)
    with pytest.raises(SystemExit) as stop:
        main(["resume", str(copy)])
    assert stop.value.code == 1
    assert "last.safetensors" in capfd.readouterr().err


def test_a_run_of_a_newer_version_says_to_upgrade(copy, command):
    facts = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**facts, "format": 99, "seqkit": "9.0"}))
    refused(command("predict", copy, "fine"), 1, "newer seqkit (9.0", "pip install -U seqkit")


@pytest.mark.parametrize("words", [["inspect", "fine"], ["export"], ["report"], ["evaluate"], ["resume"]])
def test_every_command_refuses_a_run_of_a_newer_version(words, copy, command):
    facts = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**facts, "format": 99, "seqkit": "9.0"}))
    refused(command(words[0], copy, *words[1:]), 1, "newer seqkit (9.0", "pip install -U seqkit")


def test_a_run_of_a_task_that_is_not_installed_is_refused_by_its_name(copy, command):
    content = (copy / "config.toml").read_text().replace('task = "sentiment"', 'task = "sentimental"').encode()
    (copy / "config.toml").write_bytes(content)
    facts = json.loads((copy / "run.json").read_text())
    facts["digests"]["config.toml"] = hashlib.blake2b(content, digest_size=16).hexdigest()
    RunDirectory(copy).write_facts(facts)
    refused(command("predict", copy, "fine"), 2, "unknown task 'sentimental'; did you mean 'sentiment'?")


def test_a_run_of_a_task_that_cannot_do_it_is_refused(trained, command):
    refused(command("generate", trained[0]), 2, "a sentiment model does not continue a text")
    refused(command("predict", trained[0], "--stream", "--input", "-"), 2, "reads whole inputs, not a stream")


def test_a_text_longer_than_trained_on_is_read_as_far_as_that_and_it_is_reported(trained, command, tmp_path):
    text = "a dull story " * 200
    done = command("predict", trained[0], text)
    assert done.returncode == 0 and done.stdout.startswith("bad\t")
    assert done.stderr.startswith("note: the input has 600 tokens, of which the model reads the first 400")
    done = command("inspect", trained[0], text, "--out", tmp_path / "page.html")
    assert done.returncode == 0
    assert "Of the 600 symbols given the model reads the first 400." in (tmp_path / "page.html").read_text()


def test_an_empty_text_has_no_answer_and_nothing_to_look_at(trained, command):
    done = command("predict", trained[0], "")
    assert (done.returncode, done.stdout, done.stderr) == (0, "\t\n", "")
    refused(command("inspect", trained[0], ""), 2, "there is nothing to read in the text; give one with a word in it")


def test_gradients_of_a_plain_network_are_refused(pointed, command):
    refused(command("inspect", pointed, "--gradient-flow"), 2, "a digit model is one to one: it has no time")


def test_a_cell_without_an_onnx_operator_is_exported_by_its_step(command, reviews, small, tmp_path):
    options = ["--cell", "lstm-layer-norm", "--epochs", "1", "--out", tmp_path / "run"]
    assert command("run", "sentiment", "--data", reviews, *small, *options).returncode == 0
    assert command("export", tmp_path / "run").returncode == 0
    assert (tmp_path / "run/onnx/model.onnx").exists()


def test_a_csv_without_the_column_is_refused_with_those_it_has(trained, command, tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("words,mood\nfine,good\n")
    said = f"{path}:1: cannot tell which column holds the text (the columns are words, mood)"
    refused(command("predict", trained[0], "--input", path), 2, said)
    refused(command("evaluate", trained[0], "--data", path), 2, said)
    refused(command("run", "sentiment", "--data", path, "--out", tmp_path / "run"), 2, said)
    refused(
        command("predict", trained[0], "--input", path, "--text-column", "word"),
        2,
        "did you mean --text-column 'words'?",
    )
    done = command("doctor", "sentiment", path, "--no-timing")
    assert done.returncode == 1 and f"wrong: {said}" in done.stdout


def test_a_label_that_training_has_not_is_placed_by_every_command(reviews, small, command, tmp_path):
    other = tmp_path / "valid.csv"
    other.write_text("text,label\nfine,good\nfine,odd\n")
    said = f"{other}:3: label 'odd' is not in the training split; correct it or add examples"
    options = ["--data", reviews, "--valid-data", other, *small]
    refused(command("run", "sentiment", *options, "--out", tmp_path / "run"), 1, said)
    done = command("doctor", "sentiment", *options, "--no-timing")
    assert done.returncode == 1 and f"wrong: {said}" in done.stdout


def test_a_recording_left_open_hinders_no_prediction_and_a_second_one_is_refused(trained):
    model = seqkit.load(trained[0])
    before = model.predict(["a dull story"])
    left = seqkit.record(model)
    trace = left.__enter__()
    assert model.predict(["a dull story"]) == before and trace.layers
    with pytest.raises(seqkit.UsageError, match="is being recorded already; end that recording first"):
        look_inside(model, "a dull story")
    left.__exit__(None, None, None)
    assert look_inside(model, "a dull story").layers


def test_labels_that_the_model_does_not_know_are_placed(trained, command, tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("text,label\nfine,good\nfine,odd\n")
    refused(command("evaluate", trained[0], "--data", path), 1, "more.csv:3", "label 'odd'")


def test_a_bad_line_on_standard_input_is_placed_after_the_answers_before_it(trained, seqkit):
    done = seqkit("predict", trained[0], input=b"wonderful\n\xff\n", text=False)
    assert done.stdout.startswith(b"good")
    assert b"standard input:2: byte 0xff" in done.stderr
    assert done.returncode == 1


def test_a_full_disk_keeps_the_old_checkpoint(seqkit, command, reviews, small, tmp_path):
    """No file may grow over 100 kB: the checkpoint fits at first and not once the optimizer has its moments."""
    out = tmp_path / "run"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = seqkit(
        "run",
        "sentiment",
        "--data",
        reviews,
        "--out",
        out,
        *small,
        "--hidden-size",
        "24",
        "--ngrams",
        "false",
        preexec_fn=limit,
    )
    refused(done, 1, "cannot write", "File too large")
    assert not list(out.glob("**/*.tmp"))
    more = command("resume", out)
    assert more.returncode == 0, more.stderr


def test_debug_shows_the_traceback(command):
    assert "Traceback" in command("--debug", "predict", "nowhere", "x").stderr
