"""Predictions of a head for many items, in batches by length."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from seqkit.config import TrainingConfig
from seqkit.data.batching import token_batches
from seqkit.devices import OutOfMemory, device_of, memory_errors, placed
from seqkit.layers import Head
from seqkit.layers.recurrent import weights_stand_still
from seqkit.topologies.codec import Codec

_SMALLER = "one input alone did not fit; answer with --device cpu, or shorten it"


class Predicted(NamedTuple):
    """Predictions in the order of the items, and their average loss; 0 where it was not requested."""

    predictions: list[Any]
    loss: float


@torch.no_grad()
def predict_items(
    head: Head,
    codec: Codec[Any, Any, Any],
    items: Sequence[Any],
    config: TrainingConfig,
    *,
    predict: Callable[..., list[Any]] | None = None,
    with_loss: bool = False,
    after_batch: Callable[[], None] = lambda: None,
    **options: Any,
) -> Predicted:
    """Predicts all items; a batch for which a device has no memory is halved.

    Args:
        head, codec, config: of a model; batches are larger than in training, for no gradient is kept.
        items: what the codec made of the inputs.
        predict: a batch to its predictions; None: that of the head, which takes the ``options``.
        with_loss: whether to compute the loss, too; items then need targets.
        after_batch: is called after each batch.
    """
    head.eval()
    device = device_of(head)
    predict = predict or head.predict
    found: list[Any] = [None] * len(items)
    total, count = 0.0, 0.0
    lengths = [codec.length(item) for item in items]
    groups = deque(token_batches(lengths, 2 * config.batch_tokens, 4 * config.batch_size))
    while groups:
        group = groups.popleft()
        try:
            with weights_stand_still(head), memory_errors(device, _SMALLER):
                batch = placed(codec.collate([items[number] for number in group]), device)
                loss = head.loss(batch) if with_loss else None
                predictions = predict(batch, **options)
        except OutOfMemory:
            if len(group) == 1:
                raise
            middle = len(group) // 2
            groups.extendleft([group[middle:], group[:middle]])
            continue
        if loss is not None:
            total, count = total + float(loss.sum), count + float(loss.count)
        for number, prediction in zip(group, predictions, strict=True):
            found[number] = prediction
        after_batch()
    return Predicted(found, total / (count or 1))
