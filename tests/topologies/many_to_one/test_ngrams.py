"""Counts of n-grams beside the recurrent layer."""

import json
import math

import pytest
import torch
from seqkit.tasks.sentiment import TASK, SentimentConfig

from seqkit import Encoder
from seqkit.config import make_config
from seqkit.data import DataError, Example, SourceLocation
from seqkit.topologies.many_to_one import ClassificationHead
from seqkit.topologies.many_to_one.codec import TextCodec
from seqkit.topologies.many_to_one.ngrams import NgramCounts, NgramPrior

TEXTS = [["good", "film"], ["good", "plot"], ["bad", "film"], ["bad", "bad", "plot"]]
LABELS = [1, 1, 0, 0]


def counts(texts=TEXTS, labels=LABELS):
    return NgramCounts.learn(texts, labels, 2, "word")


def padded(known, *texts):
    rows = [known.encode(text) for text in texts]
    longest = max(map(len, rows))
    return torch.tensor([row + [len(known.counts)] * (longest - len(row)) for row in rows])


def test_a_text_counts_once_for_each_of_its_ngrams():
    known = counts()
    table = dict(zip(known.numbers, known.counts, strict=True))
    assert table["bad",] == [2, 0]  # two texts, though one has the word twice
    assert table["good",] == [0, 2]
    assert table["film",] == [1, 1]
    assert table["bad", "plot"] == [1, 0]


def test_a_prior_is_the_centered_naive_bayes_evidence_over_the_root_of_its_ngrams():
    known = counts()
    prior = NgramPrior(known.counts, 2)
    size, totals = len(known.counts) + 1, [sum(row[c] for row in known.counts) for c in (0, 1)]
    expected = torch.zeros(2)
    ngrams = known.encode(["good", "film"])
    for number in ngrams:
        logs = [math.log((known.counts[number][c] + 1) / (totals[c] + size)) for c in (0, 1)]
        expected += torch.tensor(logs) - sum(logs) / 2
    found = prior(padded(known, ["good", "film"], ["bad"]))[0]
    torch.testing.assert_close(found, expected / math.sqrt(len(ngrams)), rtol=1e-5, atol=1e-6)


def test_in_training_a_text_is_judged_by_the_others_alone():
    known, prior = counts(), None
    prior = NgramPrior(known.counts, 2)
    for number, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
        others = [(t, y) for n, (t, y) in enumerate(zip(TEXTS, LABELS, strict=True)) if n != number]
        left = {gram: [0, 0] for gram in known.numbers}
        for tokens, other in others:
            for gram, row in known.numbers.items():
                left[gram][other] += row in known.encode(tokens)
        alone = NgramPrior([left[gram] for gram in known.numbers], 2)
        ngrams = padded(known, text)
        torch.testing.assert_close(prior(ngrams, torch.tensor([label])), alone(ngrams), rtol=1e-5, atol=1e-6)


def test_an_unknown_text_has_no_prior():
    known = counts()
    assert torch.equal(NgramPrior(known.counts, 2)(torch.full((3, 1), len(known.counts))), torch.zeros(3, 2))


def test_the_table_says_in_evaluation_what_forward_computes():
    known = counts()
    prior = NgramPrior(known.counts, 2)
    torch.nn.init.constant_(prior.log_gain, 0.05)
    ngrams = padded(known, *TEXTS)
    real = (ngrams != prior.padding).sum(1, keepdim=True)
    torch.testing.assert_close(prior(ngrams), prior.gain * prior.evidence[ngrams].sum(1) / real.sqrt())
    torch.testing.assert_close(prior(ngrams), prior.table[ngrams].sum(1) / real.sqrt())


def weighted_prior(known):
    prior = NgramPrior(known.counts, 2, weighted=True)
    assert prior.changes is not None
    return prior, prior.changes


def test_weights_of_ngrams_change_nothing_before_they_have_learned():
    known = counts()
    prior, _ = weighted_prior(known)
    ngrams, targets = padded(known, *TEXTS), torch.tensor(LABELS)
    plain = NgramPrior(known.counts, 2)
    assert torch.equal(prior(ngrams), plain(ngrams))
    assert torch.equal(prior(ngrams, targets), plain(ngrams, targets))


def test_a_weight_counts_the_evidence_of_its_ngram_in_training_as_in_evaluation():
    known = counts()
    prior, changes = weighted_prior(known)
    one = known.numbers["good",]
    ngrams, targets = padded(known, ["good"]), torch.tensor([1])
    root = math.sqrt(ngrams.shape[1])
    before, before_training = prior(ngrams), prior(ngrams, targets)
    with torch.no_grad():
        changes[one] = 0.05  # ten times as much: 1.5 of what it was
    torch.testing.assert_close(prior(ngrams), before + 0.5 * prior.evidence[one] / root)
    torch.testing.assert_close(prior(ngrams), prior.table[ngrams].sum(1) / root)
    (others,) = prior.from_others(ngrams, targets, ngrams != prior.padding)
    own = others[ngrams[0] == one][0]
    torch.testing.assert_close(prior(ngrams, targets), before_training + 0.5 * own / root)


