"""Predictions that were stopped: the same command continues after the last answer, and ends with the same bytes."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from seqkit.commands.answer_files import Answers
from seqkit.commands.answering import PredictRequest, answer
from seqkit.data import DataError
from seqkit.data.readers.compressed import open_bytes
from seqkit.runs.answers import predict_rows
from tests.commands.predictions import Killed, model, small_groups

TEXTS = [f"a {'very ' * n}fine film" if n % 3 else "" for n in range(1, 12)]


__all__ = ["model", "small_groups"]

pytestmark = pytest.mark.usefixtures("small_groups")


@pytest.fixture
def kill(model, monkeypatch):
    """Predicts, and is killed after eight inputs."""

    def dies(*arguments, **options):
        for number, group in enumerate(predict_rows(*arguments, **options)):
            if number == 2:
                raise Killed
            yield group

    def ask_and_die(request):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr("seqkit.commands.answering.predict_rows", dies)
            answer(model, request, {})

    return ask_and_die


def request_of(source, output, as_json=False, model=""):
    return PredictRequest([], source, None, output, as_json, model=model)


def write(path):
    kind, rows = path.suffix, [(str(n), text) for n, text in enumerate(TEXTS)]
    objects = [json.dumps({"n": n, "text": text}) for n, text in rows]
    between = {".csv": ",", ".tsv": "\t"}.get(kind, "")
    table = "".join(between.join(row) + "\n" for row in [("n", "text"), *rows])
    lines = {".txt": "\n".join(TEXTS), ".json": "[" + ",\n".join(objects) + "]", ".jsonl": "\n".join(objects)}
    path.write_text(lines.get(kind, table))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["txt", "csv", "tsv", "json", "jsonl"])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_prediction_that_was_killed_ends_with_the_same_bytes(kind, as_json, model, kill, tmp_path, capsys):
    source, output, whole = (tmp_path / f"{name}.{kind}" for name in ("in", "out", "whole"))
    write(source)
    kill(request_of(source, output, as_json))
    # Half a line of the answers that came after what was noted.
    with (tmp_path / f"out.{kind}.partial").open("a") as file:
        file.write('{"label')
    answer(model, request_of(source, output, as_json), {})
    assert "continuing after 8 inputs" in capsys.readouterr().err
    answer(model, request_of(source, whole, as_json), {})
    assert output.read_bytes() == whole.read_bytes()
    assert names(tmp_path) == sorted([source.name, output.name, whole.name])


@pytest.mark.parametrize("change", ["input", "model", "format", "journal", "answers"])
def test_answers_of_another_prediction_are_begun_anew(change, model, kill, tmp_path, capsys):
    source, output, whole = (tmp_path / f"{name}.txt" for name in ("in", "out", "whole"))
    write(source)
    kill(request_of(source, output, change == "format", "another" if change == "model" else ""))
    if change == "input":
        source.write_text(source.read_text().replace("very very", "rather", 1))
    if change == "journal":
        (tmp_path / "out.txt.partial.json").write_text("{}")
    if change == "answers":
        os.truncate(tmp_path / "out.txt.partial", 10)
    for path in (output, whole):
        answer(model, request_of(source, path), {})
    assert "going on after" not in capsys.readouterr().err
    assert output.read_bytes() == whole.read_bytes()
    assert names(tmp_path) == ["in.txt", "out.txt", "whole.txt"]


def test_when_a_row_is_fixed_its_answers_continue_in_the_same_batches(model, tmp_path, capsys):
    source, output, whole = (tmp_path / f"{name}.txt" for name in ("in", "out", "whole"))
    lines = [f"a {'very ' * n}fine film\n".encode() for n in range(9)]
    source.write_bytes(b"".join([*lines[:6], b"\xff\n"]))
    with pytest.raises(DataError, match=r"in.txt:7"):
        answer(model, request_of(source, output), {})
    assert "the same command continues from there" in capsys.readouterr().err
    source.write_bytes(b"".join(lines))
    for path in (output, whole):
        answer(model, request_of(source, path), {})
    assert "continuing after 4 inputs" in capsys.readouterr().err
    assert output.read_bytes() == whole.read_bytes()


def test_a_file_of_the_task_s_own_format_is_gone_on_with(command, tmp_path, monkeypatch):
    run = shutil.copytree(Path(__file__).parents[1] / "runs/made_by_0_1_0/tag", tmp_path / "run")
    facts = json.loads((run / "run.json").read_text())
    # The paths in it are those of another checkout.
    facts["digests"]["config.toml"] = hashlib.blake2b((run / "config.toml").read_bytes(), digest_size=16).hexdigest()
    (run / "run.json").write_text(json.dumps(facts))
    source, output, whole = (tmp_path / f"{name}.conll" for name in ("in", "out", "whole"))
    source.write_text("".join("ann\tB-PER\nsings\tO\n\n" for _ in range(9)))
    monkeypatch.setattr("seqkit.runs.passages._INPUTS", 4)

    def killed(self, *arguments):
        keep(self, *arguments)
        raise Killed

    with monkeypatch.context() as patch:
        keep = Answers.keep
        patch.setattr(Answers, "keep", killed)
        with pytest.raises(Killed):
            command("predict", run, "--input", source, "--output", output)
    done = command("predict", run, "--input", source, "--output", output)
    assert (done.returncode, "continuing after 4 inputs" in done.stderr) == (0, True)
    command("predict", run, "--input", source, "--output", whole)
    assert output.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("ending", [".gz", ".xz"])
def test_what_cannot_be_gone_on_with_is_begun_anew(ending, model, kill, tmp_path):
    source, output, whole = tmp_path / "in.txt", tmp_path / f"out.txt{ending}", tmp_path / "whole.txt"
    write(source)
    kill(request_of(source, output))
    assert not (tmp_path / f"out.txt{ending}.partial.json").exists()
    for path in (output, whole):
        answer(model, request_of(source, path), {})
    with open_bytes(output) as file:
        assert file.read() == whole.read_bytes()
