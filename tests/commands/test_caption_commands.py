"""Captions on the command line: run, predict, evaluate, stop and resume, as processes on a few pictures."""

import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw
from seqkit.tasks.caption import TASK, CaptionConfig

from seqkit import SeqkitError
from seqkit.config import make_config
from seqkit.runs import find_task, resume, start

SMALL = ["--hidden-size", "16", "--embedding-size", "12", "--vector-size", "16", "--width", "4", "--batch-size", "16"]
GLYPHS = ["--letters", "40", "--faces", "Sans,Serif", "--sizes", "20", *SMALL, "--epochs", "2"]


@pytest.fixture(scope="session")
def album(tmp_path_factory):
    """120 pictures of a square or a dot, left or right, with a caption for each, and vectors of them."""
    folder = tmp_path_factory.mktemp("album")
    generator = np.random.default_rng(0)
    lines, vectors = ["file\tcaption"], []
    for number in range(120):
        shape, right = number % 2, number // 2 % 2
        image = Image.new("L", (16, 16), int(generator.integers(0, 40)))
        x, y = (9 * right + int(generator.integers(0, 2)), int(generator.integers(2, 8)))
        draw = ImageDraw.Draw(image)
        draw.rectangle([x, y, x + 5 - 4 * shape, y + 5 - 4 * shape], fill=int(generator.integers(150, 256)))
        image.save(folder / f"{number}.png")
        lines.append(f"{number}.png\ta {'dot' if shape else 'square'} on the {'right' if right else 'left'}")
        vectors.append([shape, right, *generator.normal(size=2)])
    (folder / "captions.tsv").write_text("\n".join(lines), encoding="utf-8")
    np.save(folder / "vectors.npy", np.array(vectors, np.float32))
    return folder


OWN = ["--picture-size", "16", "--hidden-size", "32", "--embedding-size", "16", "--vector-size", "32", "--width", "8"]
OWN += ["--batch-size", "8", "--epochs", "20", "--set", "learning_rate=0.01", "--set", "patience=0"]
OWN += ["--dropout", "0", "--jitter", "0.3", "--start", "state", "--valid-fraction", "0.2", "--test-fraction", "0.2"]


