"""The head that labels each word of a sentence, and what it predicts.

B batch, T words of a sentence, K labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from seqkit.answers.steps import Tagged
from seqkit.data.punctuation import MARKED
from seqkit.data.questions import ASKED
from seqkit.data.schemes import OUTSIDE, allowed_transitions
from seqkit.errors import UsageError
from seqkit.layers import CRF, Encoder, Head, Loss
from seqkit.layers.head import require_targets
from seqkit.layers.label_loss import label_loss
from seqkit.lengths import labelled_lengths
from seqkit.topologies.class_weights import class_weight_tensor
from seqkit.topologies.synced.tagging.calibration import OutsideShift
from seqkit.topologies.synced.tagging.codec import TagBatch
from seqkit.topologies.synced.tagging.features import FeatureScores


class TaggingHead(Head):
    """Synced: ``softmax(W h_t + b)`` over the labels of each word, or a linear-chain CRF on these scores.

    With features, ``s_t`` of :class:`FeatureScores` are the scores of a second, linear tagger. Each learns the labels
    for itself, and ``(W h_t + b + s_t) / 2`` answers, a logarithmic opinion pool (Smith, Cohn and Osborne, 2005, ACL).
    With a CRF it is ``W h_t + b + s_t``, a product of experts: of half the scores the transitions, most of which lead
    to no span, would make less. Trained on their sum, the features of 2,000 sentences explain nearly all after five
    epochs, and leave the recurrent layer nothing to learn from.

    Args:
        encoder: reads :class:`Words`; its outputs are not pooled.
        labels: what a word can be.
        scheme: what they mean (see :class:`Tagged`); a CRF never leaves a scheme of spans.
        crf: whether labels depend on their neighbours.
        counts: how often each label was seen in training.
        balance: b; without a CRF the label with the largest ``p / frequency^b`` is chosen, so that rare ones are found
            though another is likelier.
        n_best: labellings given for a sentence; more than one needs a CRF.
        class_weights: of the labels in the loss; None: all are 1.
        features: what features of words add to the scores; None: nothing.
        calibrated: whether the score of ``O`` can be shifted, see :class:`OutsideShift`; for a CRF of spans alone.

    Raises:
        UsageError: for weights with a CRF, whose loss is one of whole sentences.
    """

    frequency: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str],
        scheme: str | None = None,
        crf: bool = False,
        counts: Sequence[int] | None = None,
        balance: float = 0.0,
        n_best: int = 1,
        class_weights: Sequence[float] | None = None,
        features: FeatureScores | None = None,
        calibrated: bool = False,
    ) -> None:
        super().__init__()
        if crf and class_weights is not None:
            raise UsageError(
                "a CRF scores whole sentences, so labels can't have weights; leave out class_weight or crf"
            )
        self.encoder, self.labels, self.scheme = encoder, tuple(labels), scheme
        self.balance, self.n_best = balance, n_best
        self.features: FeatureScores | None = features
        self.output = nn.Linear(encoder.recurrent.output_size, len(self.labels))
        limits = map(
            torch.from_numpy, allowed_transitions(self.labels, scheme) if scheme not in (None, ASKED, MARKED) else ()
        )
        self.crf = CRF(len(self.labels), *limits) if crf else None
        shifted = calibrated and crf and OUTSIDE in self.labels
        self.outside = OutsideShift(self.labels) if shifted else None
        seen = torch.ones(len(self.labels)) if counts is None else torch.tensor(counts, dtype=torch.float32)
        self.register_buffer("class_weights", class_weight_tensor(class_weights), persistent=False)
        self.register_buffer("frequency", seen.clamp(min=1) / seen.clamp(min=1).sum(), persistent=False)

    def forward(self, batch: TagBatch) -> Tensor:
        """Logits (B, T, K); where there are features, the average of those of both parts, or with a CRF their sum.

        Except in training, that of ``O`` is shifted where the model has been calibrated.
        """
        logits, *others = self._parts(batch)
        logits = self.share * (logits + others[0]) if others else logits
        return logits if self.outside is None or self.training else self.outside(logits)

    def exported_output(self) -> nn.Linear:
        """:attr:`output` with the shift of evaluation."""
        return self.output if self.outside is None else self.outside.built_into(self.output)

    @property
    def share(self) -> float:
        """How much either part counts, the recurrent layer and the features."""
        return 0.5 if self.crf is None else 1.0

    def loss(self, batch: TagBatch) -> Loss:
        """Cross-entropy of words with the weights of their labels, or of whole labellings with a CRF, in nats.

        A label that training has not seen counts nothing; with a CRF, neither does the rest of its sentence. In
        training it is the average loss of both parts, where there are two.
        """
        targets, learners = require_targets(batch.targets), self._learners(batch)
        parts = len(learners)
        # One after the other they would take twice the time in a CRF, which goes word by word.
        loss = self._loss_of(torch.cat(learners), targets.repeat(parts, 1), batch.lengths.repeat(parts))
        if parts == 1:
            return loss
        items = None if loss.items is None else loss.items // parts
        return Loss(loss.sum / parts, loss.count / parts, items=items)

    def _parts(self, batch: TagBatch) -> list[Tensor]:
        """The logits of the recurrent layer and, where there are any, those of features."""
        logits: Tensor = self.output(self.encoder(batch.inputs, batch.lengths).outputs)
        if self.features is None or batch.features is None:
            return [logits]
        return [logits, self.features(batch.features)]

    def _learners(self, batch: TagBatch) -> list[Tensor]:
        """The logits that are to be near the targets."""
        return self._parts(batch) if self.training and self.features is not None else [self(batch)]

    def _loss_of(self, logits: Tensor, targets: Tensor, lengths: Tensor) -> Loss:
        if self.crf is None:
            return label_loss(logits.flatten(0, 1), targets.flatten(), self.class_weights)
        lengths = labelled_lengths(targets, lengths)
        return Loss(self.crf.loss(logits, targets.clamp(min=0), lengths), int(lengths.sum()))

    @torch.no_grad()
    def predict(
        self,
        batch: TagBatch,
        *,
        n_best: int | None = None,
        balance: float | None = None,
        all_probabilities: bool = False,
    ) -> list[Tagged]:
        """Each word's most likely label; with a CRF the most likely labellings.

        Args:
            batch: sentences.
            n_best, balance: as those of the head, which they replace.
            all_probabilities: whether predictions have the probabilities of all labels, too.

        Raises :class:`UsageError` for more than one labelling without a CRF.
        """
        n_best = n_best or self.n_best
        if self.crf is None and n_best > 1:
            raise UsageError("n_best above 1 needs a model with a CRF; train one with --crf true")
        logits = self(batch)
        if self.crf is None:
            probabilities = torch.softmax(logits, 2)
            tagged = self._tag_words(batch, logits, probabilities, self.balance if balance is None else balance)
        else:
            probabilities = self.crf.marginals(logits, batch.lengths)
            tagged = self._tag_sentences(self.crf, batch, logits, probabilities, n_best)
        return _with_probabilities(tagged, probabilities) if all_probabilities else tagged

    def _tag_words(self, batch: TagBatch, logits: Tensor, probabilities: Tensor, balance: float) -> list[Tagged]:
        best = (logits - balance * self.frequency.log()).argmax(2)
        confidences = probabilities.gather(2, best.unsqueeze(2)).squeeze(2)
        rows = zip(batch.words, best.tolist(), confidences.tolist(), strict=True)
        return [
            Tagged(words, self._names(numbers[: len(words)]), tuple(row[: len(words)]), self.scheme)
            for words, numbers, row in rows
        ]

    def _tag_sentences(
        self, crf: CRF, batch: TagBatch, logits: Tensor, probabilities: Tensor, n_best: int
    ) -> list[Tagged]:
        decoded, tagged = crf.decode(logits, batch.lengths, n_best), []
        for words, paths, row in zip(batch.words, decoded, probabilities.tolist(), strict=True):
            labellings = tuple((self._names(path.labels), path.score) for path in paths)
            confidences = tuple(row[time][label] for time, label in enumerate(paths[0].labels))
            shown = labellings if n_best > 1 else ()
            tagged.append(Tagged(words, labellings[0][0], confidences, self.scheme, shown))
        return tagged

    def _names(self, numbers: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.labels[number] for number in numbers)


def _with_probabilities(predictions: Sequence[Tagged], probabilities: Tensor) -> list[Tagged]:
    rows = zip(predictions, probabilities.tolist(), strict=True)
    return [replace(tagged, probabilities=tuple(map(tuple, row[: len(tagged.words)]))) for tagged, row in rows]
