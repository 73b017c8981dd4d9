"""A student asks its teacher once, keeps its predictions, and continues without it."""

import csv
import json
import shutil
from types import SimpleNamespace

import pytest
import torch

from seqkit import UsageError, load
from seqkit.data import DataError
from seqkit.runs import resume, start
from seqkit.runs.tasks import find_task
from seqkit.runs.teacher import _agreement
from seqkit.training import Callback, Stopped, make_config
from seqkit.training.checkpoint import read_tensors

OPTIONS = {
    "hidden_size": 8,
    "embedding_size": 8,
    "epochs": 3,
    "batch_size": 16,
    "min_count": 1,
    "seed": 4,
    "split_seed": 0,
}


class StopAfter(Callback):
    """Asks the training to stop after some steps."""

    def __init__(self, steps):
        self.steps = steps

    def on_step(self, trainer):
        if trainer.progress.step == self.steps:
            trainer.stopping = True


def weights(session, out):
    session.train()
    return read_tensors(out / "model.safetensors")[0]


def config(opinions, teacher, **options):
    task = find_task("sentiment")
    return task, make_config(task.config, {**OPTIONS, "data": str(opinions), "teacher": str(teacher), **options})


def test_a_student_that_was_stopped_ends_with_the_same_bits_without_its_teacher(opinions, siblings, tmp_path):
    teacher = tmp_path / "teacher"
    shutil.copytree(siblings / "run-1", teacher)
    task, settings = config(opinions, teacher)
    whole = weights(start(task, settings, tmp_path / "whole", []), tmp_path / "whole")
    session = start(task, settings, tmp_path / "cut", [])
    with pytest.raises(Stopped):
        session.train([StopAfter(9)])
    shutil.rmtree(teacher)
    again = weights(resume(tmp_path / "cut", []), tmp_path / "cut")
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    alone = weights(
        start(task, make_config(task.config, {**OPTIONS, "data": str(opinions)}), tmp_path / "a", []), tmp_path / "a"
    )
    assert not all(torch.equal(whole[name], alone[name]) for name in whole)


