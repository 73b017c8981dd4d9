"""Learning from a teacher: its probabilities beside the labels.

N rows, T steps of a sequence, K labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.nn.functional import kl_div
from torch.nn.utils.rnn import pad_sequence

from seqkit.errors import UsageError
from seqkit.graphs.external import with_forward
from seqkit.layers import CRF, Head, Loss
from seqkit.lengths import labelled_lengths
from seqkit.training import Batches

TEACHER_FILE = "teacher.safetensors"
"""The file of a run that keeps what its teacher said: the teacher may be gone when the run is resumed."""


class SoftTargets:
    """What a teacher says of each training example, in their order.

    Args:
        rows: the probabilities of all labels, (K), or of a sequence those of each step, (T, K).
    """

    def __init__(self, rows: Sequence[Tensor]) -> None:
        self.rows = [row.to(torch.float32) for row in rows]

    def batch(self, numbers: Sequence[int]) -> Tensor:
        """Those of some examples, (N, K) or (N, T, K); after the end of a sequence all are 1."""
        rows = [self.rows[number] for number in numbers]
        return torch.stack(rows) if rows[0].dim() == 1 else pad_sequence(rows, batch_first=True, padding_value=1.0)

    def to_bytes(self) -> bytes:
        """The content of :data:`TEACHER_FILE`."""
        flat = [row.reshape(-1, row.shape[-1]) for row in self.rows]
        sizes = torch.tensor([-1 if row.dim() == 1 else len(row) for row in self.rows])
        return save({"probabilities": torch.cat(flat), "sizes": sizes})

    @classmethod
    def from_bytes(cls, content: bytes) -> SoftTargets:
        """What :meth:`to_bytes` wrote."""
        tensors = load(content)
        sizes = tensors["sizes"].tolist()
        rows = tensors["probabilities"].split([abs(size) for size in sizes])
        return cls([row[0] if size < 0 else row for size, row in zip(sizes, rows, strict=True)])


class DistilledBatch(NamedTuple):
    """A batch, and what the teacher says of its examples: (N, K) or (N, T, K)."""

    batch: Any
    teacher: Tensor


class DistilledBatches:
    """Batches of an epoch with what the teacher says of them; see :class:`~seqkit.training.Batches`."""

    def __init__(self, batches: Batches, teacher: SoftTargets) -> None:
        self.batches, self.teacher = batches, teacher

    def plan(self, epoch: int) -> Sequence[Any]:
        """The examples of each batch."""
        return self.batches.plan(epoch)

    def batch(self, group: Sequence[int], carried: Mapping[str, Tensor] | None = None) -> DistilledBatch:
        """The batch of these examples."""
        return DistilledBatch(self.batches.batch(group, carried), self.teacher.batch(group))


class DistillationLoss:
    """The loss of a student, of its labels y and of its teacher's probabilities q::

        Σ_n w_n ((1 - λ) nll(y_n) + λ T² KL(q_n^(1/T) / Z ‖ softmax(logits_n / T)))

    with w_n the weights of example and label. T² keeps the gradient of the second part as large at any temperature. A
    CRF is compared by whole labellings, see :meth:`CRF.divergence`; its transitions learn from the labels.

    Args:
        head: the student; its ``forward`` returns logits (…, K).
        weight: λ, from 0 to 1.
        temperature: T; above 1, what the teacher thinks of the unlikely labels counts more.

    Raises:
        UsageError: for a weight above 1.

    Source: Hinton, Vinyals and Dean, 2015, arXiv:1503.02531.
    """

    def __init__(self, head: Head, weight: float, temperature: float) -> None:
        if not 0 <= weight <= 1:
            raise UsageError(f"teacher_weight must be between 0 and 1, not {weight}")
        self.head, self.weight, self.temperature = head, weight, temperature

    def __call__(self, distilled: DistilledBatch) -> Loss:
        """The loss of a batch."""
        batch, teacher = distilled
        logits = self.head(batch)
        hard = with_forward(self.head, lambda _: logits).loss(batch)
        crf: CRF | None = getattr(self.head, "crf", None)
        if crf is None:
            soft = self.divergence(logits, teacher) * self._row_weights(batch, logits)
        else:
            lengths = labelled_lengths(batch.targets, batch.lengths)
            soft = crf.divergence(logits, teacher, lengths, self.temperature)
        return hard._replace(sum=(1 - self.weight) * hard.sum + self.weight * soft.sum())

    def divergence(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """``T² KL`` of each row (…) in nats."""
        softened = torch.softmax(teacher.log() / self.temperature, -1)
        student = torch.log_softmax(logits / self.temperature, -1)
        divergence: Tensor = kl_div(student, softened, reduction="none").sum(-1) * self.temperature**2
        return divergence

    def _row_weights(self, batch: Any, logits: Tensor) -> Tensor:
        """How much each row counts in the loss of the labels, (N) or (N, T); 0 at padding."""
        weights: Tensor = (batch.targets >= 0).to(logits.dtype)
        class_weights, own = getattr(self.head, "class_weights", None), getattr(batch, "weights", None)
        if class_weights is not None:
            weights = weights * class_weights[batch.targets.clamp(min=0)]
        weighted: Tensor = weights if own is None else weights * own
        return weighted
