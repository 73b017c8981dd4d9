"""Add features of words and their neighbours to the recurrent layer's scores of a tagger."""

import math
import random

import pytest
import torch
from seqkit.tasks.tag import TASK, TagConfig, load_codec

from seqkit.config import FromData
from seqkit.data import DataError, SourceLocation, Splits
from seqkit.data.inputs import word_features as features
from seqkit.data.tagged import Sentence
from seqkit.topologies.synced.tagging.features import FeatureScores, WordFeatures

SENTENCES = [("the", "Dog", "runs"), ("a", "Dog", "runs"), ("the", "cat", "sits"), ("a", "cat")]
SMALL = {"data": "a.conll", "embedding_size": 8, "hidden_size": 8, "character_size": 4, "spelling_size": 4}


def examples(rows, tag="N"):
    return [
        Sentence(words, tuple(f"{tag}{len(word) % 2}" for word in words), SourceLocation("a.conll", 1))
        for words in rows
    ]


def spans():
    return [Sentence(("Ann", "saw", "Rome"), ("B-PER", "O", "B-LOC"), SourceLocation("a.conll", 1))] * 3


def names_of(known, words, place):
    return {known.names[number] for number in known.rows_of(words)[place]}


def new(rows=None, **options):
    torch.manual_seed(0)
    config = TagConfig(**{**SMALL, **options})
    train = examples(SENTENCES) if rows is None else rows
    codec = TASK.learn_codec(config, train)
    head = TASK.build_head(config, codec)
    if head.features is not None:
        with torch.no_grad():
            head.features.weight[:-1].normal_()
    return codec, head, codec.collate([codec.encode(e.words, e) for e in train])


def test_a_word_has_features_of_itself_its_neighbours_and_both_together():
    found = names_of(WordFeatures.learn(SENTENCES, 2), SENTENCES[0], 1)
    assert {"0 word Dog", "0 lower dog", "0 shape Xxx", "0 short Xx", "0 prefix Do", "0 suffix og"} <= found
    assert {"0 letters <do", "0 letters og>", "-1 lower the", "1 lower runs", "1 suffix uns"} <= found
    assert {"-2 lower ", "0,1 dog runs", "1,2 runs "} <= found
    assert not any(name.startswith("-1,0") for name in found)  # "the Dog" is there once alone


def test_a_feature_is_known_if_it_was_seen_twice():
    assert "0 word sits" not in WordFeatures.learn(SENTENCES, 2).names
    assert "0 word sits" in WordFeatures.learn([*SENTENCES, ("sits",)], 2).names


def test_features_do_not_depend_on_the_order_of_sentences():
    shuffled = random.Random(1).sample(SENTENCES, len(SENTENCES))
    assert WordFeatures.learn(shuffled, 2).names == WordFeatures.learn(SENTENCES, 2).names


def test_the_more_labels_there_are_the_fewer_features_are_kept_and_those_the_most_frequent(monkeypatch):
    every = WordFeatures.learn(SENTENCES, 2)
    monkeypatch.setattr(features, "_WEIGHTS", 40)
    assert WordFeatures.learn(SENTENCES, 2).names == every.names[:20]
    assert WordFeatures.learn(SENTENCES, 8).names == every.names[:5]


def test_an_unknown_word_has_the_features_that_it_shares_with_known_ones():
    found = names_of(WordFeatures.learn(SENTENCES, 2), ("the", "Dig", "runs"), 1)
    assert {"0 shape Xxx", "0 prefix D", "-1 lower the"} <= found
    assert "0 word Dig" not in found


