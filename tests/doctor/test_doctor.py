"""`seqkit doctor`: what it reports of data of every kind, before anyone trains."""

import json

import pytest

from seqkit.config import make_config
from seqkit.doctor.examine import examine
from seqkit.errors import SeqkitError
from seqkit.runs import find_task, start


def found(done):
    report = json.loads(done.stdout)
    return report, {(f["kind"], (f["where"] or "").rpartition(":")[2]) for f in report["findings"]}


def test_good_data_are_ready_and_their_cost_is_estimated(reviews, small, command):
    done = command("doctor", "sentiment", reviews, *small, "--json")
    assert done.returncode == 0, done.stderr
    report, _ = found(done)
    assert report["sound"] and report["labels"] == {"good": 120, "bad": 120}
    assert report["parts"] == {"train": 240, "valid": 30, "test": 30}
    assert report["files"][0]["input"] == ["text"] and report["files"][0]["rows"] == 300
    assert report["coverage"]["train"] == 1.0
    assert report["lengths"]["least"] >= 3 and report["lengths"]["most"] == 13
    # 240 examples in batches of 16.
    assert report["estimate"]["steps_per_epoch"] == 15
    assert 0 < report["estimate"]["seconds_per_epoch"] < 60
    assert report["estimate"]["memory_mb"] > 100


def test_all_that_is_wrong_is_reported_at_once_with_its_location_and_what_to_do(reviews, small, command, tmp_path):
    lines = reviews.read_text().splitlines()
    lines[3], lines[5], lines[7] = "one field", "a,b,c", "a wonderful story,"
    lines[9] = ",good"
    lines[11] = lines[10].rpartition(",")[0] + ",bad"
    path = tmp_path / "my.csv"
    path.write_text("\n".join(lines) + "\n")
    done = command("doctor", "sentiment", path, *small, "--no-timing", "--json")
    assert done.returncode == 1
    report, places = found(done)
    assert {("broken", "4"), ("broken", "6"), ("broken", "8"), ("empty", "10"), ("contradictions", "12")} <= places
    assert all(f["where"].startswith(str(path)) and f["mend"] for f in report["findings"] if f["level"] == "wrong")
    assert "estimate" not in report
    shown = command("doctor", "sentiment", path, *small, "--no-timing")
    assert (
        f"wrong: {path}:4: 1 field, but the first line names 2 columns, in 'one field'; correct the row" in shown.stdout
    )
    assert "3 errors to fix before training" in shown.stdout
    assert "seqkit-doctor-" not in shown.stdout


def test_leaks_rare_labels_cuts_and_unknown_words_are_reported(reviews, small, command, tmp_path):
    lines = reviews.read_text().splitlines()
    other = tmp_path / "valid.csv"
    other.write_text("\n".join([lines[0], lines[1], "zzz qqq ☃ xxx www vvv,good", *lines[2:4]]) + "\n")
    mine = tmp_path / "my.csv"
    mine.write_text("\n".join([*lines, *(f"so {word} it is,odd" for word in ("one", "two", "three"))]) + "\n")
    options = ["--valid-data", other, "--max-tokens", "5", "--no-timing", "--json", "--test-fraction", "0.1"]
    report, places = found(command("doctor", "sentiment", mine, *small, *options))
    kinds = {kind for kind, _ in places}
    assert {"leak", "cut", "balance", "coverage"} <= kinds
    assert ("characters", "3") in places
    assert report["sound"]
    leak = next(f for f in report["findings"] if f["kind"] == "leak")
    assert leak["where"] == f"{other}:2" and f"{mine}:2" in leak["what"]


def test_one_of_anything_is_in_the_singular(reviews, small, command, tmp_path):
    lines = reviews.read_text().splitlines()
    mine = tmp_path / "my.csv"
    mine.write_text("\n".join([*lines, lines[4], "so odd it is,odd", "so odd are we,odd", "so odd was it,odd"]) + "\n")
    shown = command("doctor", "sentiment", mine, *small, "--no-timing").stdout
    assert f"{mine}:302: the input is a duplicate of line 5; remove duplicates unless they are intended" in shown
    assert "a label is seen fewer than 5 times in training: 'odd'" in shown
    (tmp_path / "one.tsv").write_text("a red house\tune maison rouge\n")
    done = command("doctor", "translate", tmp_path / "one.tsv")
    assert done.returncode == 1 and "one.tsv: lines, 1 row\n" in done.stdout
    assert done.stdout.endswith("1 error to fix before training; the rest is checked once that is done\n")


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(20):
        rows = "".join(f"{number},{step},{'ab'[step > 3]}\n" for step in range(5 + number % 3))
        (folder / f"c{number}.csv").write_text(f"height,width,label\n{rows}")
    return folder


