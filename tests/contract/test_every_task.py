"""Every task found in the package, ours or an installed one, passes these, on the tiny data of conftest.py."""

import copy
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from seqkit import UsageError
from seqkit.config import TrainingConfig, make_config, options_of
from seqkit.data import DataError
from seqkit.export.comparison import largest_difference, predict_through
from seqkit.layers import Recurrent
from seqkit.runs import Model, Training, find_task
from seqkit.runs.model import check_options
from seqkit.topologies import EnsembleCodec, Ensembles, Explains, Exports, Generates
from seqkit.topologies.many_to_one import LabelSet
from seqkit.topologies.next_step import NextStep
from seqkit.topologies.powers import Tunes
from seqkit.training import Chunk


def alike(found, expected):
    """Equal but for rounding: a batch of another shape sums in another order, which moves float32 by about 1e-7."""
    if type(found) is not type(expected):
        return False
    if isinstance(expected, float | torch.Tensor | np.ndarray):
        return np.shape(found) == np.shape(expected) and np.allclose(found, expected, rtol=1e-4, atol=1e-5)
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(alike(found[key], expected[key]) for key in expected)
    if isinstance(expected, tuple | list):
        return len(found) == len(expected) and all(map(alike, found, expected))
    if dataclasses.is_dataclass(expected):
        return all(alike(getattr(found, f.name), getattr(expected, f.name)) for f in dataclasses.fields(expected))
    return found == expected


def is_better(trial, score, other):
    return score > other if trial.task.metric_criterion(trial.codec).higher_is_better else score < other


def test_a_task_says_what_it_is(task):
    assert find_task(task.name) is task
    for text in (task.topology, task.summary, *task.data_sets.values()):
        assert text and text == text.strip(" .\n")
    assert issubclass(task.config, TrainingConfig)


def test_options_that_go_with_a_data_set_make_a_configuration(task):
    assert task.data_set_options.keys() <= task.data_sets.keys()
    for data, values in task.data_set_options.items():
        assert make_config(task.config, {"data": data, **values}).data == data


def test_every_option_has_a_help_and_a_default_that_its_limits_allow(task):
    defaults = task.config()
    for name, option in options_of(task.config).items():
        assert option.help.strip() and not re.search(r"(?<!\.\.)\.$", option.help), name
        assert option.check(getattr(defaults, name), name) == getattr(defaults, name)


def test_a_codec_reads_the_same_when_it_was_saved_and_loaded(trial):
    again = trial.task.load_codec(json.loads(json.dumps(trial.codec.to_json())))
    for example in trial.examples:
        raw = trial.task.input_of(example)
        assert alike(again.encode(raw, example), trial.codec.encode(raw, example))
        assert again.encoding_report(raw, example) == trial.codec.encoding_report(raw, example)
    assert again.to_json() == trial.codec.to_json()


def test_a_damaged_file_of_a_codec_is_named(trial):
    files = trial.codec.to_json()
    for name in files:
        with pytest.raises(DataError, match=re.escape(name)):
            trial.task.load_codec({**files, name: 7})


def test_neither_order_nor_company_changes_a_prediction(trial):
    inputs = trial.inputs(trial.splits.valid + trial.splits.test)
    together = trial.model.predict(inputs)
    assert alike(trial.model.predict(inputs[::-1])[::-1], together)
    assert alike([trial.model.predict([raw])[0] for raw in inputs], together)


def test_tuning_a_tuned_head_again_chooses_the_same(trial):
    if not isinstance(trial.task, Tunes):
        pytest.skip("nothing is tuned after training")
    head, valid = copy.deepcopy(trial.head), trial.splits.valid
    arguments = (trial.config, trial.codec, head, trial.items(valid), valid)
    once = trial.task.tune(*arguments)
    weights = {name: value.clone() for name, value in head.state_dict().items()}
    assert trial.task.tune(*arguments) == once
    assert all(torch.equal(value, weights[name]) for name, value in head.state_dict().items())


def batch_and_its_rows(trial):
    """A batch that the task trains on, and each of its rows as a batch of its own."""
    batches = trial.task.batches(trial.codec, trial.items(trial.splits.train), trial.config)
    batch = batches.batch(batches.plan(0)[0], None)
    if isinstance(batch, Chunk):
        rows = zip(batch.tokens.split(1), batch.targets.split(1), strict=True)
        return batch, [Chunk(tokens, targets) for tokens, targets in rows]
    items = trial.items(trial.examples[:5])
    return trial.codec.collate(items), [trial.codec.collate([item]) for item in items]


