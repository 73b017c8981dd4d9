"""The tables that show how sets of labels were predicted, and the baseline that the scores are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seqkit.answers.labels import LabelSet, written
from seqkit.data import Splits, Tokenizer
from seqkit.data.readers import LabelSetExample, one_line
from seqkit.scores.label_sets import indicators, set_label_scores, set_table
from seqkit.tables import Table
from seqkit.topologies.many_to_one.scores import tfidf
from seqkit.topologies.thresholds import tune_thresholds

_WORST = 5
"""Texts that the model got most wrong are shown."""
_LEAST = 1e-12
"""Of a probability whose logarithm is taken"""


def label_set_tables(predictions: Sequence[LabelSet], examples: Sequence[LabelSetExample]) -> list[Table]:
    """The scores of each label, and the texts whose labels the model found least likely."""
    scores = set_label_scores([e.labels for e in examples], [p.labels for p in predictions])
    wrong = [(p, e) for p, e in zip(predictions, examples, strict=True) if set(p.labels) != set(e.labels)]
    wrong.sort(key=lambda pair: -_surprise(*pair))
    rows = [[written(e.labels), written(p.labels), e.location.line, one_line(e.text)] for p, e in wrong[:_WORST]]
    return [set_table(scores), Table("Worst mistakes", ["truth", "answer", "line", "text"], rows)]


def _surprise(prediction: LabelSet, example: LabelSetExample) -> float:
    """``-log p`` of the true labels, summed over all that the model knows."""
    probabilities = [p if label in example.labels else 1 - p for label, p in prediction.probabilities.items()]
    return -sum(math.log(max(_LEAST, p)) for p in probabilities)


def one_vs_rest_baseline(splits: Splits[LabelSetExample], tokens: Tokenizer, score: str) -> list[LabelSet]:
    """TF-IDF of tokens with a logistic regression for each label, scikit-learn's defaults, on the same split.

    One threshold for all labels is tuned on the validation split, as that of the model is.
    """
    from sklearn.linear_model import LogisticRegression

    labels = sorted({label for example in splits.train for label in example.labels})
    vectorizer, weights = tfidf(tokens), [e.weight for e in splits.train]
    train = vectorizer.fit_transform([e.text for e in splits.train])
    valid, test = (vectorizer.transform([e.text for e in part]) for part in (splits.valid, splits.test))
    columns = []
    for having in indicators([e.labels for e in splits.train], labels).T:
        if having.all():
            columns.append((np.ones(valid.shape[0]), np.ones(test.shape[0])))
            continue
        model = LogisticRegression(max_iter=1000).fit(train, having, weights)
        columns.append(tuple(model.predict_proba(part)[:, 1] for part in (valid, test)))
    on_valid, on_test = (np.stack(part, 1) for part in zip(*columns, strict=True))
    truth = indicators([e.labels for e in splits.valid], labels)
    tuned = tune_thresholds(on_valid, truth, score, each=False)
    return [
        LabelSet(tuple(np.array(labels)[row >= tuned.values].tolist()), dict(zip(labels, row.tolist(), strict=True)))
        for row in on_test
    ]
