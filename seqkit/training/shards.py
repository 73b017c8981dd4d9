"""The gradient of a step in shards, whose bits do not depend on how many processes compute them.

The batch of a step is cut into a fixed number of shards. Each has random numbers of its own and is computed alone, by
one thread; their gradients are added as a tree in a fixed order (:mod:`seqkit.training.trees`). Processes only divide
the shards among themselves.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from seqkit.devices import OutOfMemory, placed
from seqkit.errors import UsageError
from seqkit.layers import Head, Loss, State
from seqkit.training.batches import Batches, cut
from seqkit.training.checkpoint import seed_device
from seqkit.training.distributed import PeerLost, Processes
from seqkit.training.embedding_rows import EmbeddingRows
from seqkit.training.spans import Spans
from seqkit.training.step_state import StepState
from seqkit.training.trees import Branches, branch_size, plus

_WORKS, _FAILED, _FULL = 0.0, 1.0, 2.0
"""What a process says of its shards: computed, failed, no memory for them"""
_LEAST = 4
"""Shards unless another number is requested: they can be divided among 1, 2 or 4 processes. An example of a small batch
costs more: with 64 short texts, a step in 4 shards took 1.2 times as long as in one piece, in 8 shards 1.5 times."""


def default_shards(processes: int) -> int:
    """The number of shards for a number of processes: the smallest ``processes · 2^k`` that is 4 or more."""
    shards = processes
    while shards < _LEAST:
        shards *= 2
    return shards


def check_shards(shards: int, processes: int) -> None:
    """Raises :class:`UsageError` where shards cannot be divided equally among processes."""
    if shards % processes:
        *fit, most = [str(number) for number in range(1, shards + 1) if shards % number == 0]
        fitting = f"{', '.join(fit)} or {most}" if fit else most
        raise UsageError(
            f"{shards} shards cannot be divided equally among {processes} processes; start {fitting}, or a new run "
            f"with --shards {default_shards(processes)}"
        )


class Place(NamedTuple):
    """Where a training is: the epoch, and the batch in it."""

    epoch: int
    position: int


class Agreed(NamedTuple):
    """What all processes know after a step: the loss of all shards, and whether one of them is asked to stop."""

    loss: Loss
    stopping: bool


class ShardedGradient:
    """Sets the gradients of a head's parameters to those of the average loss of an item of a step, over all shards.

    Args:
        head: the model.
        shards: how many there are.
        seed: of the run.
        processes: who shares the work; each has as many shards, one after the other.
    """

    def __init__(self, head: Head, shards: int, seed: int, processes: Processes) -> None:
        check_shards(shards, processes.size)
        self.head, self.shards, self.seed, self.processes = head, shards, seed, processes
        share = shards // processes.size
        self.own = range(processes.rank * share, (processes.rank + 1) * share)
        self.branch = branch_size(share)
        self.state, self.spans = StepState(head), processes.spans
        self.embeddings = [each for each in head.modules() if isinstance(each, nn.Embedding) and not each.sparse]

    def compute(
        self,
        loss: Callable[[Any], Loss],
        batches: Batches,
        groups: Sequence[Any],
        place: Place,
        carried: Mapping[str, Tensor] | None,
        stopping: bool,
    ) -> Agreed:
        """The gradients of a step, and what all processes agree on.

        Args:
            loss: of a batch.
            batches: makes batches of the groups.
            groups: of the plan, the batches of the step.
            place: of the first of them.
            carried: what the step before handed on, of the whole batch.
            stopping: whether this process is asked to stop.

        Raises:
            OutOfMemory: this process, or another one, has no memory for its shards.
            PeerLost: another process has failed.
        """
        parameters = [parameter for parameter in self.head.parameters() if parameter.requires_grad]
        self.state.remember()
        try:
            return self._compute(_Step(loss, batches, groups, place, parameters), carried, stopping)
        except BaseException:
            # A checkpoint that is written now must know nothing of this step.
            self.state.put_back()
            raise

    def _compute(self, step: _Step, carried: Mapping[str, Tensor] | None, stopping: bool) -> Agreed:
        _, _, groups, place, parameters = step
        parts, branches = list[_Part](), Branches(self.branch)
        try:
            with _Passes(self._workers, self.spans) as passes, _sparse(self.embeddings, self._device):
                for shard in self.own:
                    parts.append(self._forward(step, shard, carried, passes))
                    if not passes.beside:
                        branches.add(parts[-1].tensors(parameters))
                if passes.beside:
                    passes.help()
                    for part in parts:
                        branches.add(part.tensors(parameters))
            sums, rows = branches.sums, EmbeddingRows(parameters, self._places(parameters))
            alone = self.processes.size == 1 and len(sums) == 1
            flags = torch.cat([_used(parts), *([] if alone else [rows.read(sums)])])
            carries = any(part.carried for part in parts)
            numbers = [_WORKS, float(stopping), float(carries), *_numbers(parts)]
        except Exception as error:
            full = isinstance(error, OutOfMemory | torch.OutOfMemoryError)
            self._tell(_FULL if full else _FAILED, parameters)
            raise
        told, flagged = self.processes.gather_facts(numbers, flags)
        _check(told[:, 0].tolist())
        # Where all processes leave the generator, whichever shards they have computed.
        seed_device(self._device, self._seed_of(place, 0, self.shards))
        summed = _summed(told[:, 3:].reshape(-1, 3).tolist())
        used, read = flagged.split([len(parameters), flagged.shape[1] - len(parameters)], 1)
        if not alone:
            rows.agree(read)
        whole = self._sum(sums, rows, alone)
        gradients, statistics = whole[: len(parameters)], whole[len(parameters) :]
        in_use = zip(gradients, used.any(0).tolist(), strict=True)
        _set(parameters, [gradient if use else None for gradient, use in in_use], float(summed.count) or 1.0)
        filled = sum(any(pieces) for pieces in zip(*(cut(group, self.shards) for group in groups), strict=True))
        self.state.finish(len(groups), [statistic / filled for statistic in statistics])
        carried = self._gathered(parts) if told[:, 2].any() else None
        return Agreed(summed._replace(carried=carried), bool(told[:, 1].any()))

    def _forward(
        self,
        step: _Step,
        shard: int,
        carried: Mapping[str, Tensor] | None,
        passes: _Passes,
    ) -> _Part:
        """The losses of a shard; its backward passes are begun.

        Random numbers are drawn in forward passes alone, so these are never two at a time.
        """
        part = _Part(shard, _rows(carried, shard, self.shards))
        self.state.put_back()
        for number, group in enumerate(step.groups):
            piece = cut(group, self.shards)[shard]
            if piece is None:
                continue
            self.state.count(number)
            seed_device(self._device, self._seed_of(step.place, number, shard))
            with self.spans.span("data"):
                batch = placed(step.batches.batch(piece, part.carried), self._device)
            with self.spans.span("forward"):
                loss = step.loss(batch)
            part.losses.append(loss._replace(sum=loss.sum.detach(), carried=None))
            part.carried = loss.carried
            part.passes.append(passes.begin(loss.sum, step.parameters))
        part.statistics = [each if part.losses else torch.zeros_like(each) for each in self.state.statistics()]
        return part

    @property
    def _device(self) -> torch.device:
        return next(self.head.parameters()).device

    def _seed_of(self, place: Place, number: int, shard: int) -> int:
        """The seed of a shard: of the run, the epoch, the batch and the shard's number."""
        text = f"{self.seed} {place.epoch} {place.position + number} {shard}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "little")

    @property
    def _workers(self) -> int:
        """Threads beside this one."""
        return min(self.processes.threads, len(self.own)) - 1 if self._device.type == "cpu" else 0

    def _places(self, parameters: Sequence[nn.Parameter]) -> list[int]:
        """The numbers of the parameters that are tables of embeddings."""
        # On a GPU their gradients are dense, and which rows are zeros would have to be asked of it in every step.
        tables = {id(each.weight) for each in self.embeddings} if self._device.type == "cpu" else set[int]()
        return [number for number, parameter in enumerate(parameters) if id(parameter) in tables]

    def _tell(self, state: float, parameters: Sequence[nn.Parameter]) -> None:
        """Has the others stop, too; those that are gone need not know."""
        rows = sum(len(parameters[number]) for number in self._places(parameters))
        flags = torch.zeros(len(parameters) + rows, dtype=torch.bool)
        try:
            self.processes.gather_facts([state, 0.0, 0.0, *[0.0] * (3 * len(self.own))], flags)
        except PeerLost:
            return

    def _sum(self, sums: list[list[Tensor]], rows: EmbeddingRows, alone: bool) -> list[Tensor]:
        """The gradients of all shards, dense, and their statistics."""
        if alone:
            whole = [each.to_dense() if each.is_sparse else each for each in sums[0]]
        else:
            whole = rows.unpack(self.processes.sum(torch.stack([rows.pack(tensors) for tensors in sums])), sums[0])
        # As they arrive from other processes: the norm of a tensor is added up in the order of its memory.
        return [tensor.contiguous() for tensor in whole]

    def _gathered(self, parts: Sequence[_Part]) -> State:
        """What the shards of all processes hand on, as that of the whole batch."""
        carried = [(part.shard, part.carried or {}) for part in parts]
        own = {f"{shard} {name}": t.cpu().contiguous() for shard, state in carried for name, t in state.items()}
        rows: dict[str, dict[int, Tensor]] = {}
        for content in self.processes.gather(save(own)):
            for key, tensor in load(content).items():
                shard, _, name = key.partition(" ")
                rows.setdefault(name, {})[int(shard)] = tensor.to(self._device)
        return State({name: _interleaved(found, self.shards) for name, found in rows.items()})


