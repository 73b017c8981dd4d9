"""The tables that show how vectors were labelled, and the baseline that the scores are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.answers.labels import Classified
from seqkit.data import Example, Splits
from seqkit.tables import Table
from seqkit.topologies.classification import labels_and_confusions, misclassified
from seqkit.topologies.one_to_one.reading import feature_matrix

_WORST = 5
"""Mistakes that are shown in a table."""


def vector_tables(predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
    """The scores of each label, the confusion matrix, and the mistakes that the model was most confident of."""
    rows = [
        [e.label, p.label, f"{p.confidence:.2f}", str(e.location)]
        for p, e in confident_mistakes(predictions, examples)[:_WORST]
    ]
    return [
        *labels_and_confusions(predictions, examples),
        Table("Most confident mistakes", ["truth", "answer", "confidence", "row"], rows),
    ]


def confident_mistakes(
    predictions: Sequence[Classified], examples: Sequence[Example]
) -> list[tuple[Classified, Example]]:
    """The wrong predictions with their examples, the most confident first."""
    return sorted(misclassified(predictions, examples), key=lambda pair: -pair[0].confidence)


def logistic_baseline(splits: Splits[Example]) -> list[Classified]:
    """Logistic regression on scaled numbers, scikit-learn's defaults, trained on the same split and its weights."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    weights = [e.weight for e in splits.train]
    model.fit(feature_matrix(splits.train), [e.label for e in splits.train], logisticregression__sample_weight=weights)
    return [Classified(str(label), {}) for label in model.predict(feature_matrix(splits.test))]
