import math
import random

import numpy as np
import pytest
import torch
from seqkit.tasks.tag import TASK, TagConfig, Tagged, TaggingHead, load_codec

from seqkit import UsageError
from seqkit.data import DataError, SourceLocation, Splits
from seqkit.data.punctuation import labelled
from seqkit.data.tagged import Sentence
from seqkit.scores.labels import TOTAL, accuracy, entity_scores, label_scores, macro_f1
from seqkit.scores.resampling import resample
from tests.cells.kinds import TRAINED_CELLS

PLACE = SourceLocation("a.conll", 1)
POS = [
    ("the dog runs home", "D N V A"),
    ("a run", "D N"),
    ("dogs run", "N V"),
    ("the big Dog", "D A N"),
    ("home", "N"),
    ("run", "V"),
    ("a dog runs", "D N V"),
    ("big dogs run home", "A N V A"),
    ("the home run", "D N N"),
    ("a big big home", "D A A N"),
]
NAMES = [
    ("Ann Lee saw Rome", "B-PER I-PER O B-LOC"),
    ("Rome", "B-LOC"),
    ("saw Ann", "O B-PER"),
    ("New York saw Lee", "B-LOC I-LOC O B-PER"),
]
SMALL = {"embedding_size": 16, "hidden_size": 16, "character_size": 8, "spelling_size": 12, "min_count": 1}
SMALL |= {"dropout": 0.0, "embedding_dropout": 0.0}


def sentences(rows):
    return [Sentence(tuple(words.split()), tuple(tags.split()), PLACE) for words, tags in rows]


def new(rows, **options):
    torch.manual_seed(0)
    config = TagConfig(**{**SMALL, "data": "a.conll", **options})
    codec = TASK.learn_codec(config, sentences(rows))
    return codec, TASK.build_head(config, codec)


def batch_of(codec, examples):
    return codec.collate([codec.encode(e.words, e) for e in examples])


def overfit(codec, model, examples, steps=120):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    batch = batch_of(codec, examples)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(batch).mean.backward()
        optimizer.step()
    return model.eval().predict(batch)


@pytest.mark.parametrize("cell", TRAINED_CELLS)
def test_ten_sentences_are_learned_by_heart_with_any_cell(cell):
    codec, model = new(POS, cell=cell, forgetting=0.0)
    found = overfit(codec, model, sentences(POS))
    assert [tagged.tags for tagged in found] == [s.tags for s in sentences(POS)]


@pytest.mark.parametrize("options", [{"crf": True}, {"characters": "cnn"}, {"characters": "none", "forgetting": 0.0}])
def test_ten_sentences_are_learned_by_heart_in_other_ways(options):
    codec, model = new(POS, **options)
    found = overfit(codec, model, sentences(POS))
    assert [tagged.tags for tagged in found] == [s.tags for s in sentences(POS)]
    assert all(0.5 < confidence <= 1 for tagged in found for confidence in tagged.confidences)


@pytest.mark.parametrize("crf", [False, True])
def test_neither_padding_nor_other_sentences_change_loss_or_labels(crf):
    codec, model = new(POS, crf=crf)
    model.eval()
    examples = [*sentences(POS), Sentence((), (), PLACE)]
    whole = model.loss(batch_of(codec, examples))
    single = [model.loss(batch_of(codec, [e])) for e in examples]
    assert whole.count == sum(one.count for one in single) == sum(len(e.words) for e in examples)
    torch.testing.assert_close(whole.sum, torch.stack([one.sum for one in single]).sum())
    found = model.predict(batch_of(codec, examples))
    for tagged, example in zip(found, examples, strict=True):
        (alone,) = model.predict(batch_of(codec, [example]))
        assert alone.tags == tagged.tags
        assert alone.confidences == pytest.approx(tagged.confidences, abs=1e-5)


def test_a_crf_never_leaves_the_scheme_and_gives_other_labellings():
    codec, model = new(NAMES, crf=True)
    assert codec.scheme == "bio"
    (found,) = model.predict(codec.collate([codec.encode(["Ann", "York", "saw", "New"])]), n_best=20)
    assert found.tags == found.n_best[0][0]
    assert len({tags for tags, _ in found.n_best}) == len(found.n_best) == 20
    for tags, _ in found.n_best:
        for before, tag in zip(("O", *tags), tags, strict=False):
            assert not tag.startswith("I-") or before[2:] == tag[2:], tags
    scores = [score for _, score in found.n_best]
    assert scores == sorted(scores, reverse=True)
    assert sum(map(math.exp, scores)) <= 1 + 1e-5


@pytest.mark.parametrize("crf", [False, True])
def test_the_probabilities_of_all_labels_are_given_when_requested(crf):
    codec, model = new(POS, crf=crf)
    for tagged in model.eval().predict(batch_of(codec, sentences(POS)), all_probabilities=True):
        assert len(tagged.probabilities) == len(tagged.words)
        for tag, confidence, row in zip(tagged.tags, tagged.confidences, tagged.probabilities, strict=True):
            assert sum(row) == pytest.approx(1, abs=1e-5)  # sums of a few float32
            assert row[codec.labels.index(tag)] == confidence


