"""A linear-chain conditional random field: the labels of a sequence depend on their neighbours.

B batch, T time, K labels, N labellings.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from seqkit.errors import UsageError
from seqkit.kernels.base import reverse_sequences, sequence_mask

_SMALLEST, _LOWEST = 1e-100, -200.0
"""A probability, and a transition in nats, that can be multiplied with two more of the kind and still be a float64."""


class Path(NamedTuple):
    """A labelling of a sequence, and the logarithm of its probability."""

    labels: list[int]
    score: float


class CRF(nn.Module):
    """A probability for whole labellings: ``p(y | x) = exp s(x, y) / Σ_y' exp s(x, y')``, with::

        s(x, y) = start[y_1] + Σ_t logits[t, y_t] + Σ_t transitions[y_t, y_t+1] + end[y_T]

    Args:
        labels: K.
        allowed: which label may follow which (K, K), from row to column; None: any.
        start, end: which may begin and end a sequence (K); None: any. What is forbidden has probability 0 throughout.

    Raises:
        UsageError: for limits of another shape, or that leave no labelling of any length.

    Source: Lafferty, McCallum and Pereira, 2001; the recursions: Rabiner, 1989.
    """

    allowed: Tensor | None
    may_start: Tensor | None
    may_end: Tensor | None

    def __init__(
        self, labels: int, allowed: Tensor | None = None, start: Tensor | None = None, end: Tensor | None = None
    ) -> None:
        super().__init__()
        for name, limit in (("allowed", allowed), ("start", start), ("end", end)):
            shape = (labels, labels) if name == "allowed" else (labels,)
            if limit is not None and limit.shape != shape:
                raise UsageError(f"{name} must be {shape}, not {tuple(limit.shape)}")
        if not _leaves_a_path(labels, allowed, start, end):
            raise UsageError("the limits of the CRF leave no labelling; allow more")
        self.transitions = nn.Parameter(torch.empty(labels, labels).uniform_(-0.1, 0.1))
        self.start = nn.Parameter(torch.empty(labels).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.empty(labels).uniform_(-0.1, 0.1))
        for name, limit in (("allowed", allowed), ("may_start", start), ("may_end", end)):
            self.register_buffer(name, limit, persistent=False)

    def loss(self, logits: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """``-Σ log p(targets | logits)`` in nats, of logits (B, T, K), targets (B, T) and lengths (B).

        Infinite for a labelling that the limits forbid; 0 for a sequence of length 0.
        """
        return (self.log_partition(logits, lengths) - self._score(logits, targets, lengths)).sum()

    def log_partition(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """``log Σ_y exp s(x, y)`` for each sequence (B); its gradient is exact, a second one is not offered."""
        found: Tensor = _LogPartition.apply(logits, lengths, *self._scores())  # type: ignore[no-untyped-call]
        return found

    @torch.no_grad()
    def marginals(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """``p(y_t = k | x)`` (B, T, K); 0 at padding."""
        return _partition(logits, lengths, *self._scores()).marginals

    @torch.no_grad()
    def decode(self, logits: Tensor, lengths: Tensor, n_best: int = 1) -> list[list[Path]]:
        """The likeliest labellings of each sequence, at most so many, the best first.

        Viterbi's algorithm with the ``n_best`` best ways to reach each label. A sequence of length 0 has one, empty
        labelling.
        """
        transitions, start, end = self._scores()
        logits, size = _without_padding(logits, lengths), len(start)
        scores = logits.new_full((len(logits), n_best, size), -torch.inf)
        scores[:, 0] = start + logits[:, 0]
        held = torch.arange(n_best * size, device=logits.device).view(n_best, size)
        came_from = []
        for time in range(1, logits.shape[1]):
            ways = (scores.unsqueeze(3) + transitions).flatten(1, 2)
            best, source = _largest(ways, n_best)
            running = (lengths > time).view(-1, 1, 1)
            came_from.append(torch.where(running, source, held).flatten(1))
            scores = torch.where(running, best + logits[:, time].unsqueeze(1), scores)
        best, state = _largest((scores + end).flatten(1), n_best)
        found = [state % size]
        for source in reversed(came_from):
            state = source.gather(1, state)
            found.append(state % size)
        labels = torch.stack(found[::-1], 2).tolist()
        chances = (best - self.log_partition(logits, lengths).unsqueeze(1)).tolist()
        return [_paths(*row) for row in zip(labels, chances, lengths.tolist(), strict=True)]

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions, start and end, -inf where the limits forbid."""
        limited = ((self.transitions, self.allowed), (self.start, self.may_start), (self.end, self.may_end))
        first, second, third = (v if limit is None else v.masked_fill(~limit, -torch.inf) for v, limit in limited)
        return first, second, third

    def _score(self, logits: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """``s(x, y)`` (B)."""
        transitions, start, end = self._scores()
        inside = sequence_mask(lengths, targets.shape[1])
        targets = targets.masked_fill(~inside, 0)
        # What is forbidden is chosen, not multiplied by 0: that would be NaN.
        steps = transitions[targets[:, :-1], targets[:, 1:]].masked_fill(~inside[:, 1:], 0.0)
        seen = logits.gather(2, targets.unsqueeze(2)).squeeze(2).masked_fill(~inside, 0.0)
        last = targets.gather(1, (lengths - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
        ends = (start[targets[:, 0]] + end[last]).masked_fill(lengths == 0, 0.0)
        return seen.sum(1) + steps.sum(1) + ends


class _Partition(NamedTuple):
    """``log_sum`` (B), ``marginals`` (B, T, K), and how often each transition is expected, ``pairs`` (B, K, K)."""

    log_sum: Tensor
    marginals: Tensor
    pairs: Tensor


class _LogPartition(torch.autograd.Function):
    """Its gradient is what is expected of labels and transitions: forward and backward recursion run side by side."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, lengths: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
        found = _partition(logits, lengths, transitions, start, end)
        last = found.marginals.gather(1, (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, len(start))).squeeze(1)
        ctx.save_for_backward(found.marginals, found.pairs, last)
        return found.log_sum

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        marginals, pairs, last = ctx.saved_tensors
        return (
            marginals * grad.view(-1, 1, 1),
            None,
            torch.tensordot(grad, pairs, 1),
            grad @ marginals[:, 0],
            grad @ last,
        )


def _partition(logits: Tensor, lengths: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> _Partition:
    steps, links, edges = _without_padding(logits, lengths).double(), transitions.double(), torch.stack([start, end])
    # The backward recursion is the forward one on the reversed sequence, with the transitions turned round.
    both = torch.stack([steps, reverse_sequences(steps, lengths)])
    given = both, torch.stack([links, links.T]), edges.double()
    inside = sequence_mask(lengths, logits.shape[1])
    reached = _run(*given, inside)
    exact = reached is None
    forward, backward = _run_logarithms(*given) if reached is None else reached
    backward = reverse_sequences(backward, lengths)
    empty, last = (lengths == 0).unsqueeze(1), (lengths - 1).clamp(min=0).view(-1, 1, 1)
    ending = forward.gather(1, last.expand(-1, 1, len(start))).squeeze(1) + given[2][1]
    log_sum = torch.logsumexp(ending, 1, keepdim=True).masked_fill(empty, 0.0)
    marginals = (forward + backward - steps - log_sum.unsqueeze(2)).exp().masked_fill(~inside.unsqueeze(2), 0.0)
    count = _count_exactly if exact else _count
    pairs = count(forward[:, :-1], backward[:, 1:], links, log_sum, inside[:, 1:])
    kind = logits.dtype
    return _Partition(log_sum.squeeze(1).to(kind), marginals.to(kind), pairs.to(kind))


def _run(both: Tensor, links: Tensor, edges: Tensor, inside: Tensor) -> tuple[Tensor, Tensor] | None:
    """``log Σ exp s`` over all ways to each label of each step, forward and backward, each (B, T, K).

    On probabilities, divided by their sum in each step. None if one of them is so small that digits were lost: then
    logarithms have to do. (2, B, T, K) logits of a sequence and of its reverse, (2, K, K) and (2, K).
    """
    peaks, edge, link = both.amax(3, keepdim=True), edges.amax(1, keepdim=True), links.amax()
    # One more sequence, of logits 0, tells which labels the limits let be reached at all.
    weights = (
        pad((both - peaks).exp(), [0, 0, 0, 0, 0, 1], value=1.0).permute(2, 0, 1, 3).contiguous()
    )
    chances, sums = torch.empty_like(weights), torch.empty_like(weights[..., :1])
    matrices, rows, totals = (links - link).exp(), chances.unbind(0), sums.unbind(0)
    torch.mul(weights[0], (edges - edge).exp().unsqueeze(1), out=rows[0])
    for time, weight in enumerate(weights.unbind(0)):
        if time:
            torch.bmm(rows[time - 1], matrices, out=rows[time]).mul_(weight)
        torch.sum(rows[time], 2, keepdim=True, out=totals[time])
        rows[time].div_(totals[time])
    found = chances[:, :, :-1].permute(1, 2, 0, 3)
    open_to = (chances[:, :, -1:] > 0).permute(1, 2, 0, 3)
    kept = (found > _SMALLEST) | ~open_to | ~inside.unsqueeze(2)
    if not bool(kept.all()) or float(links[links > -torch.inf].amin() - link) < _LOWEST:
        return None
    offsets = (sums[:, :, :-1].log().permute(1, 2, 0, 3) + peaks).cumsum(2)
    steps_before = torch.arange(both.shape[2], dtype=both.dtype, device=both.device).view(-1, 1)
    logarithms = found.log() + offsets + steps_before * link + edge.view(2, 1, 1, 1)
    return logarithms[0], logarithms[1]


def _run_logarithms(both: Tensor, links: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """The same on logarithms, which lose nothing."""
    found = [both[:, :, 0] + edges.unsqueeze(1)]
    for time in range(1, both.shape[2]):
        ways = found[-1].unsqueeze(3) + links.unsqueeze(1)
        found.append(torch.logsumexp(ways, 2) + both[:, :, time])
    forward, backward = torch.stack(found, 2).unbind(0)
    return forward, backward


def _count(forward: Tensor, backward: Tensor, links: Tensor, log_sum: Tensor, inside: Tensor) -> Tensor:
    """Transitions expected in each sequence (B, K, K), from the ways before a step and those after it."""
    before = (forward - forward.amax(2, keepdim=True)).exp()
    after = (backward - backward.amax(2, keepdim=True)).exp()
    matrix = (links - links.amax()).exp()
    total = ((before @ matrix) * after).sum(2, keepdim=True)
    before = (before / total).masked_fill(~inside.unsqueeze(2), 0.0)
    after = after.masked_fill(~inside.unsqueeze(2), 0.0)
    return (before.transpose(1, 2) @ after) * matrix


def _count_exactly(forward: Tensor, backward: Tensor, links: Tensor, log_sum: Tensor, inside: Tensor) -> Tensor:
    ways = forward.unsqueeze(3) + links + backward.unsqueeze(2) - log_sum.view(-1, 1, 1, 1)
    return ways.exp().masked_fill(~inside.view(*inside.shape, 1, 1), 0.0).sum(1)


def _without_padding(logits: Tensor, lengths: Tensor) -> Tensor:
    return logits.masked_fill(~sequence_mask(lengths, logits.shape[1]).unsqueeze(2), 0.0)


def _largest(values: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n largest along dimension 1, and where they stand."""
    best, place = values.max(1, keepdim=True) if n == 1 else values.topk(n, 1)
    return best, place


def _paths(labels: list[list[int]], chances: list[float], length: int) -> list[Path]:
    if length == 0:
        return [Path([], 0.0)]
    return [Path(row[:length], chance) for row, chance in zip(labels, chances, strict=True) if chance > -float("inf")]


def _leaves_a_path(labels: int, allowed: Tensor | None, start: Tensor | None, end: Tensor | None) -> bool:
    links = torch.ones(labels, labels) if allowed is None else allowed.float()
    last = torch.ones(labels) if end is None else end.float()
    reached = torch.ones(labels) if start is None else start.float()
    for _ in range(labels):
        if bool((reached * last).any()):
            return True
        reached = ((reached @ links) > 0).float()
    return False
