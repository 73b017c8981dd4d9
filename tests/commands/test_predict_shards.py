"""Parts of a prediction: joined in order they are the whole, and none is taken for another."""

import json

import pytest

from seqkit.commands.answering import PredictRequest, answer
from seqkit.commands.shards import Shard, parse_shard
from seqkit.errors import UsageError
from seqkit.runs.answers import predict_rows
from tests.commands.predictions import Killed, model, small_groups

TEXTS = ["", "", *(f"a {'very ' * (n % 5)}fine film" if n % 3 else "" for n in range(1, 20))]


__all__ = ["model", "small_groups"]

pytestmark = pytest.mark.usefixtures("small_groups")


def write(path, texts=TEXTS):
    rows = [(str(n), text) for n, text in enumerate(texts)]
    objects = [json.dumps({"n": n, "text": text}) for n, text in rows]
    table = "".join(f"{n},{text}\n" for n, text in [("n", "text"), *rows])
    forms = {".csv": table, ".tsv": table.replace(",", "\t"), ".txt": "\n".join(texts) + "\n"}
    path.write_text(forms.get(path.suffix, "\n".join(objects)))
    return path


def predict(model, source, output, shard=None, digest="", as_json=False):
    request = PredictRequest([], source, None, output, as_json, model=digest, shard=shard and parse_shard(shard))
    request.check()
    answer(model, request, {})
    return output


@pytest.mark.parametrize("kind", ["csv", "tsv", "txt", "jsonl"])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_parts_in_order_are_the_whole(kind, count, model, tmp_path):
    source = write(tmp_path / f"in.{kind}")
    whole = predict(model, source, tmp_path / f"whole.{kind}").read_bytes()
    parts = [predict(model, source, tmp_path / f"{n}.{kind}", f"{n}/{count}").read_bytes() for n in range(1, count + 1)]
    if kind in ("csv", "tsv"):
        header = whole.split(b"\n")[0] + b"\n"
        assert all(part.startswith(header) for part in parts)
        parts = [header, *(part.removeprefix(header) for part in parts)]
    assert b"".join(parts) == whole


def test_a_part_without_an_answer_has_the_columns_of_the_others(model, tmp_path):
    source = write(tmp_path / "in.csv", ["a fine film", "b", "c", "d", *[""] * 4])
    first, second = (predict(model, source, tmp_path / f"{n}.csv", f"{n}/2").read_text() for n in (1, 2))
    assert (
        first.splitlines()[0]
        == second.splitlines()[0]
        == "n,text,predicted_label," + ",".join(f"predicted_probabilities.{label}" for label in ("bad", "good"))
    )
    assert second.splitlines()[1:] == [f"{n},,,," for n in range(4, 8)]


def test_a_part_that_was_killed_ends_with_the_same_bytes(model, tmp_path, monkeypatch, capsys):
    source, output = write(tmp_path / "in.csv"), tmp_path / "out.csv"

    def dies(*arguments, **options):
        for number, group in enumerate(predict_rows(*arguments, **options)):
            if number == 1 and len(group) == 4:
                raise Killed
            yield group

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("seqkit.commands.answering.predict_rows", dies)
        predict(model, source, output, "2/2")
    assert not output.exists()
    predict(model, source, output, "2/2")
    assert "continuing after 4 inputs" in capsys.readouterr().err
    assert output.read_bytes() == predict(model, source, tmp_path / "whole.csv", "2/2").read_bytes()


def test_a_complete_part_is_left_as_it_is(model, tmp_path, capsys, monkeypatch):
    source, output = write(tmp_path / "in.csv"), tmp_path / "out.csv"
    before = predict(model, source, output, "1/2").read_bytes()
    monkeypatch.setattr("seqkit.commands.answering.predict_rows", None)
    predict(model, source, output, "1/2")
    assert "out.csv is shard 1/2 already, and complete" in capsys.readouterr().err
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"shard": "2/2"}, "is shard 1/2, not 2/2; remove"),
        ({"shard": "1/3"}, "is shard 1/2, not 1/3"),
        ({"digest": "another"}, "shard of another prediction: its run, input or options differ"),
        ({"texts": ["a", "b"]}, "shard of another prediction"),
        ({"as_json": True}, "shard of another prediction"),
        ({"note": "{}"}, "damaged|lacks|missing"),
        ({"note": None}, "exists and was not written with --shard; remove"),
    ],
)
def test_an_output_of_another_part_or_prediction_is_refused(other, sentence, model, tmp_path):
    source, output = write(tmp_path / "in.csv"), tmp_path / "out.csv"
    predict(model, source, output, "1/2")
    before = output.read_bytes()
    if "texts" in other:
        write(source, other.pop("texts"))
    if "note" in other:
        note = tmp_path / ".out.csv.shard.json"
        note.unlink() if other["note"] is None else note.write_text(other["note"])
        other.pop("note")
    with pytest.raises(UsageError, match=sentence):
        predict(model, source, output, **{"shard": "1/2", **other})
    assert output.read_bytes() == before


@pytest.mark.parametrize("text", ["3/2", "0/2", "a/b", "1", "1/0", "-1/2", "1/2/3", "", "1/99999999"])
def test_what_is_not_a_part_is_refused(text, trained, command, tmp_path):
    source = write(tmp_path / "in.csv")
    done = command("predict", trained[0], "--input", source, "--output", tmp_path / "out.csv", "--shard", text)
    assert done.returncode == 2 and "is not a shard; write 1/8 for the first of eight" in done.stderr
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("where", [["--input", "-", "--output", "out.csv"], ["--input", "in.csv"], ["a text"]])
def test_a_part_is_of_a_file_and_goes_to_a_file(where, trained, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.csv")
    done = command("predict", trained[0], *where, "--shard", "1/2")
    assert done.returncode == 2 and "give --input FILE and --output FILE" in done.stderr


def test_the_command_writes_a_part(trained, command, tmp_path):
    source = write(tmp_path / "in.csv")
    asked = ["predict", trained[0], "--input", source, "--output", tmp_path / "out.csv", "--shard", "2/2"]
    done = command(*asked)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.csv").read_text().count("\n") == 1 + 4 * 3 - 3
    assert json.loads((tmp_path / ".out.csv.shard.json").read_text())["part"] == "2/2"
    assert "already, and complete" in command(*asked).stderr


def test_parts_cover_every_group_once():
    for count in range(1, 12):
        rows = [row for n in range(count) for row in Shard(n + 1, count).rows(lambda: fake_rows(30))()]
        assert rows == fake_rows(30)


def fake_rows(count):
    from seqkit.runs.rows import InputRow

    return [InputRow(str(n)) for n in range(count)]