def _used(parts: Sequence[_Part]) -> Tensor:
    """Whether the loss of some shard depends on a parameter (P)."""
    return torch.tensor([any(column) for column in zip(*(part.used for part in parts), strict=True)])


def _set(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None], count: float) -> None:
    """Gives parameters their share of the summed gradients."""
    if found := [gradient for gradient in gradients if gradient is not None]:
        torch._foreach_div_(found, count)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient


class _Step(NamedTuple):
    loss: Callable[[Any], Loss]
    batches: Batches
    groups: Sequence[Any]
    place: Place
    parameters: Sequence[nn.Parameter]


class _Part:
    """A shard: its losses, what it hands on, its backward passes, and which parameters they reach."""

    def __init__(self, shard: int, carried: Mapping[str, Tensor] | None) -> None:
        self.shard, self.carried = shard, carried
        self.losses: list[Loss] = []
        self.passes: list[_Pass] = []
        self.used: list[bool] = []
        self.statistics: list[Tensor] = []

    def tensors(self, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
        """What is added up: the gradients of its batches, zeros where there are none, and statistics."""
        whole: list[Tensor | None] = [None] * len(parameters)
        for pass_ in self.passes:
            whole = [_plus(*pair) for pair in zip(whole, pass_.result(), strict=True)]
        self.passes, self.used = [], [gradient is not None for gradient in whole]
        gradients = [torch.zeros_like(p) if g is None else g for g, p in zip(whole, parameters, strict=True)]
        return gradients + self.statistics


class _Passes:
    """Backward passes, by other threads while this one goes forward; without any, each at once.

    Args:
        workers: the other threads.
        spans: notes the time that they take.
    """

    def __init__(self, workers: int, spans: Spans) -> None:
        self._pool = ThreadPoolExecutor(workers, "backward") if workers > 0 else None
        self._spans = spans
        self._begun: list[_Pass] = []

    def __enter__(self) -> _Passes:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    @property
    def beside(self) -> bool:
        """Whether there are other threads."""
        return self._pool is not None

    def begin(self, total: Tensor, parameters: Sequence[nn.Parameter]) -> _Pass:
        """Begins the backward pass of a loss."""
        begun = _Pass(total, parameters, self._pool, self._spans)
        self._begun.append(begun)
        return begun

    def help(self) -> None:
        """Does those that no thread has begun, the last first."""
        for begun in reversed(self._begun):
            begun.take_over()


class _Pass:
    """One backward pass: the gradients of a loss, None for a parameter that it does not depend on."""

    def __init__(
        self, total: Tensor, parameters: Sequence[nn.Parameter], pool: ThreadPoolExecutor | None, spans: Spans
    ) -> None:
        self._spans = spans
        self._work: tuple[Tensor, Sequence[nn.Parameter]] | None = (total, parameters)
        self._done: list[Tensor | None] | None = None
        self._future = None if pool is None else pool.submit(self._run)
        if self._future is None:
            self._done = self._run()

    def _run(self) -> list[Tensor | None]:
        assert self._work is not None
        # Or the graph would stay in memory.
        (total, parameters), self._work = self._work, None
        with self._spans.span("backward"):
            found = torch.autograd.grad(total, parameters, allow_unused=True)
        return [each.coalesce() if each is not None and each.is_sparse else each for each in found]

    def take_over(self) -> None:
        """Does it here, unless a thread has begun it."""
        if self._future is not None and self._future.cancel():
            self._done = self._run()

    def result(self) -> list[Tensor | None]:
        """The gradients."""
        if self._done is None:
            assert self._future is not None
            with self._spans.span("waiting for threads"):
                self._done = self._future.result()
        return self._done


def _plus(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    return second if first is None else first if second is None else plus(first, second)


@contextmanager
def _sparse(embeddings: Sequence[nn.Embedding], device: torch.device) -> Iterator[None]:
    """Inside, the gradient of an embedding has only the rows that a shard reads.

    A dense one for each shard doubled the time of a step with 64 short texts and 8,000 words.
    """
    chosen = embeddings if device.type == "cpu" else []
    for embedding in chosen:
        embedding.sparse = True
    try:
        yield
    finally:
        for embedding in chosen:
            embedding.sparse = False


def _numbers(parts: Sequence[_Part]) -> list[float]:
    """Sum, count and items of each shard; items are not a number where they are the count."""
    losses = [loss for part in parts for loss in part.losses]
    # All at once: each that is read from a GPU waits for all of its work.
    sums = iter(torch.stack([loss.sum for loss in losses]).tolist() if losses else [])
    numbers: list[float] = []
    for part in parts:
        items = [math.nan if loss.items is None else loss.items for loss in part.losses]
        total = math.fsum(next(sums) for _ in part.losses)
        numbers += [total, math.fsum(float(loss.count) for loss in part.losses), sum(items)]
    return numbers


def _summed(rows: Sequence[Sequence[float]]) -> Loss:
    """The loss of all shards, from the sum, count and items of each; exact but for the last rounding."""
    total, count = (math.fsum(row[column] for row in rows) if _finite(rows) else math.nan for column in (0, 1))
    items = sum(row[2] for row in rows)
    return Loss(torch.tensor(total), count, items=None if math.isnan(items) else int(items))


def _finite(rows: Sequence[Sequence[float]]) -> bool:
    return all(math.isfinite(row[0]) for row in rows)


def _check(states: Sequence[float]) -> None:
    for number, state in enumerate(states):
        if state == _FULL:
            raise OutOfMemory(f"process {number} is out of memory")
        if state == _FAILED:
            raise PeerLost(f"process {number} of this training has failed")


def _rows(carried: Mapping[str, Tensor] | None, shard: int, shards: int) -> State | None:
    """What is carried to the rows of a shard."""
    return None if carried is None else State({name: tensor[shard::shards] for name, tensor in carried.items()})


def _interleaved(parts: Mapping[int, Tensor], shards: int) -> Tensor:
    """The rows of all shards as those of the batch that :func:`cut` took them from."""
    first = next(iter(parts.values()))
    whole = first.new_empty(sum(map(len, parts.values())), *first.shape[1:])
    for shard, rows in parts.items():
        whole[shard::shards] = rows
    return whole
