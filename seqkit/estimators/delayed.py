"""Many to many, delayed: a text for a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqkit.data import SourceLocation, Splits
from seqkit.data.pairs import Pair, one_reference_each, split_pairs, usable
from seqkit.data.spacing import plain_spaces
from seqkit.estimators.arguments import check_target, same_length, texts
from seqkit.estimators.base import SequenceEstimator
from seqkit.scores.written import check_installed
from seqkit.topologies.delayed import Delayed

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceTranslator(SequenceEstimator):
    """A text for each text, such as its translation, by attention and beam search: the task ``translate``.

    X and y are lists, arrays or Series of N texts. Models are compared by chrF, and of the same chrF by their loss;
    ``score`` is chrF2 / 100 (sacrebleu), 0 to 1, which differs even between small models whose BLEU is 0. Pairs with an
    empty side, or a longer one than the option ``max_characters``, are not trained on.

    Parameters that are None have the default of the task.

    Args:
        cell, hidden_size, num_layers, attention, embedding_size: the network.
        tokenizer, max_symbols: how both sides are read and written.
        dropout, embedding_dropout, label_smoothing: what keeps training from learning by heart.
        beam_size: hypotheses at a time; 1: greedy search.
        validation_fraction: fraction of the sources that are not trained on, but tell which epoch is the best.
        options: any other option of ``seqkit run translate``, by its name.
        epochs, learning_rate, batch_size, patience, random_state, verbose: as in :class:`SequenceEstimator`.

    Attributes:
        model_: a :class:`seqkit.Model`.
        history_: the scores after each epoch.
    """

    task = "translate"
    topology = Delayed

    attention: str | None = None
    embedding_size: int | None = None
    tokenizer: str | None = None
    max_symbols: int | None = None
    embedding_dropout: float | None = None
    label_smoothing: float | None = None
    beam_size: int | None = None

    def fit(self, X: Any, y: Any) -> Self:
        """Trains on N texts and what they become. Raises ValueError for what is not text, or nothing to train on."""
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