def test_a_balance_finds_rare_labels_where_another_is_likelier():
    codec, model = new([("a b c d", "N N N V")])
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.copy_(torch.tensor([0.6, 0.4]).log())
    batch = codec.collate([codec.encode(["a"])])
    # N is 3 of 4 words: 0.6 / 0.75 < 0.4 / 0.25, while 0.6 > 0.4.
    assert [model.predict(batch, balance=b)[0].tags for b in (0.0, 1.0)] == [("N",), ("V",)]


def test_without_a_crf_there_is_one_labelling():
    codec, model = new(POS)
    with pytest.raises(UsageError, match="--crf true"):
        model.predict(batch_of(codec, sentences(POS)), n_best=2)


@pytest.mark.parametrize("crf", [False, True])
def test_a_label_that_training_has_not_seen_costs_nothing(crf):
    codec, model = new(POS, crf=crf)
    model.eval()
    known, odd = sentences([("a dog", "D N")])[0], Sentence(("a", "dog"), ("D", "X"), PLACE)
    assert model.loss(batch_of(codec, [known, odd])).count == (2 if crf else 3)
    assert model.loss(batch_of(codec, [odd])).count == (0 if crf else 1)


def test_unseen_words_and_empty_sentences_can_be_labelled():
    codec, model = new(POS)
    empty, strange = model.eval().predict(codec.collate([codec.encode(""), codec.encode("☃ Zebra")]))
    assert empty.tags == () and empty.text == ""
    assert len(strange.tags) == 2


def test_only_rare_words_are_spelled_where_so_asked():
    codec, _ = new(POS, spelled_below=3)
    words = codec.encode(["dog", "runs", "home", "zebra"])
    spelling = codec.collate([words]).inputs.spelling[0]
    # dog is seen 3 times, with its capital; home 4, runs 2 and zebra never.
    assert (spelling > 0).tolist() == [False, True, False, True]


def test_a_very_long_word_is_read_by_its_ends():
    codec, _model = new(POS)
    one, other = (codec.encode([f"{'a' * 20}{middle}{'z' * 20}"]) for middle in ("", "big" * 1000))
    assert codec.collate([other]).inputs.characters.shape == (2, 32)
    assert torch.equal(codec.collate([one]).inputs.characters, codec.collate([other]).inputs.characters)


def test_typed_sentences_are_cut_into_words_and_lists_of_words_are_not():
    codec, _ = new(POS)
    assert codec.encode(TASK.parse_input("The dog's home.")).words == ("The", "dog's", "home", ".")
    assert codec.encode(TASK.parse_input('["The", "dog", "\'s", "U.S."]')).words == ("The", "dog", "'s", "U.S.")
    assert codec.encode(TASK.parse_input("[sic]")).words == ("[", "sic", "]")
    assert TASK.parse_input("[1, 2]") == "[1, 2]"


def test_a_codec_is_the_same_after_its_files_are_read():
    codec, _ = new(NAMES)
    again = load_codec(codec.to_json())
    assert again == codec
    files = codec.to_json()
    files["vocab.json"]["counts"] = [1]
    with pytest.raises(DataError, match=r"vocab\.json needs a list of 8 whole numbers"):
        load_codec(files)


def running(*texts):
    return [Sentence(*map(tuple, zip(*labelled(text), strict=True)), PLACE) for text in texts]


def test_restored_text_is_scored_by_marks_and_capitals():
    truth = running("Oh, no. Well, yes. Why?")
    answer = Tagged(truth[0].words, ("Aa,", "aa", "Aa", "aa.", "aa."), (1.0,) * 5, "punctuation")
    scores = TASK.score([answer], truth)
    assert scores["accuracy"] == pytest.approx(2 / 5)
    assert scores["f1_comma"] == pytest.approx(2 / 3)  # one of two, none false
    assert scores["f1_period"] == pytest.approx(2 * 0.5 * 0.5 / 1)  # one of two found, one of two true
    assert scores["f1_question"] == scores["f1_exclamation"] == 0
    assert scores["f1_marks"] == pytest.approx((2 / 3 + 0.5) / 4)
    assert scores["f1_capitals"] == pytest.approx(2 * 1 * (2 / 3) / (1 + 2 / 3))
    assert answer.text == "Oh, no Well yes. why."


def test_names_are_scored_whole_and_listed_in_json():
    truth = sentences([("Ann Lee saw Rome", "B-PER I-PER O B-LOC")])
    answer = Tagged(truth[0].words, ("B-PER", "O", "O", "B-LOC"), (1.0,) * 4, "bio")
    scores = TASK.score([answer], truth)
    assert scores == {"accuracy": 0.75, "f1": 0.5, "precision": 0.5, "recall": 0.5}
    line, facts = TASK.format_prediction(answer)
    assert line == "Ann/B-PER Lee/O saw/O Rome/B-LOC"
    assert [(e["text"], e["type"]) for e in facts["entities"]] == [("Ann", "PER"), ("Rome", "LOC")]