def test_a_run_and_the_file_that_it_predicts_teach_the_same(opinions, siblings, command, tmp_path):
    done = command("predict", siblings / "run-1", "--input", opinions, "--output", tmp_path / "said.csv")
    assert done.returncode == 0, done.stderr
    (tmp_path / "said.jsonl").write_text(command("predict", siblings / "run-1", "--input", opinions, "--json").stdout)
    rows, notes = [], []
    for number, teacher in enumerate((siblings / "run-1", tmp_path / "said.csv", tmp_path / "said.jsonl")):
        task, settings = config(opinions, teacher)
        rows.append(torch.stack(start(task, settings, tmp_path / str(number), notes).teacher.rows))
    # Batches of other lengths sum in another order.
    torch.testing.assert_close(rows[1], rows[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(rows[2], rows[0], atol=1e-5, rtol=0)
    assert sum("are not in the training split" in note for note in notes) == 2


def test_each_text_has_what_the_teacher_says_of_it_though_its_labels_have_another_order(opinions, tmp_path):
    with (tmp_path / "said.csv").open("w", newline="") as file, opinions.open() as data:
        lines = csv.writer(file)
        lines.writerow(["text", "good", "bad"])
        for row in csv.DictReader(data):
            lines.writerow(
                [row["text"], 0.9 if row["label"] == "good" else 0.2, 0.1 if row["label"] == "good" else 0.8]
            )
    task, settings = config(opinions, tmp_path / "said.csv")
    session = start(task, settings, tmp_path / "run", notes := [])
    assert session.codec.labels == ("bad", "good")
    for example, row in zip(session.splits.train, session.teacher.rows, strict=True):
        assert row.tolist() == pytest.approx([0.1, 0.9] if example.label == "good" else [0.8, 0.2])
    assert "agrees with 100.0% of the labels" in notes[-1]


def test_a_teacher_that_may_have_seen_the_test_split_is_noted(opinions, siblings, tmp_path):
    for number, (split, expected) in enumerate(((0, False), (3, True))):
        task, settings = config(opinions, siblings / "run-1", split_seed=split)
        start(task, settings, tmp_path / str(number), notes := [])
        assert any("was trained on other splits" in note for note in notes) == expected


@pytest.mark.parametrize("teacher", ["file", "digit", "labels", "nothing"])
def test_a_teacher_that_cannot_teach_is_refused(opinions, siblings, pointed, tmp_path, teacher):
    data, said = opinions, tmp_path / "said.csv"
    if teacher == "file":
        said.write_text("text,bad,good\ndull,1,0\n")
        problem = r"opinions\.csv:\d+: .*said\.csv has no probabilities of 96 of 96 training examples"
    elif teacher == "digit":
        said, problem = pointed, "is a digit model, which cannot teach sentiment"
    elif teacher == "labels":
        data, said = tmp_path / "other.csv", siblings / "run-1"
        data.write_text("text,label\n" + "".join(f"word{n} here,{('bad', 'so-so')[n % 2]}\n" for n in range(40)))
        problem = "label 'good' is not in the training split; teacher and student need the same labels"
    else:
        problem = "no run and no file"
    task, settings = config(data, said)
    with pytest.raises(Exception, match=problem):
        start(task, settings, tmp_path / "run", [])
    assert not (tmp_path / "run").exists()


def test_a_file_teaches_vectors_by_their_numbers(points, pointed, command, tmp_path):
    done = command("predict", pointed, "--input", points, "--output", tmp_path / "said.csv")
    assert done.returncode == 0, done.stderr
    task = find_task("digit")
    settings = {"data": str(points), "hidden_size": 8}
    rows = []
    for number, teacher in enumerate((pointed, tmp_path / "said.csv")):
        made = make_config(task.config, {**settings, "teacher": str(teacher)})
        rows.append(torch.stack(start(task, made, tmp_path / str(number), []).teacher.rows))
    torch.testing.assert_close(rows[1], rows[0], atol=1e-5, rtol=0)


def test_an_estimator_has_a_teacher_too(opinions, siblings):
    from seqkit import SequenceClassifier

    with opinions.open() as file:
        rows = list(csv.DictReader(file))
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    options = {"teacher": str(siblings / "run-1"), "teacher_weight": 1.0}
    model = SequenceClassifier(hidden_size=8, embedding_size=8, epochs=2, random_state=0, options=options)
    alone = SequenceClassifier(hidden_size=8, embedding_size=8, epochs=2, random_state=0)
    assert (model.fit(texts, labels).predict_proba(texts) != alone.fit(texts, labels).predict_proba(texts)).any()


def test_a_finished_student_answers_and_says_who_taught_it(opinions, siblings, tiny_run, tmp_path):
    tiny_run(opinions, tmp_path / "run", teacher=str(siblings / "run-1"))
    assert f'teacher = "{siblings}/run-1"' in (tmp_path / "run/config.toml").read_text()
    assert "teacher.safetensors" in json.loads((tmp_path / "run/run.json").read_text())["digests"]
    assert load(tmp_path / "run").predict(["a wonderful film"])[0].label in ("bad", "good")


def test_a_weight_beyond_one_is_refused(opinions, siblings, tmp_path):
    task, settings = config(opinions, siblings / "run-1", teacher_weight=1.5)
    with pytest.raises(UsageError, match="between 0 and 1"):
        start(task, settings, tmp_path / "run", [])


@pytest.fixture(scope="module")
def more(opinions, tmp_path_factory):
    """Further texts, one of which is among the labelled ones, with an empty line and a repetition."""
    with opinions.open() as file:
        known = next(csv.DictReader(file))["text"]
    path = tmp_path_factory.mktemp("more") / "more.txt"
    path.write_text("\n".join(["the film is dull", " so moving ", "", known, "so moving", "charming it is"]) + "\n")
    return path


def test_texts_without_labels_are_trained_on_with_the_labels_of_the_teacher(opinions, siblings, more, tmp_path):
    texts = ["the film is dull", "so moving", "charming it is"]
    task, settings = config(opinions, siblings / "run-1", unlabelled=str(more))
    session = start(task, settings, tmp_path / "run", notes := [])
    expected = load(siblings / "run-1").predict(texts)
    assert [(e.text, e.label) for e in session.further] == list(zip(texts, [p.label for p in expected], strict=True))
    assert "3 texts of" in notes[0]
    assert "1 are in a split already" in notes[0]
    items = session.trainer.batches.batches.items
    assert len(items) == len(session.splits.train) + 3 == len(session.teacher.rows)
    for row, prediction in zip(session.teacher.rows[-3:], expected, strict=True):
        assert row.tolist() == pytest.approx([prediction.probabilities[label] for label in ("bad", "good")], abs=1e-5)


def test_what_the_run_keeps_of_them_is_enough_to_continue(opinions, siblings, more, tmp_path):
    teacher, texts = tmp_path / "teacher", tmp_path / "texts.txt"
    shutil.copytree(siblings / "run-1", teacher)
    shutil.copy(more, texts)
    task, settings = config(opinions, teacher, unlabelled=str(texts))
    whole = weights(start(task, settings, tmp_path / "whole", []), tmp_path / "whole")
    with pytest.raises(Stopped):
        start(task, settings, tmp_path / "cut", []).train([StopAfter(9)])
    shutil.rmtree(teacher)
    texts.unlink()
    again = weights(resume(tmp_path / "cut", []), tmp_path / "cut")
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_splits_and_baseline_are_as_without_them(opinions, siblings, more, tmp_path):
    outcomes = []
    for number, options in enumerate(({"unlabelled": str(more)}, {})):
        task, settings = config(opinions, siblings / "run-1", epochs=1, **options)
        session = start(task, settings, tmp_path / str(number), [])
        session.train()
        outcomes.append((session.splits, session.finish().baseline))
    assert outcomes[0] == outcomes[1]


def test_a_file_may_teach_them_too_and_needs_a_teacher(opinions, siblings, more, command, tmp_path):
    said = []
    for source in (opinions, more):
        done = command("predict", siblings / "run-1", "--input", source, "--json")
        said += [
            {
                "text": row.get("input", row.get("text")),
                "probabilities": row.get("probabilities", row.get("predicted_probabilities")),
            }
            for row in map(json.loads, done.stdout.splitlines())
        ]
    path = tmp_path / "said.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in said))
    labels = []
    for number, teacher in enumerate((siblings / "run-1", path)):
        task, settings = config(opinions, teacher, unlabelled=str(more))
        labels.append([e.label for e in start(task, settings, tmp_path / str(number), []).further])
    assert labels[0] == labels[1]
    path.write_text("".join(json.dumps(row) + "\n" for row in said[:-1]))
    with pytest.raises(DataError, match="no probabilities of the unlabelled text 'charming it is'"):
        start(task, settings, tmp_path / "missing", [])
    task, settings = config(opinions, "", unlabelled=str(more))
    with pytest.raises(UsageError, match="name one with --teacher"):
        start(task, settings, tmp_path / "alone", [])


@pytest.mark.parametrize("steps", [(), (4,)], ids=["of an input", "of each step"])
def test_a_teacher_agrees_where_its_most_likely_label_is_that_of_the_example(steps):
    probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    rows = [probabilities] if steps else [*probabilities]

    def encode_many(texts, examples):
        return [SimpleNamespace(target=torch.tensor(example)) for example in examples]

    codec = SimpleNamespace(encode_many=encode_many)
    task = SimpleNamespace(input_of=lambda example: None)
    train = [[0, 1, 2, 0]] if steps else [0, 1, 2, 0]
    assert _agreement(rows, codec, task, train) == 0.75
