"""``card.md``: what a run has found, in Markdown that shows people's data as they are, and what people fill in."""

import json
import random
import shutil

import pytest

from seqkit.report.card import TO_FILL_IN

QUICK = ["--epochs", "1", "--hidden-size", "8", "--embedding-size", "8"]
SHARES = ["--valid-fraction", "0.2", "--test-fraction", "0.3"]


@pytest.fixture(scope="module")
def run(command, tmp_path_factory):
    """A finished run whose labels look like Markdown."""
    folder, draw = tmp_path_factory.mktemp("card"), random.Random(0)
    words = {"a|b": ["fine", "warm"], "<b>_x_": ["dull", "weak"]}
    labels = draw.choices([*words], k=120)
    rows = "".join(f"the {draw.choice('abcdef')} is {draw.choice(words[label])},{label}\n" for label in labels)
    (folder / "my texts.csv").write_text(f"text,label\n{rows}")
    out = folder / "run"
    done = command("run", "sentiment", "--data", folder / "my texts.csv", "--out", out, *QUICK, *SHARES)
    assert done.returncode == 0, done.stderr
    return out


def sections(card):
    return [line for line in card.splitlines() if line.startswith("#")]


def cells(line):
    """The cells of a row, as Markdown shows them."""
    return [cell.strip().replace("\\", "") for cell in line.replace("\\|", "\0").strip("|").split("|")]


def test_a_card_has_scores_with_intervals_beside_the_named_baseline(run):
    card = (run / "card.md").read_text("utf-8")
    results, found = (json.loads((run / name).read_text()) for name in ("results.json", "report.json"))
    assert sections(card) == [
        "# Model card: sentiment",
        "## Data",
        "## Scores on the test split",
        "### By label",
        "## Limits",
        TO_FILL_IN,
    ]
    head = next(line for line in card.splitlines() if line.startswith("| score"))
    assert cells(head) == ["score", "model", results["verdict"]["baseline"]]
    row = next(line for line in card.splitlines() if line.startswith("| accuracy"))
    low, high = found["intervals"]["limits"]["accuracy"]
    assert cells(row)[1] == f"{results['test']['accuracy']:.4f} ({low:.4f} to {high:.4f})"
    assert cells(row)[2].startswith(f"{results['baseline']['accuracy']:.4f} (")
    (train, _), (valid, _), (test, _) = found["parts"].values()
    splits = f"{train} examples to train on, {valid} examples to choose the model by, {test} examples to score it on"
    assert train + valid + test == 120 and f"- Splits: {splits}\n" in card
    assert f"{results['parameters']:,} parameters" in card


def test_labels_that_look_like_markdown_are_shown_as_they_are(run):
    card = (run / "card.md").read_text("utf-8")
    rows = card.split("### By label")[1].split("## Limits")[0].strip().splitlines()[2:]
    assert len(rows) == 2 and all(row.count("|") - row.count("\\|") == 6 for row in rows)
    assert "\\<b\\>\\_x\\_" in card and "a\\|b" in card and "<b>" not in card


def test_a_card_says_nothing_of_when_where_and_how_fast(run):
    card = (run / "card.md").read_text("utf-8")
    found = json.loads((run / "report.json").read_text())
    assert str(run.parent) not in card and "my texts.csv" in card
    assert found["finished"] not in card and found["machine"] not in card


def test_an_equal_run_has_an_equal_card(run, command):
    out = run.parent / "elsewhere" / "again"
    done = command("run", "sentiment", "--data", run.parent / "my texts.csv", "--out", out, *QUICK, *SHARES)
    assert done.returncode == 0, done.stderr
    assert (out / "card.md").read_bytes() == (run / "card.md").read_bytes()


def test_the_manifest_covers_it_and_resume_makes_it_where_it_is_missing(run, command, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    assert "card.md" in json.loads((copy / "run.json").read_text())["files"]
    (copy / "card.md").unlink()
    done = command("resume", copy)
    assert (done.returncode, "made what was missing: card.md" in done.stderr) == (0, True)
    assert (copy / "card.md").read_bytes() == (run / "card.md").read_bytes()


def test_what_people_fill_in_stays_and_the_run_stays_usable(run, command, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    card = (copy / "card.md").read_text("utf-8")
    filled = card.replace("Licence of the model: …", "Licence of the model: CC BY 4.0 – © Ünï").replace("0.", "9.", 1)
    (copy / "card.md").write_text(filled, "utf-8", newline="\r\n")
    assert command("resume", copy).returncode == 0
    assert command("report", copy).returncode == 0
    again = (copy / "card.md").read_text("utf-8")
    assert again == card.replace("Licence of the model: …", "Licence of the model: CC BY 4.0 – © Ünï")
    done = command("resume", copy, "--epochs", "2")
    assert done.returncode == 0, done.stderr
    again = (copy / "card.md").read_text("utf-8")
    assert "The test split was scored before, after 1 epoch" in again and "CC BY 4.0 – © Ünï" in again


@pytest.mark.parametrize("task", ["charlm", "digit", "regression"])
def test_tasks_without_labels_cells_or_intervals_have_a_card(task, command, tmp_path):
    draw = random.Random(1)
    (tmp_path / "my.txt").write_text("".join(f"{draw.choice(['the cat', 'a dog'])} sat.\n" for _ in range(300)))
    points = "".join(f"{draw.random():.3f},{draw.random():.3f},{draw.choice('ab')}\n" for _ in range(60))
    (tmp_path / "my.csv").write_text(f"x,y,class\n{points}")
    prices = "".join(f"a {draw.choice(['big', 'old'])} {draw.choice('xyz')},{draw.random():.2f}\n" for _ in range(60))
    (tmp_path / "offers.csv").write_text(f"text,price\n{prices}")
    asked = {
        "charlm": ["charlm", "--data", tmp_path / "my.txt", *QUICK],
        "digit": ["digit", "--data", tmp_path / "my.csv", "--epochs", "1"],
        "regression": ["sentiment", "--data", tmp_path / "offers.csv", "--label-column", "price", *QUICK],
    }
    done = command("run", *asked[task], "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "run/card.md").read_text("utf-8")
    assert {"## Data", "## Scores on the test split", "## Limits", TO_FILL_IN} <= {*sections(card)}
    assert "None" not in card and "  " not in card.replace("\n    seqkit", "")