def test_the_scores_of_a_word_are_the_sum_of_the_weights_of_its_features():
    scores = FeatureScores(3, 2)
    with torch.no_grad():
        scores.weight[:3] = torch.tensor([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    found = scores(torch.tensor([[[0, 2], [1, 3]], [[3, 3], [2, 3]]]))
    torch.testing.assert_close(found, torch.tensor([[[101.0, 202.0], [10.0, 20.0]], [[0.0, 0.0], [100.0, 200.0]]]))


def test_dropout_of_features_keeps_the_expected_scores_and_ends_with_training():
    torch.manual_seed(0)
    scores = FeatureScores(1, 1, dropout=0.75)
    torch.nn.init.ones_(scores.weight[:1])
    rows = torch.zeros(4000, 1, 1, dtype=torch.int64)
    drawn = scores(rows)
    assert set(drawn.flatten().tolist()) == {0.0, 4.0}
    # Four standard errors of the mean of 4,000 draws of 0 or 4.
    assert drawn.mean().item() == pytest.approx(1.0, abs=4 * math.sqrt(3 / 4000))
    assert scores.eval()(rows).unique().tolist() == [1.0]


def test_padding_keeps_no_weight():
    _, head, batch = new()
    head.train().loss(batch).mean.backward()
    assert head.features.weight.grad[-1].abs().max() == 0
    assert head.features.weight.grad[:-1].abs().max() > 0


def test_padding_never_changes_the_scores_of_a_sentence():
    codec, head, batch = new()
    together = head.eval()(batch)
    for row, example in enumerate(examples(SENTENCES)):
        alone = head(codec.collate([codec.encode(example.words)]))[0]
        # Sums of some forty floats in another order.
        torch.testing.assert_close(together[row, : len(alone)], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("crf", [False, True])
def test_the_recurrent_layer_and_the_features_learn_apart_and_answer_together(crf):
    _, head, batch = new(crf=crf, dropout=0.0, embedding_dropout=0.0, forgetting=0.0, feature_dropout=0.0)
    recurrent = head.output(head.encoder(batch.inputs, batch.lengths).outputs)
    linear = head.features(batch.features)

    def loss_of(logits):
        return head._loss_of(logits, batch.targets, batch.lengths)

    answer = recurrent + linear if crf else (recurrent + linear) / 2
    torch.testing.assert_close(head(batch), answer)
    found, apart = head.train().loss(batch), [loss_of(recurrent), loss_of(linear)]
    torch.testing.assert_close(found.sum, (apart[0].sum + apart[1].sum) / 2)
    assert found.count == apart[0].count
    torch.testing.assert_close(head.eval().loss(batch).sum, loss_of(answer).sum)


def test_a_codec_of_the_files_of_another_makes_the_same_batches():
    codec, _, batch = new()
    again = load_codec(codec.to_json())
    copy = again.collate([again.encode(e.words, e) for e in examples(SENTENCES)])
    assert torch.equal(copy.features, batch.features)


@pytest.mark.parametrize("content", [{}, {"features": [1]}, {"features": ["a", "a"]}, []])
def test_a_damaged_file_of_features_is_named(content):
    codec, _, _ = new()
    with pytest.raises(DataError, match=r"word_features\.json"):
        load_codec({**codec.to_json(), "word_features.json": content})


def test_without_features_there_is_neither_a_file_nor_a_weight():
    codec, head, batch = new(features=False)
    assert "word_features.json" not in codec.to_json()
    assert not [name for name in head.state_dict() if name.startswith("features")]
    assert batch.features is None
    assert math.isfinite(head.loss(batch).mean.item())


@pytest.mark.parametrize(
    ("rows", "options", "crf"),
    [
        (spans(), {}, True),
        (examples(SENTENCES), {}, False),
        (spans(), {"crf": False}, False),
        (examples(SENTENCES), {"crf": True}, True),
        (spans(), {"class_weight": "balanced"}, False),
        (spans(), {"teacher": "a-run"}, True),
        (spans(), {"balance": 0.2}, False),
    ],
)
def test_labels_that_mark_spans_have_a_crf_unless_something_is_requested_that_it_has_not(rows, options, crf):
    assert TASK.recipe(TagConfig(data="a.conll", **options), Splits(rows, rows, rows)).crf is crf


@pytest.mark.parametrize(("rows", "share"), [(spans(), 3), (examples(SENTENCES), 5)])
def test_spans_have_a_third_of_the_epochs_to_improve_and_plain_labels_a_fifth(rows, share):
    found = TASK.recipe(TagConfig(data="a.conll"), Splits(rows, rows, rows))
    assert found.patience == found.epochs // share
    assert TASK.recipe(TagConfig(data="a.conll", patience=7), Splits(rows, rows, rows)).patience == 7


@pytest.mark.parametrize(
    ("rows", "times", "options", "layers", "residual"),
    [
        (spans(), 3000, {}, 2, True),
        (spans(), 1, {}, 1, None),
        (examples(SENTENCES), 3000, {}, 1, None),
        (spans(), 3000, {"num_layers": 1}, 1, None),
        (spans(), 3000, {"num_layers": 3}, 3, None),
        (spans(), 3000, {"residual": False}, 2, False),
        (spans(), 3000, {"crf": False}, 2, True),
    ],
)
def test_spans_in_many_sentences_have_two_layers_unless_somebody_says_how_many(rows, times, options, layers, residual):
    found = TASK.recipe(TagConfig(data="a.conll", **options), Splits(rows * times, rows, rows))
    assert (found.num_layers, found.residual) == (layers, residual)
    assert not isinstance(found.num_layers, FromData)
