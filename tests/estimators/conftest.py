"""Small data that each estimator can learn, and estimators that learn it within a second."""

import random

import numpy as np
import pytest

from seqkit.estimators import SequenceClassifier, SequenceLabeler, SequenceTagger, SequenceTranslator

ORDINARY = {"hidden_size": 8, "dropout": 0.0, "epochs": 4, "learning_rate": 0.05, "batch_size": 8}
WORDS = {**ORDINARY, "embedding_size": 8, "embedding_dropout": 0.0}
PARAMETERS = {
    SequenceClassifier: {**WORDS, "min_count": 1, "word_dropout": 0.0},
    SequenceTagger: {**WORDS, "min_count": 1, "characters": "none"},
    SequenceTranslator: {**WORDS, "tokenizer": "word", "beam_size": 2},
    SequenceLabeler: ORDINARY,
}
GOOD, BAD = ["wonderful", "brilliant", "moving"], ["dull", "awful", "boring"]
PLAIN = ["the", "film", "and", "its", "story", "with", "an", "actor"]


@pytest.fixture(params=PARAMETERS, ids=lambda kind: kind.__name__)
def kind(request):
    """Each class of estimators."""
    return request.param


@pytest.fixture(scope="session")
def make():
    """Makes a quick estimator of a class, or of a subclass."""

    def made(kind, **parameters):
        base = next(known for known in PARAMETERS if issubclass(kind, known))
        return kind(**{**PARAMETERS[base], **parameters})

    return made


@pytest.fixture(scope="session")
def labelled():
    """Makes texts and their labels, which hang on one word of the text."""

    def made(count=120, labels=("bad", "good")):
        generator = random.Random(0)
        texts = []
        for number in range(count):
            words = [*generator.choices(PLAIN, k=generator.randint(2, 6)), generator.choice((BAD, GOOD)[number % 2])]
            generator.shuffle(words)
            texts.append(" ".join(words))
        return texts, [labels[number % 2] for number in range(count)]

    return made


@pytest.fixture(scope="session")
def data_for(labelled):
    """Makes X and y that the estimator can learn."""

    def made(kind, count=60):
        texts, labels = labelled(count)
        if issubclass(kind, SequenceClassifier):
            return texts, labels
        if issubclass(kind, SequenceTranslator):
            return texts, [text.upper() for text in texts]
        if issubclass(kind, SequenceTagger):
            sentences = [text.split() for text in texts]
            return sentences, [["adjective" if word in GOOD + BAD else "other" for word in s] for s in sentences]
        generator = np.random.default_rng(0)
        arrays = [generator.normal(size=(length, 2)) for length in generator.integers(3, 9, count)]
        return arrays, [(array[:, 0] > 0).astype(int) for array in arrays]

    return made


@pytest.fixture(scope="session", params=PARAMETERS, ids=lambda kind: kind.__name__)
def fitted(request, make, data_for):
    """A fitted estimator of each class, and what it was fitted on."""
    X, y = data_for(request.param)
    return make(request.param).fit(X, y), X, y


@pytest.fixture(scope="session")
def classifier(make, labelled):
    """A fitted classifier."""
    return make(SequenceClassifier).fit(*labelled())


@pytest.fixture(scope="session")
def same():
    """Whether two lists of predictions are equal."""
    return lambda one, other: len(one) == len(other) and all(map(np.array_equal, one, other))