@pytest.fixture(scope="session")
def captioned(album, seqkit, tmp_path_factory):
    """A finished run on the album and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "caption"
    done = seqkit("run", "caption", "--data", album, "--out", out, *OWN)
    assert done.returncode == 0, done.stderr
    return out, done


def test_a_run_on_glyphs_reports_scores_and_shows_captions(seqkit, tmp_path):
    out = tmp_path / "run"
    done = seqkit("run", "caption", "--out", out, *GLYPHS)
    assert done.returncode == 0, done.stderr
    results = json.loads((out / "results.json").read_text())
    assert results["metric"] == "bleu"
    assert set(results["test"]) == set(results["baseline"]) == {"bleu", "chrf", "exact", "cider"}
    lines = [line for line in [*done.stderr.splitlines(), *done.stdout.splitlines()] if str(out) not in line]
    assert all(len(line) <= 80 for line in lines)
    assert sum(line.startswith("epoch") for line in lines) == 2
    # Below each epoch, letters of the validation split with what the model writes.
    assert sum("LETTER" in line for line in done.stderr.splitlines()) >= 4
    shown = [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]
    assert all(entry["input"].startswith("U+") and "caption" in entry for entry in shown)
    with Image.open(out / "captions.png") as sheet:
        assert sheet.size[0] > 500


def test_no_letter_is_in_two_splits():
    config = CaptionConfig(letters=60, faces="Sans,Serif-Bold", sizes="20,24")
    splits = TASK.read(config, [])
    letters = [{e.group for e in split} for split in (splits.train, splits.valid, splits.test)]
    assert sum(map(len, letters)) == len(set.union(*letters)) == 60
    assert [len(split) for split in letters] == [48, 6, 6]
    other = TASK.read(CaptionConfig(letters=60, faces="Sans,Serif-Bold", sizes="20,24", seed=1), [])
    assert {e.group for e in other.test} != letters[2]


def test_test_pictures_that_look_like_one_with_another_caption_are_counted():
    notes = []
    splits = TASK.read(CaptionConfig(faces="Sans", sizes="20"), notes)
    examples = [e for split in (splits.train, splits.valid, splits.test) for e in split]
    ambiguous = sum(
        any((o.picture.values == e.picture.values).all() and o.captions != e.captions for o in examples)
        for e in splits.test
    )
    assert ambiguous > 0
    assert notes[0].startswith(f"{ambiguous} of {len(splits.test)} test pictures look exactly like")


def test_an_album_is_learned_and_its_pictures_captioned(captioned, album, command, seqkit):
    out, _ = captioned
    results = json.loads((out / "results.json").read_text())
    assert results["test"]["exact"] > 0.8 > 0.6 > results["baseline"]["exact"]
    done = seqkit("predict", out, album / "1.png", "--json")
    assert done.returncode == 0, done.stderr
    prediction = json.loads(done.stdout)
    assert prediction["input"] == str(album / "1.png")
    assert prediction["caption"].startswith("a dot on the")
    assert prediction["log_probability"] < 0
    several = command("predict", out, album / "2.png", album / "3.png").stdout.splitlines()
    assert [line.split("\t")[0] for line in several] == ["a square on the right", "a dot on the right"]
    whole = json.loads(command("evaluate", out, "--data", album, "--json").stdout)
    assert whole["examples"] == 120 and whole["exact"] > 0.8
    own = json.loads(command("evaluate", out, "--json").stdout)
    assert own["bleu"] == pytest.approx(results["test"]["bleu"])


@pytest.mark.parametrize("start", ["first", "grid"])
def test_other_starts_run_and_predict(start, album, command, tmp_path):
    out = tmp_path / "run"
    done = command("run", "caption", "--data", album, "--out", out, *OWN, "--epochs", "2", "--start", start)
    assert done.returncode == 0, done.stderr
    assert command("predict", out, album / "2.png").returncode == 0


def test_vectors_computed_beforehand_are_learned_from(album, command, tmp_path):
    out = tmp_path / "run"
    vectors = ["--encoder", "vectors"]
    done = command("run", "caption", "--data", album, "--out", out, *OWN, *vectors)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "results.json").read_text())["test"]["exact"] > 0.8
    assert not (out / "captions.png").exists()
    np.save(tmp_path / "one.npy", np.array([1, 0, 0, 0], np.float32))
    assert command("predict", out, tmp_path / "one.npy").stdout.startswith("a dot on the left")
    assert json.loads(command("evaluate", out, "--data", album, "--json").stdout)["exact"] > 0.8
    np.save(tmp_path / "wide.npy", np.zeros(5, np.float32))
    done = command("predict", out, tmp_path / "wide.npy")
    assert done.returncode == 1
    assert "wide.npy has the shape (1, 5), but this model reads (1, 4)" in " ".join(done.stderr.split())


BAD = [
    (["--beam-size", "0"], 2, "--beam-size must be at least 1, not 0"),
    (["--encoder", "vectors"], 2, "--encoder vectors needs vectors of your own pictures; give --data FOLDER"),
    (["--encoder", "torchvision"], 2, "pip install torchvision"),
    (["--picture-size", "64"], 2, "glyphs are grey pictures of 32 x 32"),
    (["--sizes", "big"], 2, "--sizes takes whole numbers such as 20,24, not 'big'"),
    (["--scripts", "klingon"], 2, "unknown script 'KLINGON'"),
    (["--data", "nowhere"], 2, "no folder"),
]


@pytest.mark.parametrize(("options", "code", "message"), BAD)
def test_what_cannot_work_is_refused_in_one_sentence(options, code, message, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    done = command("run", "caption", *GLYPHS, *options)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_an_empty_picture_and_a_missing_one_are_refused(captioned, album, command, tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    done = command("predict", captioned[0], tmp_path / "empty.png")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "empty.png is empty (0 bytes)" in done.stderr
    assert command("predict", captioned[0], tmp_path / "none.png").returncode == 2
    done = command("evaluate", captioned[0], "--data", tmp_path)
    assert done.returncode == 2
    assert "has no captions.tsv" in done.stderr


def test_without_sacrebleu_no_run_begins(album, command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    done = command("run", "caption", "--data", album, *OWN, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "needs sacrebleu; install it with: pip install 'seqkit[text]'" in done.stderr
    assert not (tmp_path / "run").exists()


def test_predicting_takes_the_options_of_the_search_and_no_other(captioned, command, album):
    for setting, code in (("beam_size=2", 0), ("length_penalty=1", 0), ("beam_size=0", 2), ("width=3", 2)):
        assert command("predict", captioned[0], album / "1.png", "--set", setting).returncode == code


def test_captions_too_short_for_four_words_in_a_row_are_scored_by_what_they_have(album, command, tmp_path):
    folder = tmp_path / "album"
    shutil.copytree(album, folder)
    short = (folder / "captions.tsv").read_text("utf-8").replace("a ", "").replace("on the ", "")
    (folder / "captions.tsv").write_text(short, encoding="utf-8")
    done = command("run", "caption", "--data", folder, *OWN, "--set", "patience=2", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert results["test"]["bleu"] > 80
    assert results["test"]["exact"] > 0.8


def test_a_run_killed_in_mid_epoch_resumes_to_the_same_weights(album, killed_and_resumed):
    killed_and_resumed("caption", "--data", album, *OWN, "--epochs", "2")


def test_a_picture_changed_since_is_noticed(album, tmp_path):
    folder = tmp_path / "album"
    shutil.copytree(album, folder)
    task = find_task("caption")
    start(task, make_config(task.config, {"data": str(folder), "picture_size": 16, "width": 4}), tmp_path / "run", [])
    resume(tmp_path / "run", [])
    Image.new("L", (16, 16), 77).save(folder / "0.png")
    with pytest.raises(SeqkitError, match="have changed since the run began"):
        resume(tmp_path / "run", [])
