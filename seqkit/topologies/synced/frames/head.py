"""The head that labels each frame of a sequence, and what it predicts.

B batch, T frames, D values that the encoder reads, K labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from seqkit.answers.steps import Framed
from seqkit.errors import UsageError
from seqkit.layers import Encoder, Head, Loss
from seqkit.layers.head import require_targets
from seqkit.layers.label_loss import label_loss
from seqkit.topologies.class_weights import class_weight_tensor
from seqkit.topologies.synced.frames.codec import FrameBatch


class FrameHead(Head):
    """Synced: ``softmax(W h_(t+d) + b)`` over the labels of frame t, with h the outputs of an encoder.

    With a delay d of more than 0, one direction sees d frames beyond the one it labels; those beyond the end are 0.

    Args:
        encoder: reads (B, T, D); its outputs are not pooled.
        labels: what a frame can be.
        delay: d.
        class_weights: of the labels in the loss; None: all are 1.

    Raises:
        UsageError: for a delay with two directions.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str],
        delay: int = 0,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if delay and encoder.recurrent.bidirectional:
            raise UsageError("a delay is for one direction, two see the whole sequence; set bidirectional=false")
        self.encoder, self.labels, self.delay = encoder, tuple(labels), delay
        self.output = nn.Linear(encoder.recurrent.output_size, len(self.labels))
        self.register_buffer("class_weights", class_weight_tensor(class_weights), persistent=False)

    def forward(self, batch: FrameBatch) -> Tensor:
        """Logits (B, T, K)."""
        frames = pad(batch.frames, (0, 0, 0, self.delay))
        outputs = self.encoder(frames, batch.lengths + self.delay).outputs
        logits: Tensor = self.output(outputs[:, self.delay :])
        return logits

    def loss(self, batch: FrameBatch) -> Loss:
        """Cross-entropy of all frames, in nats, with the weights of labels.

        Frames whose label training has not seen count nothing.
        """
        targets, logits = require_targets(batch.targets), self(batch)
        return label_loss(logits.flatten(0, 1), targets.flatten(), self.class_weights)

    @torch.no_grad()
    def predict(self, batch: FrameBatch, *, all_probabilities: bool = False) -> list[Framed]:
        """The most likely label of every frame; with ``all_probabilities``, the probability of every label, too."""
        probabilities, lengths = torch.softmax(self(batch), 2), batch.lengths.tolist()
        confidences, best = probabilities.max(2)
        rows = zip(lengths, best.tolist(), confidences.tolist(), strict=True)
        predictions = [
            Framed(tuple(self.labels[number] for number in numbers[:length]), tuple(row[:length]))
            for length, numbers, row in rows
        ]
        if not all_probabilities:
            return predictions
        whole = zip(predictions, lengths, probabilities.tolist(), strict=True)
        return [replace(framed, probabilities=tuple(map(tuple, row[:length]))) for framed, length, row in whole]
