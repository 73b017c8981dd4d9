"""What three splits show of themselves, before anyone trains."""

import pytest

from seqkit.checks.splits import check_splits, stop_at_problems
from seqkit.data import DataError, Example, SourceLocation, Splits
from seqkit.runs import find_task

TASK = find_task("sentiment")


def examples(*rows, file="a.csv"):
    return [Example(text, label, SourceLocation(file, line)) for line, (text, label) in enumerate(rows, 2)]


TRAIN = examples(*((f"fine {n}", "good") for n in range(6)), *((f"bad {n}", "bad") for n in range(6)))
OTHER = examples(("new", "good"), ("old", "bad"), file="b.csv")


def findings(train, valid=OTHER, test=OTHER):
    return {(f.level, f.kind, f.where): str(f) for f in check_splits(TASK, Splits(train, valid, test))}


def test_sound_splits_show_nothing():
    assert findings(TRAIN) == {}


def test_an_empty_split_is_wrong():
    ((key, said),) = findings(TRAIN, test=[]).items()
    assert key[0] == "wrong" and said == "the test split is empty; give more examples, or a file for the split"


def test_an_input_with_two_labels_is_a_contradiction_at_the_later_one():
    train = examples(*[(e.text, e.label) for e in TRAIN], ("fine 3", "bad"))
    said = findings(train)["warning", "contradictions", "a.csv:14"]
    assert said.startswith(
        "a.csv:14: an example repeats an input with a different label (this one conflicts with a.csv:5)"
    )


def test_an_input_of_two_splits_is_a_leak_at_its_place_in_the_other_one():
    said = findings(TRAIN, valid=examples(("new", "good"), ("bad 1", "bad"), file="b.csv"))
    assert "1 of 2 inputs of the valid split is also in the training split" in said["warning", "leak", "b.csv:3"]


def test_rare_labels_and_one_that_is_nearly_everywhere_are_out_of_balance():
    train = examples(*((f"fine {n}", "good") for n in range(40)), *((f"bad {n}", "bad") for n in range(4)))
    common, rare = map(str, check_splits(TASK, Splits(train, OTHER, OTHER)))
    assert common.startswith("91% of the training labels are 'good'; look at macro-F1")
    assert rare.startswith("a label is seen fewer than 5 times in training: 'bad'")


def test_a_run_stops_at_what_is_wrong_and_notes_contradictions_alone():
    notes = []
    train = examples(*[(e.text, e.label) for e in TRAIN], ("fine 3", "bad"), ("odd", "rare"))
    stop_at_problems(TASK, Splits(train, OTHER, OTHER), notes)
    assert len(notes) == 1 and "different label" in notes[0]
    with pytest.raises(DataError, match="the valid split is empty"):
        stop_at_problems(TASK, Splits(train, [], OTHER), notes)


def test_what_is_odd_in_a_data_set_of_the_task_is_nobodys_to_mend():
    task, notes = find_task("sentiment"), []
    examples = [Example(f"text {n} \x97", "ab"[n % 2], SourceLocation("x", n)) for n in range(9)]
    splits = Splits(examples[:5], examples[5:7], examples[7:])
    stop_at_problems(task, splits, notes, "rotten-tomatoes")
    assert notes == []
    stop_at_problems(task, splits, notes, "mine.csv")
    assert len(notes) == 1 and "control character" in notes[0]
