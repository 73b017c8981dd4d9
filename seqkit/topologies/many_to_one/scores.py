"""The tables that show how texts were labelled, and the baseline that the scores are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqkit.answers.labels import Classified
from seqkit.data import Example, Splits, Tokenizer
from seqkit.data.readers import TextPair, one_line
from seqkit.tables import Table
from seqkit.topologies.classification import labels_and_confusions, misclassified
from seqkit.topologies.many_to_one.texts import joined

_WORST = 5
"""Texts that the model got most wrong are shown."""


def classification_tables(predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
    """The scores of each label, the confusion matrix, and the texts whose label the model found least likely."""
    wrong = sorted(misclassified(predictions, examples), key=lambda pair: pair[0].probabilities.get(pair[1].label, 0.0))
    rows = [[e.label, p.label, f"{p.confidence:.2f}", e.location.line, one_line(e.text)] for p, e in wrong[:_WORST]]
    return [
        *labels_and_confusions(predictions, examples),
        Table("Worst mistakes", ["truth", "answer", "confidence", "line", "text"], rows),
    ]


def tfidf(tokens: Tokenizer) -> Any:
    """A vectorizer of scikit-learn: TF-IDF of tokens; those of the second text of a pair are told apart."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    def split(text: str) -> list[str]:
        return joined([tokens.split(side) for side in (text.sides if isinstance(text, TextPair) else (text,))])

    return TfidfVectorizer(tokenizer=split, token_pattern=None, lowercase=False)


def tfidf_baseline(splits: Splits[Example], tokens: Tokenizer) -> list[Classified]:
    """TF-IDF of tokens with logistic regression, scikit-learn's defaults, trained on the same split and its weights."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(tfidf(tokens), LogisticRegression(max_iter=1000))
    weights = [e.weight for e in splits.train]
    model.fit(
        [e.text for e in splits.train], [e.label for e in splits.train], logisticregression__sample_weight=weights
    )
    return [Classified(str(label), {}) for label in model.predict([e.text for e in splits.test])]
