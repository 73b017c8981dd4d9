"""A linear-chain conditional random field: the labels of a sequence depend on their neighbours.

B batch, T time, K labels, N labellings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from seqkit.errors import SeqkitError, UsageError
from seqkit.kernels import transformed
from seqkit.layers.call_checks import Lengths, checked_lengths
from seqkit.lengths import reverse_sequences, sequence_mask

_SMALLEST, _LOWEST = 1e-100, -200.0
"""The smallest probability, and transition in nats, whose product with two more like it is still a float64."""
_FORBIDDEN = -1e9
"""A score whose probability is 0 as a float64."""


class Path(NamedTuple):
    """A labelling of a sequence, and the logarithm of its probability."""

    labels: list[int]
    score: float


class CRF(nn.Module):
    """A probability for whole labellings: ``p(y | x) = exp s(x, y) / Σ_y' exp s(x, y')``, with::

        s(x, y) = start[y_1] + Σ_t logits[t, y_t]
                  + Σ_t transitions[y_t, y_t+1] + end[y_T]

    Args:
        labels: K.
        allowed: which label may follow which (K, K), from row to column; None: any.
        start, end: which may begin and end a sequence (K); None: any. What is forbidden always has probability 0.

    Raises:
        UsageError: for limits of another shape, and for limits that allow no labelling of any length; in use, for
            logits and lengths that do not fit, and for a sequence of a length that the limits allow no labelling of.

    Lengths (B) are a tensor or a list of whole numbers from 0 to T; without them every sequence has T steps.

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

    def loss(self, logits: Tensor, targets: Tensor, lengths: Lengths | None = None) -> Tensor:
        """``-Σ log p(targets | logits)`` in nats, of logits (B, T, K), targets (B, T) and lengths (B).

        Infinite for a labelling that the limits forbid; 0 for a sequence of length 0. Padding is never read.
        """
        lengths = self._fitting(logits, lengths)
        if targets.shape != logits.shape[:2]:
            raise UsageError(f"targets must be {tuple(logits.shape[:2])}, not {tuple(targets.shape)}")
        return (_log_sum(logits, lengths, self._scores()) - self._score(logits, targets, lengths)).sum()

    def log_partition(self, logits: Tensor, lengths: Lengths | None = None) -> Tensor:
        """``log Σ_y exp s(x, y)`` for each sequence (B); its gradient is exact, but has no gradient itself."""
        return _log_sum(logits, self._fitting(logits, lengths), self._scores())

    def divergence(
        self, logits: Tensor, teacher: Tensor, lengths: Lengths | None = None, temperature: float = 1.0
    ) -> Tensor:
        """``T² KL(q^(1/T) / Z ‖ p^(1/T) / Z)`` of each sequence (B), whose labels q takes one by one.

        Its gradient in the logits is T times the difference of the marginals: none where the CRF gives each step the
        probabilities ``teacher`` (B, T, K). Transitions have none, for q knows nothing of them; pairs of labels that
        the limits forbid are left out of the sum.
        """
        lengths = self._fitting(logits, lengths)
        inside = sequence_mask(lengths, logits.shape[1]).unsqueeze(2)
        q = torch.softmax(teacher.log() / temperature, 2).masked_fill(~inside, 0.0)
        steps, scores = logits / temperature, [values.detach() / temperature for values in self._scores()]
        links, start, end = (values.masked_fill(values == -torch.inf, 0.0) for values in scores)
        known = torch.einsum("btj,jk,btk->b", q[:, :-1], links, q[:, 1:]) + q[:, 0] @ start + _last(q, lengths) @ end
        entropy = torch.special.entr(q).sum((1, 2))
        emissions = (q * steps.masked_fill(~inside, 0.0)).sum((1, 2))
        divergence: Tensor = temperature**2 * (_log_sum(steps, lengths, scores) - emissions - known - entropy)
        return divergence

    @torch.no_grad()
    def marginals(self, logits: Tensor, lengths: Lengths | None = None) -> Tensor:
        """``p(y_t = k | x)`` (B, T, K); 0 at padding."""
        lengths = self._fitting(logits, lengths)
        if transformed():
            # The gradient of the logarithm of the sum, which can be transformed in its turn.
            found: Tensor = torch.func.grad(lambda x: _log_sum(x, lengths, self._scores()).sum())(logits)
            return found
        return _partition(logits, lengths, *self._scores()).marginals

    @torch.no_grad()
    def decode(self, logits: Tensor, lengths: Lengths | None = None, n_best: int = 1) -> list[list[Path]]:
        """The most likely labellings of each sequence, ``n_best`` at most, the best first.

        Viterbi's algorithm with the ``n_best`` best ways to reach each label. A sequence of length 0 has one labelling,
        the empty one.

        Raises :class:`SeqkitError` for scores that are not numbers.
        """
        lengths = self._fitting(logits, lengths)
        # The score of a long sequence and the sum over all are large and nearly equal: float32 leaves four digits.
        transitions, start, end = (score.double() for score in self._scores())
        logits, size = _without_padding(logits, lengths).double(), len(start)
        scores = logits.new_full((len(logits), n_best, size), -torch.inf)
        scores[:, 0] = start + logits[:, 0]
        reached, sources = [scores], []
        for step in logits[:, 1:].unsqueeze(2).unbind(1):
            best, source = _largest((reached[-1].unsqueeze(3) + transitions).flatten(1, 2), n_best)
            sources.append(source.flatten(1))
            reached.append(best + step)
        ending = _last(torch.stack(reached, 1).flatten(2), lengths).view_as(scores) + end
        best, state = _largest(ending.flatten(1), n_best)
        if best.isnan().any():
            raise SeqkitError("the scores of labels are NaN, so no labelling is the most likely; look at the loss")
        states = [state]
        for source, inside in reversed(list(zip(sources, sequence_mask(lengths, logits.shape[1]).T[1:], strict=True))):
            states.append(torch.where(inside.unsqueeze(1), source.gather(1, states[-1]), states[-1]))
        labels = (torch.stack(states[::-1], 2) % size).tolist()
        log_probabilities = (best - _log_sum(logits, lengths, self._scores()).unsqueeze(1)).tolist()
        return [_paths(*row) for row in zip(labels, log_probabilities, lengths.tolist(), strict=True)]

    def _fitting(self, logits: Tensor, lengths: Lengths | None) -> Tensor:
        """The lengths of all sequences (B), beside the logits; raises :class:`UsageError` for what does not fit."""
        if logits.dim() != 3 or logits.shape[2] != len(self.start):
            raise UsageError(f"logits must be (B, T, {len(self.start)}), not {tuple(logits.shape)}")
        given = None if lengths is None else checked_lengths(lengths, logits)
        if given is None:
            return torch.full(logits.shape[:1], logits.shape[1], device=logits.device)
        return given.to(logits.device)

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions, start and end, -inf where the limits forbid them."""
        limited = ((self.transitions, self.allowed), (self.start, self.may_start), (self.end, self.may_end))
        first, second, third = (v if limit is None else v.masked_fill(~limit, -torch.inf) for v, limit in limited)
        return first, second, third

    def _score(self, logits: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """``s(x, y)`` (B)."""
        transitions, start, end = self._scores()
        inside = sequence_mask(lengths, targets.shape[1])
        targets = targets.masked_fill(~inside, 0)
        # Masked instead of multiplied by 0, which would make NaN of the -inf of what is forbidden.
        steps = transitions[targets[:, :-1], targets[:, 1:]].masked_fill(~inside[:, 1:], 0.0)
        emissions = logits.gather(2, targets.unsqueeze(2)).squeeze(2).masked_fill(~inside, 0.0)
        last = targets.gather(1, (lengths - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
        ends = (start[targets[:, 0]] + end[last]).masked_fill(lengths == 0, 0.0)
        return emissions.sum(1) + steps.sum(1) + ends


class _Partition(NamedTuple):
    """``log_sum`` (B), ``marginals`` (B, T, K), and the expected number of each transition, ``pairs`` (B, K, K)."""

    log_sum: Tensor
    marginals: Tensor
    pairs: Tensor


class _LogPartition(torch.autograd.Function):
    """Its gradient is the expected labels and transitions, which forward and backward recursion give together."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, lengths: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
        partition = _partition(logits, lengths, transitions, start, end)
        ctx.save_for_backward(partition.marginals, partition.pairs, _last(partition.marginals, lengths))
        return partition.log_sum

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


