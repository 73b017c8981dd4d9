"""Scores of labels for whole inputs, the tables that show them, and the baseline that they are held against."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.data import Example, Splits, tokenizer
from seqkit.scores.labels import accuracy, confusion_table, macro_f1
from seqkit.tables import Table
from seqkit.topologies.many_to_one.head import Classified

_WORST = 5
"""Texts that the model got most wrong are shown."""


def classification_scores(predictions: Sequence[Classified], examples: Sequence[Example]) -> dict[str, float]:
    """Accuracy and macro-F1."""
    truth, predicted = [e.label for e in examples], [p.label for p in predictions]
    return {"accuracy": accuracy(truth, predicted), "macro_f1": macro_f1(truth, predicted)}


def classification_tables(predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
    """The confusion matrix, and the texts whose label the model found least likely."""
    pairs = zip(predictions, examples, strict=True)
    wrong = [(p.probabilities.get(e.label, 0.0), p, e) for p, e in pairs if p.label != e.label]
    worst = [
        [e.label, p.label, f"{p.confidence:.2f}", " ".join(e.text.split())]
        for _, p, e in sorted(wrong, key=lambda row: row[0])[:_WORST]
    ]
    return [
        confusion_table([e.label for e in examples], [p.label for p in predictions]),
        Table("Most wrong", ["truth", "answer", "confidence", "text"], worst),
    ]


def tfidf_baseline(splits: Splits[Example], tokenizer_name: str) -> list[Classified]:
    """TF-IDF of tokens with logistic regression, scikit-learn's defaults, trained on the same split."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    tokens = tokenizer(tokenizer_name)
    vectorizer = TfidfVectorizer(tokenizer=tokens.split, token_pattern=None, lowercase=False)
    model = make_pipeline(vectorizer, LogisticRegression(max_iter=1000))
    model.fit([e.text for e in splits.train], [e.label for e in splits.train])
    return [Classified(str(label), {}) for label in model.predict([e.text for e in splits.test])]
