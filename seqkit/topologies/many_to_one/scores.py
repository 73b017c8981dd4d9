"""The tables that show how texts were labelled, and the baseline that the scores are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.data import Example, Splits, tokenizer
from seqkit.tables import Table
from seqkit.topologies.classification import Classified, labels_and_confusions, misclassified

_WORST = 5
"""Texts that the model got most wrong are shown."""


def classification_tables(predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
    """The scores of each label, the confusion matrix, and the texts whose label the model found least likely."""
    wrong = sorted(misclassified(predictions, examples), key=lambda pair: pair[0].probabilities.get(pair[1].label, 0.0))
    rows = [[e.label, p.label, f"{p.confidence:.2f}", " ".join(e.text.split())] for p, e in wrong[:_WORST]]
    return [
        *labels_and_confusions(predictions, examples),
        Table("Most wrong", ["truth", "answer", "confidence", "text"], rows),
    ]


def tfidf_baseline(splits: Splits[Example], tokenizer_name: str) -> list[Classified]:
    """TF-IDF of tokens with logistic regression, scikit-learn's defaults, trained on the same split and its weights."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    tokens = tokenizer(tokenizer_name)
    vectorizer = TfidfVectorizer(tokenizer=tokens.split, token_pattern=None, lowercase=False)
    model = make_pipeline(vectorizer, LogisticRegression(max_iter=1000))
    weights = [e.weight for e in splits.train]
    model.fit(
        [e.text for e in splits.train], [e.label for e in splits.train], logisticregression__sample_weight=weights
    )
    return [Classified(str(label), {}) for label in model.predict([e.text for e in splits.test])]
