import math

import pytest
import torch
from seqkit.tasks.tag import TASK, TagConfig

from seqkit.data import SourceLocation
from seqkit.data.tagged import Sentence
from seqkit.layers import CRF
from seqkit.report.results import calibration_sentence
from seqkit.topologies.synced.tagging import calibration
from seqkit.topologies.synced.tagging.calibration import Scored, fit_shift

SMALL = {"embedding_size": 8, "hidden_size": 8, "character_size": 4, "spelling_size": 4, "data": "a.conll"}
NAMES = [
    ("Ann Lee saw Rome", "B-PER I-PER O B-LOC"),
    ("Rome", "B-LOC"),
    ("saw Ann", "O B-PER"),
    ("New York saw Lee", "B-LOC I-LOC O B-PER"),
]


def sentences(rows):
    return [Sentence(tuple(words.split()), tuple(tags.split()), SourceLocation("a.conll", 1)) for words, tags in rows]


def new(rows=NAMES, **options):
    torch.manual_seed(0)
    config = TagConfig(**{**SMALL, "crf": True, **options})
    codec = TASK.learn_codec(config, sentences(rows))
    return config, codec, TASK.build_head(config, codec).eval()


def tuned(config, codec, head, rows=NAMES):
    examples = sentences(rows)
    return TASK.tune(config, codec, head, [codec.encode(e.words, e) for e in examples], examples)


def words_apart():
    """A CRF whose labels do not depend on each other."""
    crf = CRF(2)
    with torch.no_grad():
        for score in (crf.transitions, crf.start, crf.end):
            score.zero_()
    return crf


def scored(*labels):
    return [Scored(torch.zeros(len(row), 2), torch.tensor(row)) for row in labels]


def test_the_shift_makes_as_many_words_outside_spans_likely_as_there_are():
    others = scored(*[[0, 1, 1, 1, 0], [0, 1, 1], [1, 1]] * 40)
    shift = fit_shift(words_apart(), 0, others)
    # 120 of 400 words are outside; each is so with probability 1 / (1 + e^b), and b²/2 keeps b small.
    assert 120 + shift == pytest.approx(400 / (1 + math.exp(shift)), abs=2)


def test_a_few_sentences_without_spans_say_little():
    assert -1 < fit_shift(words_apart(), 0, scored([0, 0])) < -0.3
    assert fit_shift(words_apart(), 0, scored(*[[0, 0]] * 400)) < -3


def test_of_many_sentences_some_are_enough(monkeypatch):
    others = scored(*[[0, 1, 1, 1, 0]] * 400)
    whole = fit_shift(words_apart(), 0, others)
    monkeypatch.setattr(calibration, "_SENTENCES", 200)
    assert fit_shift(words_apart(), 0, others) == pytest.approx(whole, abs=0.03)


def test_a_sentence_with_a_label_that_training_has_not_seen_does_not_count():
    known = scored(*[[0, 1, 1, 1, 0]] * 40)
    unknown = [Scored(torch.zeros(3, 2), torch.tensor([0, -1, 0]))] * 40
    assert fit_shift(words_apart(), 0, known + unknown) == fit_shift(words_apart(), 0, known)


def test_a_model_that_finds_too_few_spans_finds_more_after_it_is_tuned():
    config, codec, head = new()
    with torch.no_grad():
        head.output.bias[codec.labels.index("O")] = 6.0
    examples = sentences(NAMES * 20)
    batch = codec.collate([codec.encode(e.words, e) for e in examples])
    before = head.loss(batch).mean.item()
    found = tuned(config, codec, head, NAMES * 20)["calibration"]
    assert found["score"] == "f1"
    assert found["outside"] > 2
    assert found["tuned"] > found["alone"] == 0
    assert head.loss(batch).mean.item() < before / 2
    assert "Spans are found more readily" in calibration_sentence({"calibration": found})


def test_a_model_that_was_tuned_before_is_tuned_alike():
    config, codec, head = new()
    first = tuned(config, codec, head)
    value = head.outside.value.item()
    assert value == pytest.approx(first["calibration"]["outside"])
    assert tuned(config, codec, head) == first
    assert head.outside.value.item() == value


@pytest.mark.parametrize("features", [False, True])
def test_the_shift_lowers_the_score_of_outside_alone_and_has_no_part_in_training(features):
    _, codec, head = new(features=features)
    examples = sentences(NAMES)
    batch = codec.collate([codec.encode(e.words, e) for e in examples])
    before = head(batch)
    head.outside.value.fill_(1.5)
    outside = codec.labels.index("O")
    expected = before.clone()
    expected[:, :, outside] -= 1.5
    torch.testing.assert_close(head(batch), expected)
    head.train()
    torch.manual_seed(0)
    shifted = head.loss(batch).sum
    head.outside.value.zero_()
    torch.manual_seed(0)
    assert torch.equal(head.loss(batch).sum, shifted)


def test_the_shift_is_kept_with_the_weights():
    _, _, head = new()
    head.outside.value.fill_(1.5)
    _, _, other = new()
    other.load_state_dict(head.state_dict())
    assert other.outside.value.item() == 1.5


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (NAMES, {"calibrate": False}),
        (NAMES, {"crf": False}),
        ([("a dog runs", "D N V"), ("dogs run", "N V")], {}),
        ([("Ann Lee", "B-PER I-PER"), ("Rome", "B-LOC")], {}),
    ],
)
def test_without_spans_a_crf_and_the_wish_nothing_is_tuned(rows, options):
    config, codec, head = new(rows, **options)
    assert head.outside is None
    assert tuned(config, codec, head, rows) == {}
    assert not [name for name in head.state_dict() if name.startswith("outside")]


def test_without_a_validation_split_nothing_is_tuned():
    config, codec, head = new()
    assert tuned(config, codec, head, []) == {}
