"""What a run has learned of labels, taken by their names."""

import pytest
import torch

from seqkit import load
from seqkit.config import make_config
from seqkit.data import Example, SourceLocation
from seqkit.runs import find_task
from seqkit.runs.transfer import start_from

SIZES = {"embedding_size": 8, "hidden_size": 8, "min_count": 1}


def begun(run, labels, **values):
    """A new head for texts of these labels that starts from the run, its codec, and what was said."""
    task = find_task("sentiment")
    texts = ["the film and its story", "an actor in some scene"]
    rows = [Example(text, label, SourceLocation("here", n)) for n, label in enumerate(labels) for text in texts]
    codec = task.learn_codec(config := make_config(task.config, {**SIZES, **values}), rows)
    torch.manual_seed(5)
    head = task.build_head(config, codec)
    fresh = head.output.weight.detach().clone()
    return head, fresh, start_from(run, head, codec)


@pytest.fixture(scope="module")
def source(trained):
    return trained[0], load(trained[0])


def test_the_same_labels_keep_the_output_layer_and_say_so(source):
    run, model = source
    head, _, notes = begun(run, ["bad", "good"])
    assert torch.equal(head.output.weight, model.head.output.weight)
    assert torch.equal(head.output.bias, model.head.output.bias)
    assert torch.equal(head.prior.log_gain, model.head.prior.log_gain)
    assert "output: the scores of 2 of 2 labels" in notes
    assert not any(note.startswith("new:") for note in notes)


def test_rows_move_by_the_name_of_the_label_and_new_labels_start_fresh(source):
    run, model = source
    # Sorted, the labels are: "average", "bad", "good".
    head, fresh, notes = begun(run, ["good", "average", "bad"])
    assert torch.equal(head.output.weight[1:], model.head.output.weight)
    assert torch.equal(head.output.weight[0], fresh[0])
    assert "output: the scores of 2 of 3 labels, new: average" in notes


def test_other_labels_and_another_reading_leave_the_output_layer_new(source):
    run, _ = source
    for labels, values in ((["no", "yes"], {}), (["bad", "good"], {"pooling": "max+mean"}), (["bad"], {"cell": "gru"})):
        head, fresh, notes = begun(run, labels, **values)
        assert torch.equal(head.output.weight, fresh)
        assert not any(note.startswith("output") for note in notes)


def test_a_run_that_continues_from_another_predicts_as_that_one_before_its_first_step(
    source, reviews, command, tmp_path
):
    run, model = source
    options = ["--data", reviews, "--init-from", run, "--min-count", "1", "--epochs", "1", "--out", tmp_path / "run"]
    done = command("run", "sentiment", *options, "--learning-rate", "1e-12", "--word-dropout", "0")
    assert done.returncode == 0, done.stderr
    texts = ["a wonderful film", "the story and a dull scene"]
    ours, theirs = (
        [prediction.probabilities["good"] for prediction in reader.predict(texts)]
        for reader in (load(tmp_path / "run"), model)
    )
    # 20 steps at a rate of 1e-12 move no weight by more than a rounding.
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_a_crf_keeps_the_transitions_of_the_labels_that_both_have():
    from seqkit.layers import CRF
    from seqkit.runs.transferred_labels import _copy_labels

    own, theirs = CRF(3), CRF(2)
    before = own.transitions.detach().clone()
    with torch.no_grad():
        _copy_labels(own, theirs, [(2, 0), (0, 1)], (3, 2))
    for number, other in ((2, 0), (0, 1)):
        assert own.start[number] == theirs.start[other]
        assert own.transitions[number, number] == theirs.transitions[other, other]
    assert own.transitions[2, 0] == theirs.transitions[0, 1]
    assert torch.equal(own.transitions[1], before[1])
