"""Many to many, delayed: a text for a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqkit.data import SourceLocation, Splits
from seqkit.data.pairs import Pair, one_reference_each, split_pairs, usable
from seqkit.data.spacing import plain_spaces
from seqkit.estimators.arguments import check_target, same_length, texts
from seqkit.estimators.base import SequenceEstimator
from seqkit.scores.written import check_installed

if TYPE_CHECKING:
    from typing_extensions import Self


class SequenceTranslator(SequenceEstimator):
    """A text for each text, such as its translation, by attention and beam search: the task ``translate``.

    X and y are lists, arrays or Series of N texts. Models are compared by BLEU, and of the same BLEU by their loss;
    ``score`` is chrF2 / 100 (sacrebleu), 0 to 1: it tells apart small models whose BLEU is 0. Pairs with an empty side,
    or a longer one than the option ``max_characters``, are not trained on.

    Parameters that are None have the default of the task.

    Args:
        cell, hidden_size, num_layers, attention, embedding_size: the network.
        tokenizer, max_symbols: how both sides are read and written.
        dropout, embedding_dropout, label_smoothing: what keeps training from learning by heart.
        epochs, learning_rate, batch_size, patience: the training.
        beam_size: hypotheses at a time; 1: greedy search.
        validation_fraction: part of the sources that tells the best epoch and is not trained on.
        options: any other option of ``seqkit run translate``, by its name.
        random_state: the seed; the same one gives the same weights. None draws a new one for each ``fit``.
        verbose: whether each epoch, and whatever is odd about the data, prints a line.

    Attributes:
        model_: a :class:`seqkit.Model`.
        history_: the scores after each epoch.
    """

    task = "translate"

    def __init__(
        self,
        *,
        cell: str | None = None,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        attention: str | None = None,
        embedding_size: int | None = None,
        tokenizer: str | None = None,
        max_symbols: int | None = None,
        dropout: float | None = None,
        embedding_dropout: float | None = None,
        label_smoothing: float | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        patience: int | None = None,
        beam_size: int | None = None,
        validation_fraction: float = 0.1,
        options: dict[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        verbose: bool = False,
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.attention = attention
        self.embedding_size = embedding_size
        self.tokenizer = tokenizer
        self.max_symbols = max_symbols
        self.dropout = dropout
        self.embedding_dropout = embedding_dropout
        self.label_smoothing = label_smoothing
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.patience = patience
        self.beam_size = beam_size
        self.validation_fraction = validation_fraction
        self.options = options
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Trains on N texts and what they become. Raises ValueError for what is no text, or nothing to train on."""
        check_target(self, y)
        check_installed()
        return self._learn(_pairs(X, y))

    def predict(self, X: Any) -> list[str]:
        """The best text for each of N texts."""
        return [prediction.text for prediction in self._predictions(texts(X))]

    def score(self, X: Any, y: Any) -> float:
        """chrF2 / 100 of the predictions, over all texts at once."""
        pairs = _pairs(X, y)
        predictions = self._predictions([pair.source for pair in pairs])
        return self.model_.task.score(predictions, pairs)["chrf"] / 100

    def __sklearn_tags__(self) -> Any:
        """Inputs are texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags

    def _split(self, examples: Sequence[Pair], config: Any, notes: list[str]) -> Splits[Pair]:
        pairs = usable(examples, config.max_characters, notes)
        splits = split_pairs(pairs, self.validation_fraction, 0.0, config.seed, ["test"])
        return Splits(one_reference_each(splits.train), splits.valid, [])


def _pairs(X: Any, y: Any) -> list[Pair]:
    sources, targets = texts(X), texts(y, "y")
    same_length(len(sources), len(targets))
    both = zip(sources, targets, strict=True)
    return [
        Pair(plain_spaces(source), (target.strip(),), SourceLocation("X", n)) for n, (source, target) in enumerate(both)
    ]