def _log_sum(logits: Tensor, lengths: Tensor, scores: Sequence[Tensor]) -> Tensor:
    """``log_sum`` (B) for the scores of transitions, start and end."""
    if transformed():
        return _transformable_log_sum(logits, lengths, *scores)
    log_sum: Tensor = _LogPartition.apply(logits, lengths, *scores)  # type: ignore[no-untyped-call]
    return log_sum


def _transformable_log_sum(logits: Tensor, lengths: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """``log_sum`` (B) by operators alone that transforms of ``torch.func`` and forward mode see through."""
    # What is forbidden becomes finite, for the derivative of a logarithm of zeros is NaN; its probability stays 0.
    steps = _without_padding(logits, lengths).double()
    links, first, last = (value.double().clamp(min=_FORBIDDEN) for value in (transitions, start, end))
    inside, reached = sequence_mask(lengths, steps.shape[1]), first + steps[:, 0]
    for time in range(1, steps.shape[1]):
        after = torch.logsumexp(reached.unsqueeze(2) + links, 1) + steps[:, time]
        reached = torch.where(inside[:, time : time + 1], after, reached)
    log_sum = torch.logsumexp(reached + last, 1)
    return log_sum.masked_fill(lengths == 0, 0.0).to(logits.dtype)


def _partition(logits: Tensor, lengths: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> _Partition:
    steps, edges = _without_padding(logits, lengths).double(), torch.stack([start, end]).double()
    scores = steps, lengths, transitions.double(), edges
    partition = _on_probabilities(*scores)
    if partition is None:
        partition = _on_logarithms(*scores)
    log_sum = partition.log_sum.masked_fill(lengths == 0, 0.0)
    impossible = log_sum == -torch.inf
    if bool(impossible.any()):
        raise UsageError(
            f"the limits of the CRF leave no labelling of length {int(lengths[impossible][0])}; allow more"
        )
    dtype = logits.dtype
    return _Partition(log_sum.to(dtype), partition.marginals.to(dtype), partition.pairs.to(dtype))


def _on_probabilities(steps: Tensor, lengths: Tensor, links: Tensor, edges: Tensor) -> _Partition | None:
    """Both recursions on probabilities, divided by their sum in each step.

    None if one of them is so small that digits were lost; logarithms then have to do, which take longer.
    """
    inside, peaks = sequence_mask(lengths, steps.shape[1]), steps.amax(2, keepdim=True)
    link, edge = links.amax(), edges.amax(1, keepdim=True)
    links, edges, weights = links - link, edges - edge, (steps - peaks).exp()
    # The backward recursion is the forward one on the reversed sequence, with transposed transitions.
    # One more sequence, whose weights are all 1, shows which labels the limits allow to be reached at all.
    both = pad(torch.stack([weights, reverse_sequences(weights, lengths)]), [0, 0, 0, 0, 0, 1], value=1.0)
    recursions = _run(both.permute(2, 0, 1, 3).contiguous(), torch.stack([links, links.T]).exp(), edges.exp())
    if not (_keeps_digits(recursions[1], inside) and _is_moderate(links) and _is_moderate(edges)):
        return None
    (into, onward), (forward, backward), (sums, _) = (values[:, :, :-1].permute(1, 2, 0, 3) for values in recursions)
    onward, backward = reverse_sequences(onward, lengths), reverse_sequences(backward, lengths)
    final = (_last(forward, lengths) * edges[1].exp()).sum(1).log() + edge.sum() + (lengths - 1) * link
    log_sum = final + (sums.log() + peaks).squeeze(2).masked_fill(~inside, 0.0).sum(1)
    marginals = forward * onward
    marginals = (marginals / marginals.sum(2, keepdim=True)).masked_fill(~inside.unsqueeze(2), 0.0)
    beyond = ~inside[:, 1:].unsqueeze(2)
    after = backward[:, 1:].masked_fill(beyond, 0.0)
    before = (forward[:, :-1] / (into[:, 1:] * after).sum(2, keepdim=True)).masked_fill(beyond, 0.0)
    return _Partition(log_sum, marginals, (before.transpose(1, 2) @ after) * links.exp())


def _run(weights: Tensor, matrices: Tensor, starts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The recursion for both directions: what reaches each label, its probability, and the sum it was divided by.

    ``into_t = p_(t-1) · matrix``, and ``starts`` at first; ``p_t = into_t * weights_t / sum_t``. Of weights
    (T, 2, B, K), matrices (2, K, K) and starts (2, K): into and p (T, 2, B, K), sums (T, 2, B, 1).
    """
    into, p, sums = torch.empty_like(weights), torch.empty_like(weights), torch.empty_like(weights[..., :1])
    into[0] = starts.unsqueeze(1)
    # All views are made at once: made step by step they take as long as the arithmetic (0.9 of 1.8 ms for 50 steps of
    # 16 sentences with 15 labels).
    reaching, rows, totals = into.unbind(0), p.unbind(0), sums.unbind(0)
    for time, weight in enumerate(weights.unbind(0)):
        if time:
            torch.bmm(rows[time - 1], matrices, out=reaching[time])
        torch.mul(reaching[time], weight, out=rows[time])
        torch.sum(rows[time], 2, keepdim=True, out=totals[time])
        rows[time].div_(totals[time])
    return into, p, sums


def _keeps_digits(probabilities: Tensor, inside: Tensor) -> bool:
    """Whether probabilities (T, 2, B + 1, K) inside the sequences are large enough, or 0 because of the limits."""
    own, reachable = probabilities[:, :, :-1], probabilities[:, :, -1:]
    precise = ((own > _SMALLEST) & (reachable > _SMALLEST)) | (reachable == 0) | ~inside.T[:, None, :, None]
    return bool(precise.all())


def _is_moderate(scores: Tensor) -> bool:
    return bool(((scores > _LOWEST) | (scores == -torch.inf)).all())


def _on_logarithms(steps: Tensor, lengths: Tensor, links: Tensor, edges: Tensor) -> _Partition:
    """Both recursions on logarithms, which lose no digits."""
    inside, both = sequence_mask(lengths, steps.shape[1]), torch.stack([steps, reverse_sequences(steps, lengths)])
    into, matrices = [edges.unsqueeze(1).expand_as(both[:, :, 0])], torch.stack([links, links.T]).unsqueeze(1)
    for time in range(1, steps.shape[1]):
        into.append(torch.logsumexp((into[-1] + both[:, :, time - 1]).unsqueeze(3) + matrices, 2))
    to_label, from_label = torch.stack(into, 2)
    forward, from_label = to_label + steps, reverse_sequences(from_label, lengths)
    log_sum = torch.logsumexp(_last(forward, lengths) + edges[1], 1)
    marginals = (forward + from_label - log_sum.view(-1, 1, 1)).exp().masked_fill(~inside.unsqueeze(2), 0.0)
    after = (from_label + steps)[:, 1:].unsqueeze(2) - log_sum.view(-1, 1, 1, 1)
    pairs = (forward[:, :-1].unsqueeze(3) + links + after).exp().masked_fill(~inside[:, 1:, None, None], 0.0).sum(1)
    return _Partition(log_sum, marginals, pairs)


def _last(values: Tensor, lengths: Tensor) -> Tensor:
    """The values (B, T, K) at the last step of each sequence (B, K)."""
    last = (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, values.shape[2])
    return values.gather(1, last).squeeze(1)


def _without_padding(logits: Tensor, lengths: Tensor) -> Tensor:
    return logits.masked_fill(~sequence_mask(lengths, logits.shape[1]).unsqueeze(2), 0.0)


def _largest(values: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n largest along dimension 1, and their indices."""
    best, index = values.max(1, keepdim=True) if n == 1 else values.topk(n, 1)
    return best, index


def _paths(labels: list[list[int]], log_probabilities: list[float], length: int) -> list[Path]:
    if length == 0:
        return [Path([], 0.0)]
    rows = zip(labels, log_probabilities, strict=True)
    return [Path(row[:length], score) for row, score in rows if score > -float("inf")]


def _leaves_a_path(labels: int, allowed: Tensor | None, start: Tensor | None, end: Tensor | None) -> bool:
    links = torch.ones(labels, labels) if allowed is None else allowed.float()
    last = torch.ones(labels) if end is None else end.float()
    reached = torch.ones(labels) if start is None else start.float()
    for _ in range(labels):
        if bool((reached * last).any()):
            return True
        reached = ((reached @ links) > 0).float()
    return False