def test_an_ngram_that_no_other_text_has_teaches_its_weight_almost_nothing():
    # What is left is the difference of the classes' totals, which tells nothing of the n-gram.
    texts = [["good", f"only{n}"] if n % 2 else ["bad", f"only{n}"] for n in range(200)]
    known = NgramCounts.learn(texts, [n % 2 for n in range(200)], 2, "word")
    prior, changes = weighted_prior(known)
    ngrams = padded(known, *texts)
    torch.nn.functional.cross_entropy(prior(ngrams, torch.arange(200) % 2), torch.arange(200) % 2).backward()
    gradient = changes.grad[:, 0].abs()
    alone = [known.numbers["only7",], known.numbers["good", "only7"]]
    assert gradient[alone].max() < 1e-2 * gradient[known.numbers["good",]] / 100


def test_whether_ngrams_are_weighted_is_kept_and_older_runs_have_no_weights():
    known = counts()
    again = NgramCounts.from_json({**known.to_json(), "weighted": True}, "ngrams.json", 2)
    assert again.weighted
    old = {name: value for name, value in known.to_json().items() if name != "weighted"}
    assert not NgramCounts.from_json(old, "ngrams.json", 2).weighted


def test_counts_come_back_from_json_and_damage_names_the_file():
    known = counts()
    again = NgramCounts.from_json(json.loads(json.dumps(known.to_json())), "ngrams.json", 2)
    assert again == known or (again.numbers, again.counts) == (known.numbers, known.counts)
    for damage in ({"counts": [[1]]}, {"ngrams": ["a"]}, {"order": "x"}, {"counts": None}):
        with pytest.raises(DataError, match=r"ngrams\.json must hold"):
            NgramCounts.from_json({**known.to_json(), **damage}, "ngrams.json", 2)


def examples(count):
    words = ["good", "bad"]
    return [Example(f"{words[n % 2]} film number {n}", words[n % 2], SourceLocation("a.csv", n)) for n in range(count)]


def test_a_run_without_ngrams_has_neither_counts_nor_a_prior():
    config = make_config(SentimentConfig, {"ngrams": False, "hidden_size": 4, "embedding_size": 4})
    codec = TASK.learn_codec(config, examples(8))
    assert "ngrams.json" not in codec.to_json()
    assert TASK.build_head(config, codec).prior is None
    batch = codec.collate([codec.encode("good film")])
    assert batch.ngrams is None


def test_what_ngrams_say_reaches_the_prediction_of_a_head_that_has_not_been_trained():
    config = make_config(SentimentConfig, {"hidden_size": 4, "embedding_size": 4})
    train = examples(40)
    codec = TASK.learn_codec(config, train)
    torch.manual_seed(0)
    head = TASK.build_head(config, codec).eval()
    batch = codec.collate([codec.encode(example.text) for example in examples(4)])
    with_prior = [prediction.label for prediction in head.predict(batch)]
    assert with_prior == ["good", "bad", "good", "bad"]
    plain = ClassificationHead(head.encoder, head.labels).eval()
    assert isinstance(plain.encoder, Encoder)
    assert plain.predict(batch)[0].probabilities != head.predict(batch)[0].probabilities


def test_letters_inside_a_word_say_what_a_new_form_of_it_means():
    texts = [["wonderful"], ["plain"], ["Wonder"], ["dreadful"]]
    known = NgramCounts.learn(texts, [1, 0, 1, 0], 2, "word")
    prior = NgramPrior(known.counts, 2)
    ((bad, good),) = prior(padded(known, ["WONDERS"])).tolist()
    assert good > bad
    assert known.encode(["xyz"]) == []


def test_letters_are_counted_within_words_only_and_apart_from_words():
    known = NgramCounts.learn([["a", "b"], ["ab"]], [0, 1], 2, "word")
    table = dict(zip(known.numbers, known.counts, strict=True))
    assert table["ab",] == [0, 1] and table["a", "b"] == [1, 0]
    assert table["\x1e", "ab"] == [0, 1] and ("\x1e", "a b") not in table
    assert table["\x1e", " a "] == [1, 0]


def test_characters_are_not_spelled():
    known = NgramCounts.learn([list("ab")], [0], 1, "char")
    assert [*known.numbers] == [("a",), ("a", "b"), ("b",)]


def test_a_run_that_counted_no_letters_reads_as_it_was():
    old = {"order": 2, "ngrams": ["good", "good\x1ffilm"], "counts": [[0, 1], [0, 1]]}
    known = NgramCounts.from_json(old, "ngrams.json", 2)
    assert known.encode(["good", "film"]) == [0, 1]


def test_letters_are_counted_until_there_are_words_enough(monkeypatch):
    tokens = sum(map(len, TEXTS))
    monkeypatch.setattr("seqkit.data.inputs.ngrams._SPELLED_TOKENS", tokens)
    assert counts().spelled > 0
    monkeypatch.setattr("seqkit.data.inputs.ngrams._SPELLED_TOKENS", tokens - 1)
    few = counts()
    assert few.spelled == 0 and ("bad", "film") in few.numbers
    assert NgramCounts.from_json(few.to_json(), "ngrams.json", 2).spelled == 0


def test_a_codec_that_encodes_a_text_in_its_own_way_encodes_many_in_it():
    class Backward(TextCodec):
        def encode(self, raw, example=None):
            return super().encode(" ".join(reversed(raw.split())), example)

    config = make_config(SentimentConfig, {"min_count": 1})
    learned = Backward.learn(config, examples(20))
    (item,) = learned.encode_many(["good film"])
    assert item.tokens.tolist() == TextCodec.learn(config, examples(20)).encode("film good").tokens.tolist()