def test_each_label_is_scored_as_its_scheme_has_it():
    truth = sentences([("Ann Lee saw Rome", "B-PER I-PER O B-LOC"), ("Bob saw", "B-PER O")])
    tags = [("B-PER", "O", "O", "B-LOC"), ("B-PER", "B-LOC")]
    answers = [Tagged(e.words, row, (), "bio") for e, row in zip(truth, tags, strict=True)]
    assert TASK.label_scores(answers, truth) == {"LOC": (0.5, 1.0, 2 / 3, 1), "PER": (0.5, 0.5, 0.5, 2)}
    spans, labels, *_ = TASK.tables(answers, truth)
    assert spans.rows == [["PER", 0.5, 0.5, 0.5, 2], ["LOC", 0.5, 1.0, 2 / 3, 1], ["all", 0.5, 2 / 3, 4 / 7, 3]]
    assert [row[0] for row in labels.rows] == ["B-PER", "O", "B-LOC", "I-PER"]
    plain = [Tagged(e.words, row, ()) for e, row in zip(truth, tags, strict=True)]
    assert TASK.label_scores(plain, truth)["O"] == (0.5, 0.5, 0.5, 2)
    assert TASK.tables(plain, truth)[0].title == "Labels"
    text = sentences([("yes no", "Aa, aa.")])
    restored = [Tagged(text[0].words, ("aa,", "aa"), (), "punctuation")]
    assert TASK.label_scores(restored, text)["comma"] == (1.0, 1.0, 1.0, 1)


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [(None, ["N", "V", "D"]), ("bio", ["B-PER", "I-PER", "O", "B-LOC"]), ("punctuation", ["aa", "Aa,", "aa.", "AA?"])],
)
def test_draws_of_sentences_are_scored_by_their_counts_as_by_each_score_on_its_own(scheme, tags):
    draw = random.Random(0)
    truth = [tuple(draw.choices(tags, k=draw.randint(1, 9))) for _ in range(30)]
    found = [tuple(tag if draw.random() < 0.7 else draw.choice(tags) for tag in row) for row in truth]
    examples = [Sentence(("w",) * len(row), row, PLACE) for row in truth]
    answers = [Tagged(e.words, row, (1.0,) * len(row), scheme) for e, row in zip(examples, found, strict=True)]
    resampled = resample(TASK.score, answers, examples, counts=TASK.score_counts(answers, examples))
    drawn = np.random.default_rng(0).integers(30, size=30).tolist()
    true, guessed = [truth[n] for n in drawn], [found[n] for n in drawn]
    flat = [[tag for row in side for tag in row] for side in (true, guessed)]
    by_hand = {"accuracy": accuracy(*flat)}
    if scheme is None:
        by_hand["macro_f1"] = macro_f1(*flat)
    elif scheme == "bio":
        by_hand |= entity_scores(true, guessed)[TOTAL]._asdict()
        del by_hand["support"]
    else:
        marks = label_scores(*([tag[2:] for tag in side] for side in flat))
        names = {"f1_comma": ",", "f1_period": ".", "f1_question": "?"}
        by_hand |= {name: marks[mark].f1 for name, mark in names.items()} | {"f1_exclamation": 0.0}
        by_hand["f1_marks"] = sum(marks[mark].f1 for mark in names.values()) / 4
        by_hand["f1_capitals"] = label_scores(*([tag[:2] != "aa" for tag in side] for side in flat))[True].f1
    assert resampled.resamples == 1000
    assert {name: values[0] for name, values in resampled.scores.items()} == pytest.approx(by_hand)


def test_the_baseline_takes_each_words_most_common_label():
    splits = Splits(sentences(POS), [], sentences([("the run runs zebra", "D N V N")]))
    # run is V three times of five; a word never seen is N, the most common label.
    assert TASK.score(TASK.predict_baseline(TagConfig(data="a.conll"), splits), splits.test)["accuracy"] == 0.75


def test_the_default_splits_share_no_review():
    config = TagConfig(reviews=60)
    splits = TASK.read(config, [])
    reviews = [{s.location for s in split} for split in (splits.train, splits.valid, splits.test)]
    assert [len(locations) for locations in reviews] == [54, 3, 3]
    assert len(set.union(*reviews)) == 60
    assert max(len(s.words) for s in splits.train) <= config.stretch
    assert TASK.read(config, []) == splits != TASK.read(TagConfig(reviews=60, seed=1), [])


def test_a_head_has_its_encoder_and_labels():
    codec, model = new(NAMES)
    assert isinstance(model, TaggingHead)
    assert model.labels == ("B-LOC", "B-PER", "I-LOC", "I-PER", "O") == codec.labels
    assert model(batch_of(codec, sentences(NAMES))).shape == (4, 4, 5)
