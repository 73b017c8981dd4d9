"""Predictions of a head for many items, in batches by length, which several processes may share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple

import torch

from seqkit.config import TrainingConfig
from seqkit.data.batching import token_batches
from seqkit.devices import OutOfMemory, device_of, memory_errors, placed
from seqkit.layers import Head
from seqkit.layers.recurrent import weights_stand_still
from seqkit.topologies.codec import Codec
from seqkit.training.distributed import PeerLost, Processes
from seqkit.training.helping import ask
from seqkit.training.values import from_bytes, to_bytes

_SMALLER = "one input alone did not fit; answer with --device cpu, or shorten it"


_UNSENDABLE = b"-"
"""What a process gives whose predictions are of a class that cannot be sent"""


class Predicted(NamedTuple):
    """Predictions in the order of the items, and their average loss; 0 where it was not requested."""

    predictions: list[Any]
    loss: float


class SharedItems(list[Any]):
    """Items that each of several processes has, so that they can predict them together.

    :func:`predict_items` of the first process then has the others, which wait in
    :func:`~seqkit.training.helping.help_first`, predict some of the batches. Batches, and with them every bit of the
    predictions, are those of one process with as many threads.

    Args:
        items: the same in all processes.
        name: what the first process calls them.
        processes: who shares the work.
    """

    def __init__(self, items: Iterable[Any], name: str, processes: Processes) -> None:
        super().__init__(items)
        self.name, self.processes = name, processes


class _Group(NamedTuple):
    """What was predicted of some items, by their numbers, and the sum and count of their losses."""

    numbers: list[int]
    predictions: list[Any]
    loss: float
    counted: float


def predict_items(
    head: Head,
    codec: Codec[Any, Any, Any],
    items: Sequence[Any],
    config: TrainingConfig,
    *,
    predict: Callable[..., list[Any]] | None = None,
    with_loss: bool = False,
    after_batch: Callable[[], None] = lambda: None,
    threads: Executor | None = None,
    **options: Any,
) -> Predicted:
    """Predicts all items; a batch for which a device has no memory is halved.

    Args:
        head, codec, config: of a model; batches are larger than in training, for no gradient is kept.
        items: what the codec made of the inputs.
        predict: a batch to its predictions; None: that of the head, which takes the ``options``.
        with_loss: whether to compute the loss, too; items then need targets.
        after_batch: is called after each batch, in the thread that has predicted it.
        threads: each predicts a batch at a time; None: this one predicts them one by one.
    """

    def answered(group: list[int]) -> list[_Group]:
        answer = predict or head.predict
        return [*_predicted(head, codec, items, group, answer, with_loss, after_batch, options)]

    def compute(groups: Sequence[list[int]]) -> list[list[_Group]]:
        return [*(map if threads is None else threads.map)(answered, groups)]

    head.eval()
    groups = _groups(codec, items, config)
    if isinstance(items, SharedItems) and items.processes.size > 1 and predict is None:
        ask(items.processes, _request(head, items, with_loss, options))
        done = _share(items.processes, groups, compute)
    else:
        done = compute(groups)
    found, total, count = [None] * len(items), 0.0, 0.0
    for group in chain.from_iterable(done):
        total, count = total + group.loss, count + group.counted
        for number, prediction in zip(group.numbers, group.predictions, strict=True):
            found[number] = prediction
    return Predicted(found, total / (count or 1))


def help_predict(
    head: Head,
    codec: Codec[Any, Any, Any],
    config: TrainingConfig,
    items: Sequence[SharedItems],
    request: Mapping[str, Any],
) -> None:
    """Predicts this process's share of what :func:`predict_items` of the first process has requested, by its weights.

    ``items`` are all that it may ask for.
    """
    (chosen,) = (each for each in items if each.name == request["items"])

    def compute(groups: Sequence[list[int]]) -> list[list[_Group]]:
        loss, options = request["with_loss"], request["options"]
        return [
            [*_predicted(head, codec, chosen, group, head.predict, loss, lambda: None, options)] for group in groups
        ]

    head.load_state_dict(request["weights"])
    head.eval()
    _share(chosen.processes, _groups(codec, chosen, config), compute)


def _request(head: Head, items: SharedItems, with_loss: bool, options: Mapping[str, Any]) -> Mapping[str, Any]:
    weights = dict(head.state_dict())
    return {"items": items.name, "weights": weights, "with_loss": with_loss, "options": dict(options)}


def _groups(codec: Codec[Any, Any, Any], items: Sequence[Any], config: TrainingConfig) -> list[list[int]]:
    """The numbers of the items in each batch."""
    lengths = [codec.length(item) for item in items]
    return token_batches(lengths, 2 * config.batch_tokens, 4 * config.batch_size)


@torch.no_grad()
def _predicted(
    head: Head,
    codec: Codec[Any, Any, Any],
    items: Sequence[Any],
    group: list[int],
    predict: Callable[..., list[Any]],
    with_loss: bool,
    after_batch: Callable[[], None],
    options: Mapping[str, Any],
) -> Iterator[_Group]:
    """The predictions of one batch, or of those that it had to be halved to."""
    device, groups = device_of(head), deque([group])
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
        sums = (0.0, 0.0) if loss is None else (float(loss.sum), float(loss.count))
        yield _Group(group, predictions, *sums)
        after_batch()


def _share(
    processes: Processes,
    groups: Sequence[list[int]],
    compute: Callable[[Sequence[list[int]]], list[list[_Group]]],
) -> list[list[_Group]]:
    """What all processes have computed, for the first one, in the order of the groups; the others get nothing."""
    try:
        own = compute(groups[processes.rank :: processes.size])
    except BaseException:
        # The others must not wait for it.
        with suppress(PeerLost):
            processes.collect(b"")
        raise
    done: list[list[_Group]] = [[]] * len(groups)
    for rank, content in enumerate(processes.collect(b"" if processes.first else _sendable(own))):
        if rank and not content:
            raise PeerLost(f"process {rank} of this training has failed")
        share = own if rank == 0 else from_bytes(content) if content != _UNSENDABLE else None
        done[rank :: processes.size] = compute(groups[rank :: processes.size]) if share is None else share
    return done


def _sendable(share: Sequence[Sequence[_Group]]) -> bytes:
    try:
        return to_bytes(share)
    except TypeError:
        return _UNSENDABLE