def test_a_folder_of_frames_is_examined_and_what_is_wrong_in_it_located(clips, command):
    done = command("doctor", "frames", clips, "--hidden-size", "8")
    assert done.returncode == 0 and done.stdout.endswith("ready to train\n"), done.stdout
    assert "Lengths, in steps" in done.stdout and "0.0 s" not in done.stdout
    (clips / "c20.csv").write_text("height,width,label\n1,2,a\n1,much,b\n")
    done = command("doctor", "frames", clips, "--no-timing")
    assert done.returncode == 1
    assert f"wrong: {clips / 'c20.csv'}:3: column 'width': 'much' is not a number" in done.stdout


def test_a_folder_of_pictures_is_examined_and_what_is_wrong_in_it_located(command, tmp_path):
    from PIL import Image

    for number in range(20):
        Image.new("L", (8, 8), 10 * number).save(tmp_path / f"{number}.png")
    captions = [f"{number}.png\ta {'dark' if number < 10 else 'light'} square" for number in range(20)]
    listed = tmp_path / "captions.tsv"
    listed.write_text("\n".join(["file\tcaption", *captions]) + "\n")
    options = ["--hidden-size", "8", "--picture-size", "16", "--width", "4", "--vector-size", "8"]
    done = command(
        "doctor", "caption", tmp_path, *options, "--valid-fraction", "0.2", "--test-fraction", "0.2", "--json"
    )
    assert done.returncode == 0, done.stdout
    assert found(done)[0]["parts"] == {"train": 12, "valid": 4, "test": 4}
    listed.write_text(listed.read_text() + "nowhere.png\ta square\n")
    done = command("doctor", "caption", tmp_path, "--no-timing")
    assert done.returncode == 1 and f"wrong: {listed}:22: 'nowhere.png' has a caption but is not in" in done.stdout


TASKS = [
    ("translate", "phrases", ["--tokenizer", "word", "--hidden-size", "8"]),
    ("g2p", "words", ["--hidden-size", "8"]),
    ("tag", "sentences", ["--hidden-size", "8"]),
    ("digit", "points", ["--hidden-size", "8"]),
    ("charlm", "prose", ["--hidden-size", "8", "--chunk", "10", "--streams", "2"]),
]


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("".join(f"{a}{b}t\t{a.upper()} {b.upper()} T\n" for a in "bcdfghk" for b in "aeiou"))
    return path


@pytest.fixture
def sentences(tmp_path):
    path = tmp_path / "sentences.conll"
    rows = [f"{name} N\n{verb} V\n" for name in ("Eve", "Bob", "Lee", "Ann", "Tim") for verb in ("ran", "saw", "is")]
    path.write_text("\n".join(rows))
    return path


@pytest.fixture
def prose(tmp_path):
    path = tmp_path / "prose.txt"
    path.write_text("It was the best of times, it was the worst of times.\n" * 40)
    return path


@pytest.mark.parametrize(("task", "data", "options"), TASKS)
def test_every_task_that_reads_files_is_examined(task, data, options, command, request):
    path = request.getfixturevalue(data)
    done = command("doctor", task, path, *options, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report, _ = found(done)
    assert report["files"][0]["path"] == str(path)
    assert report["parts"]["train"] > 0 and report["lengths"]["most"] >= 1
    assert report["estimate"]["timed_steps"] >= 1


def test_what_a_task_cannot_read_is_reported_row_by_row(points, command, tmp_path):
    lines = points.read_text().splitlines()
    lines[4], lines[8] = "1,big,7,1", "1,2,7,"
    path = tmp_path / "my.csv"
    path.write_text("\n".join(lines) + "\n")
    report, places = found(command("doctor", "digit", path, "--no-timing", "--json"))
    assert {("broken", "5"), ("broken", "9")} <= places
    assert report["parts"] and not report["sound"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["sentimnt"], 2, "did you mean 'sentiment'?"),
        (["sentiment", "nowhere.csv"], 1, "no file"),
        (["sentiment", "x.csv", "--data", "y.csv"], 2, "give the data once"),
        (["sentiment", "x.csv", "--hidden-size", "0"], 2, "--hidden-size must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(arguments, code, message, command):
    done = command("doctor", *arguments)
    assert done.returncode == code
    assert message in " ".join((done.stdout + done.stderr).split())


def test_a_run_stops_at_what_is_wrong_and_notes_contradictions(reviews, tmp_path):
    task = find_task("sentiment")
    lines = reviews.read_text().splitlines()
    path = tmp_path / "my.csv"
    path.write_text("\n".join([*lines, *(line.rpartition(",")[0] + ",bad" for line in lines[1:3])]) + "\n")
    notes = []
    start(task, make_config(task.config, {"data": str(path), "hidden_size": 8}), tmp_path / "run", notes)
    assert any("repeat an input with a different label" in note for note in notes)
    empty = tmp_path / "empty.csv"
    empty.write_text('text,label\n"",good\n')
    config = make_config(task.config, {"data": str(path), "valid_data": str(empty)})
    with pytest.raises(SeqkitError):
        start(task, config, tmp_path / "other", [])
    assert examine(task, config, 0).sound is False
