"""The loss of labels, which may have weights.

N rows, K labels.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from seqkit.layers.head import Loss, count_of


def label_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    weights: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Loss:
    """The cross-entropy of labels in nats, ``Σ_n w_n v_(y_n) nll_n``, and its count, ``Σ_n w_n v_(y_n)``.

    A weight of 2 is the same as a second copy of the row, and a weight of 0 the same as no row.

    Args:
        logits: (N, K).
        targets: y, (N); a row whose target is -1 counts nothing.
        class_weights: v, (K); None: all are 1.
        weights: w, (N); None: all are 1.
        label_smoothing: the fraction of a target that all labels share (Szegedy et al., 2016, arXiv:1512.00567).
    """
    seen = targets >= 0
    if class_weights is None and weights is None:
        total = cross_entropy(logits, targets, ignore_index=-1, reduction="sum", label_smoothing=label_smoothing)
        return Loss(total, count_of(seen))
    scale = seen.to(logits.dtype)
    if class_weights is not None:
        scale = scale * class_weights[targets.clamp(min=0)]
    if weights is not None:
        scale = scale * weights
    nats = cross_entropy(logits, targets, ignore_index=-1, reduction="none", label_smoothing=label_smoothing)
    return Loss((nats * scale).sum(), float(scale.double().sum()), items=int(seen.sum()))
