"""Classes in their own type, probabilities of each, and scores."""

import numpy as np
import pytest
from sacrebleu.metrics import CHRF

from seqkit.data import SourceLocation
from seqkit.data.tagged import Sentence
from seqkit.estimators import SequenceClassifier, SequenceLabeler, SequenceTagger, SequenceTranslator


def test_classes_stay_of_their_own_type(tmp_path, make, labelled, same):
    texts, labels = labelled(60, (10, 9))
    for kind, wanted in ((int, np.int64), (str, np.str_), (float, np.float64)):
        y = [kind(label) for label in labels]
        estimator = make(SequenceClassifier).fit(texts, y)
        assert estimator.classes_.tolist() == sorted({*y})
        assert isinstance(estimator.predict(texts)[0], wanted)
        estimator.save(tmp_path / kind.__name__)
        again = SequenceClassifier.load(tmp_path / kind.__name__)
        assert again.classes_.dtype == estimator.classes_.dtype
        assert same(again.predict(texts), estimator.predict(texts))
        assert estimator.score(texts, y) > 0.9


@pytest.mark.parametrize("pair", [(("a", 1), ("b", 2)), (True, False), (np.str_("x"), np.str_("y")), ("1", 1)])
def test_a_label_is_whatever_can_be_hashed(pair, make, labelled):
    texts, labels = labelled(60, pair)
    y = labels if pair != ("1", 1) else np.array(labels, dtype=object)
    estimator = make(SequenceClassifier).fit(texts, y)
    assert {*estimator.classes_.tolist()} == {*pair}
    assert np.mean([answer == label for answer, label in zip(estimator.predict(texts), labels, strict=True)]) > 0.9


def test_columns_of_probabilities_are_in_the_order_of_the_classes(make, labelled):
    texts, labels = labelled(60, (10, 9))
    estimator = make(SequenceClassifier).fit(texts, labels)
    probabilities = estimator.predict_proba(texts)
    expected = estimator.model_.predict_proba(texts)
    assert probabilities.tolist() == [[each["9"], each["10"]] for each in expected]
    assert np.allclose(probabilities.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("parameters", [{}, {"crf": True}])
def test_every_word_has_the_probability_of_every_tag(parameters, make, data_for):
    X, y = data_for(SequenceTagger)
    tagger = make(SequenceTagger, **parameters).fit(X, y)
    model, columns = tagger.model_, tagger.classes_.tolist()
    for words, tags, probabilities, prediction in zip(X, y, tagger.predict_proba(X), model.predict(X), strict=True):
        assert probabilities.shape == (len(words), 2)
        # Sums and quotients of float32.
        assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
        sentence = Sentence(tuple(words), tuple(tags), SourceLocation("X", 1))
        confidences = [confidence for confidence, _ in model.task.confidences(prediction, sentence)]
        chosen = [row[columns.index(tag)] for row, tag in zip(probabilities, prediction.tags, strict=True)]
        assert np.allclose(chosen, confidences, atol=1e-6)


def test_every_frame_has_the_probability_of_every_label(make, data_for):
    X, y = data_for(SequenceLabeler)
    labeler = make(SequenceLabeler).fit(X, y)
    assert labeler.n_features_in_ == 2
    for labels, probabilities in zip(labeler.predict(X), labeler.predict_proba(X), strict=True):
        assert np.allclose(probabilities.sum(1), 1, atol=1e-6)
        assert np.array_equal(labeler.classes_[probabilities.argmax(1)], labels)


def test_scores_are_what_they_say(make, data_for):
    X, y = data_for(SequenceLabeler)
    labeler = make(SequenceLabeler).fit(X, y)
    assert labeler.score(X, y) == pytest.approx(np.mean(np.concatenate(labeler.predict(X)) == np.concatenate(y)))
    X, y = data_for(SequenceTranslator)
    translator = make(SequenceTranslator).fit(X, y)
    assert translator.score(X, y) == pytest.approx(CHRF().corpus_score(translator.predict(X), [y]).score / 100)


def test_spans_that_break_their_scheme_are_repaired(make):
    X = [["in", "Paris", str(number)] for number in range(30)]
    tagger = make(SequenceTagger).fit(X, [["O", "I-LOC", "O"]] * 15 + [["O", "B-LOC", "O"]] * 15)
    assert tagger.classes_.tolist() == ["B-LOC", "I-LOC", "O"]
    assert tagger.predict_proba(X)[0].shape == (3, 3)
    repaired = ["O", "B-LOC", "O"]
    sentences = [Sentence(tuple(words), tuple(repaired), SourceLocation("X", 1)) for words in X]
    f1 = tagger.model_.task.score(tagger.model_.predict(X), sentences)["f1"]
    assert tagger.score(X, [repaired] * 30) == f1


def test_missing_features_are_not_an_error(make, data_for):
    X, y = data_for(SequenceLabeler)
    X = [np.where(array > 1.5, np.nan, array) for array in X]
    assert make(SequenceLabeler).fit(X, y).score(X, y) > 0.6