def test_a_loss_is_a_sum_over_the_rows_of_a_batch_in_which_padding_counts_nothing(trial):
    batch, rows = batch_and_its_rows(trial)
    together, alone = trial.head.loss(batch), [trial.head.loss(row) for row in rows]
    assert together.count == sum(loss.count for loss in alone) > len(rows) - 1 > 0
    torch.testing.assert_close(together.sum, torch.stack([loss.sum for loss in alone]).sum())


def test_a_loss_without_targets_is_refused(trial):
    (example,) = trial.splits.test[:1]
    item = trial.codec.encode(trial.task.input_of(example))
    if alike(item, trial.codec.encode(trial.task.input_of(example), example)):
        pytest.skip("an input of this task is its own target")
    with pytest.raises(UsageError, match="the batch has no targets; "):
        trial.head.loss(trial.codec.collate([item]))


def has_average(trial):
    """Whether several models answer together: those of a label, or that write; the others say that they do not."""
    if not isinstance(trial.task, Ensembles):
        return False
    try:
        trial.task.agreement(trial.head, trial.codec)
    except UsageError as error:
        assert str(error).startswith("only models of one label for each")
        return False
    return True


def test_an_ensemble_of_one_model_three_times_answers_as_the_model_does(trial):
    if not has_average(trial):
        pytest.skip("its predictions have no average")
    inputs, head = trial.inputs(trial.splits.test), trial.task.ensemble([trial.head] * 3).eval()
    for codec in (trial.codec, EnsembleCodec([trial.codec] * 3)):
        # A language model's members read the same tokens, so they share a codec.
        if codec is trial.codec or not isinstance(trial.task, NextStep):
            assert alike(Model(trial.task, trial.config, codec, head).predict(inputs), trial.model.predict(inputs))


def test_a_model_agrees_with_itself_on_what_members_of_an_ensemble_need(trial):
    if not has_average(trial):
        pytest.skip("its predictions have no average")
    again = trial.task.load_codec(json.loads(json.dumps(trial.codec.to_json())))
    assert trial.task.agreement(trial.head, trial.codec) == trial.task.agreement(trial.head, again)


def test_an_option_that_predicting_does_not_have_is_refused(trial):
    inputs = trial.inputs(trial.splits.test[:1])
    with pytest.raises(UsageError, match="unknown option 'beem_sise'"):
        trial.model.predict(inputs, beem_sise=3)
    for name in trial.task.prediction_options:
        with pytest.raises(UsageError, match=f"did you mean '{name}'"):
            trial.model.predict(inputs, **{f"{name}x": 1})


def test_options_of_predicting_are_those_of_the_head_and_of_the_configuration(trial):
    check_options(trial.head, [*trial.task.prediction_options, *trial.task.validation_options])
    assert {*trial.task.prediction_options} <= options_of(trial.task.config).keys()


def test_perfect_predictions_have_the_best_score_alone_and_together(trial):
    task, examples, metric = trial.task, trial.examples, trial.task.metric_for(trial.codec)
    best = task.score([trial.perfect(example) for example in examples], examples)[metric]
    for example in examples:
        assert task.score([trial.perfect(example)], [example])[metric] == pytest.approx(best)
    untrained = task.score(trial.model.predict(trial.inputs(examples)), examples)[metric]
    # Counts of n-grams label such small data perfectly without any training.
    assert not is_better(trial, untrained, best)


def test_a_baseline_predicts_the_test_split_and_is_scored_as_the_model_is(trial):
    task, test = trial.task, trial.splits.test
    scores = task.score(task.predict_baseline(trial.config, trial.splits), test)
    perfect = task.score([trial.perfect(example) for example in test], test)
    metric = task.metric_for(trial.codec)
    assert scores.keys() == perfect.keys() and not is_better(trial, scores[metric], perfect[metric])
    assert np.isfinite([*scores.values()]).all()


def test_a_prediction_is_a_line_and_an_object_of_json(trial):
    for prediction in trial.model.predict(trial.inputs(trial.splits.test)):
        line, facts = trial.task.format_prediction(prediction)
        assert len(line.splitlines()) <= 1
        assert facts.keys() and json.loads(json.dumps(facts, allow_nan=False)).keys() == facts.keys()


def test_probabilities_and_confidences_lie_from_0_to_1(trial):
    examples = trial.splits.test
    for prediction, example in zip(trial.model.predict(trial.inputs(examples)), examples, strict=True):
        probabilities = trial.task.probabilities(prediction)
        if isinstance(prediction, LabelSet):
            assert all(0 <= probability <= 1 for probability in probabilities.values())
        else:
            # Float32 sums to 1 but for rounding.
            assert probabilities is None or sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert all(0 <= confidence <= 1 for confidence, _ in trial.task.confidences(prediction, example))
        assert all(correct for _, correct in trial.task.confidences(trial.perfect(example), example))


def test_what_is_resampled_has_the_score_of_the_whole(trial):
    task, examples = trial.task, trial.examples
    predictions = trial.model.predict(trial.inputs(examples))
    pairs = zip(predictions, examples, strict=True)
    units = [unit for prediction, example in pairs for unit in task.resampling_units(prediction, example)]
    pieces, truth = [piece for piece, _ in units], [example for _, example in units]
    # Where an example is cut into pieces, each has a rounded share of its characters: up to 1 in 1,000 here.
    tolerance = 2e-3 if len(units) != len(examples) else 1e-9
    assert task.score(pieces, truth) == pytest.approx(task.score(predictions, examples), rel=tolerance)
    counts = task.score_counts(pieces, truth)
    if counts is not None:
        assert len(counts.rows) == len(units)
        assert counts.score(counts.rows.sum(0)) == pytest.approx(task.score(pieces, truth))


def test_every_row_of_a_table_has_a_cell_for_each_column(trial):
    predictions = trial.model.predict(trial.inputs(trial.splits.test))
    for show in (trial.task.tables, trial.task.samples):
        for table in show(predictions, trial.splits.test):
            assert all(len(row) == len(table.columns) for row in table.rows), table.title


def test_a_file_is_read_to_be_evaluated_on_and_has_a_size(trial):
    examples = trial.task.read_file(trial.config, Path(trial.config.data), trial.codec)
    metric = trial.task.metric_for(trial.codec)
    assert np.isfinite(trial.task.score(trial.model.predict(trial.inputs(examples)), examples)[metric])
    count, what = trial.task.size(examples)
    assert count >= len(examples) > 0 and what


def test_two_trainings_of_one_seed_end_in_the_same_bits_and_leave_the_callers_generator_alone(trial):
    generator = torch.get_rng_state()
    trainings = [Training(trial.task, trial.config, trial.codec, trial.splits) for _ in range(2)]
    before = {name: tensor.clone() for name, tensor in trainings[0].head.state_dict().items()}
    for training in trainings:
        training.begin([])
        training.train()
    first, second = (training.trainer.weights() for training in trainings)
    assert first.keys() == second.keys() == before.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], before[name]) for name in first)
    assert torch.equal(torch.get_rng_state(), generator)
    (record,) = trainings[0].trainer.progress.history
    assert np.isfinite([record["loss"], record[trial.task.metric_for(trial.codec)]]).all()


def test_an_explanation_answers_as_predicting_does_and_names_the_steps_of_recurrent_layers(trial):
    if not isinstance(trial.task, Explains):
        pytest.skip("the task explains nothing")
    (raw,) = trial.inputs(trial.splits.test[:1])
    raw = next(iter(raw.blocks()))[:40] if hasattr(raw, "blocks") else raw
    explanation = trial.task.explain(trial.head, trial.codec, raw)
    line, _ = trial.task.format_prediction(trial.model.predict([raw])[0])
    # What a language model predicts of a text is its cost; what it explains is the next token.
    answer = line.partition("\t")[0]
    # Of many steps it gives stretches of one label, and the labels.
    answered = answer in explanation.answer or (
        explanation.signals is not None and [*explanation.signals.labels] == answer.split()
    )
    assert isinstance(trial.task, Generates) or answered
    assert explanation.score.requires_grad and explanation.score.dim() == 0
    for name, steps in explanation.steps.items():
        assert isinstance(trial.head.get_submodule(name), Recurrent) and len(steps) > 0


def test_a_generated_text_follows_from_the_seed(trial):
    if not isinstance(trial.task, Generates):
        pytest.skip("the task generates nothing")
    texts = ["".join(trial.model.generate("ba", length=20, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_an_exported_model_computes_what_the_model_does(trial):
    pytest.importorskip("onnxruntime")
    from seqkit.export.onnx_files import make_onnx, onnx_run

    if not isinstance(trial.task, Exports):
        pytest.skip("the task exports nothing")
    exported = trial.task.export(trial.head, trial.codec)
    runs = {part.name: onnx_run(make_onnx(trial.model, part)) for part in exported.parts}
    # What `seqkit export` allows.
    assert all(largest_difference(part, runs[part.name]) <= 1e-5 for part in exported.parts)
    predictions = trial.model.predict(trial.inputs(trial.splits.test))
    assert alike(predict_through(trial.model, exported, runs, trial.splits.test), predictions)
    assert json.loads(json.dumps(exported.symbols)).keys() == exported.symbols.keys()
