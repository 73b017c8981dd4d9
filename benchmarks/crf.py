"""The CRF beside public ones: loss with its gradient, and Viterbi, in turns in one process.

python -m benchmarks.crf [--threads 2] [--seconds 2]

Peers, where installed (none is a dependency): pytorch-crf, TorchCRF, pytorch-partial-crf, linear-crf-torch, allencrf
(AllenNLP's), torchlatent, torch-struct.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import click
import torch
from torch import Tensor, nn

from benchmarks import machine
from seqkit.bench import Timing, interleaved
from seqkit.layers import CRF

_SHAPES = ((32, 50, 20), (32, 50, 5), (8, 30, 20), (64, 100, 10))
"""(B, T, K); the first is what the project promises something of."""


class Case(NamedTuple):
    """Logits (B, T, K), targets (B, T), lengths (B), and True inside each sequence (B, T)."""

    logits: Tensor
    targets: Tensor
    lengths: Tensor
    inside: Tensor


class Way(NamedTuple):
    """A CRF: the loss of a case, its labellings (None: not offered), and what it learns."""

    loss: Callable[[Case], Tensor]
    decode: Callable[[Case], Any] | None
    parameters: list[Tensor]


def new_case(batch: int, steps: int, labels: int) -> Case:
    """Random logits; lengths are uniform in the upper half, and one is whole."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(steps // 2, steps + 1, (batch,), generator=generator)
    lengths[0] = steps
    logits = torch.randn(batch, steps, labels, generator=generator).mul_(3).requires_grad_()
    targets = torch.randint(labels, (batch, steps), generator=generator)
    return Case(logits, targets, lengths, torch.arange(steps) < lengths.unsqueeze(1))


def ways(ours: CRF) -> dict[str, Way]:
    """Ours, and each peer that is installed with the same weights."""
    found = {
        "seqkit": Way(
            lambda c: ours.loss(c.logits, c.targets, c.lengths),
            lambda c: ours.decode(c.logits, c.lengths),
            list(ours.parameters()),
        )
    }
    for name, module, make in (
        ("pytorch-crf", "torchcrf", _pytorch_crf),
        ("TorchCRF", "TorchCRF", _torch_crf),
        ("pytorch-partial-crf", "pytorch_partial_crf", _partial_crf),
        ("linear-crf-torch", "linear_crf", _linear_crf),
        ("allencrf", "allencrf.conditional_random_field", _allen_crf),
        ("torchlatent", "torchlatent.crf", _torchlatent),
        ("torch-struct", "torch_struct", _torch_struct),
    ):
        try:
            found[name] = make(import_module(module), ours)
        except ImportError as error:
            print(f"{name} is not installed ({error})")
    return found


def _copied(peer: nn.Module, ours: CRF, start: str, transitions: str, end: str) -> list[Tensor]:
    for name, value in ((start, ours.start), (transitions, ours.transitions), (end, ours.end)):
        getattr(peer, name).data.copy_(value.detach())
    return list(peer.parameters())


def _pytorch_crf(module: Any, ours: CRF) -> Way:
    peer = module.CRF(len(ours.start), batch_first=True)
    learned = _copied(peer, ours, "start_transitions", "transitions", "end_transitions")
    return Way(
        lambda c: -peer(c.logits, c.targets, mask=c.inside, reduction="sum"),
        lambda c: peer.decode(c.logits, mask=c.inside),
        learned,
    )


def _torch_crf(module: Any, ours: CRF) -> Way:
    peer = module.CRF(len(ours.start), use_gpu=False)
    learned = _copied(peer, ours, "start_trans", "trans_matrix", "end_trans")
    return Way(
        lambda c: -peer(c.logits, c.targets, c.inside).sum(), lambda c: peer.viterbi_decode(c.logits, c.inside), learned
    )


def _partial_crf(module: Any, ours: CRF) -> Way:
    peer = module.CRF(len(ours.start))
    learned = _copied(peer, ours, "start_transitions", "transitions", "end_transitions")
    return Way(
        lambda c: peer(c.logits, c.targets, c.inside), lambda c: peer.viterbi_decode(c.logits, c.inside), learned
    )


def _linear_crf(module: Any, ours: CRF) -> Way:
    peer = module.LinearCRF(len(ours.start), batch_first=True)
    learned = _copied(peer, ours, "starts", "transitions", "ends")
    # It gives the mean over the steps.
    return Way(
        lambda c: peer(c.logits, c.targets, c.inside) * c.inside.sum(),
        lambda c: peer.decode(c.logits, c.inside),
        learned,
    )


def _allen_crf(module: Any, ours: CRF) -> Way:
    peer = module.ConditionalRandomField(len(ours.start))
    learned = _copied(peer, ours, "start_transitions", "transitions", "end_transitions")
    return Way(
        lambda c: -peer(c.logits, c.targets, c.inside),
        lambda c: peer.viterbi_tags(c.logits, c.inside),
        [value for value in learned if value.requires_grad],
    )


def _torchlatent(module: Any, ours: CRF) -> Way:
    peer, packed = module.CrfDecoder(num_targets=len(ours.start)), import_module("torchrua").D
    learned = _copied(peer, ours, "head_transitions", "transitions", "last_transitions")

    def loss(c: Case) -> Tensor:
        found = peer(packed(c.logits, c.lengths))
        return (found.log_partitions - found.log_scores(packed(c.targets, c.lengths))).sum()

    return Way(loss, lambda c: peer(packed(c.logits, c.lengths)).argmax, learned)


def _torch_struct(module: Any, ours: CRF) -> Way:
    """It sums alone; the score of the targets is ours. Its potentials are (B, T - 1, next, before)."""
    start, links, end = (value.detach().clone().requires_grad_() for value in (ours.start, ours.transitions, ours.end))

    def loss(c: Case) -> Tensor:
        rows = torch.arange(len(c.lengths))
        seen = c.logits.index_put((rows, c.lengths - 1), end.expand(len(rows), -1), accumulate=True)
        first = seen[:, 0] + start
        edges = seen[:, 1:].unsqueeze(3) + links.T
        edges = torch.cat([edges[:, :1] + first.unsqueeze(1).unsqueeze(1), edges[:, 1:]], 1)
        whole = module.LinearChainCRF(edges, lengths=c.lengths).partition
        inside, labels = c.inside, c.targets.masked_fill(~c.inside, 0)
        chosen = (c.logits.gather(2, labels.unsqueeze(2)).squeeze(2) * inside).sum(1) + start[labels[:, 0]]
        chosen = chosen + (links[labels[:, :-1], labels[:, 1:]] * inside[:, 1:]).sum(1)
        return (whole - chosen - end[labels[rows, c.lengths - 1]]).sum()

    return Way(loss, None, [start, links, end])


def trained(way: Way, case: Case) -> Callable[[], Tensor]:
    """One loss with all its gradients."""

    def call() -> Tensor:
        loss = way.loss(case)
        torch.autograd.grad(loss, [case.logits, *way.parameters])
        return loss.detach()

    return call


def decoded(way: Way, case: Case) -> Callable[[], Any]:
    """The best labelling of each sequence."""

    @torch.no_grad()
    def call() -> Any:
        assert way.decode is not None
        return way.decode(case)

    return call


def show(title: str, timings: dict[str, Timing]) -> None:
    """Medians with quartiles, and how ours compares with the fastest other."""
    others = [timing.median for name, timing in timings.items() if name != "seqkit"]
    best = f"; ours takes {timings['seqkit'].median / min(others):.2f} of the fastest other's time" if others else ""
    print(f"\n{title}{best}")
    for name, timing in timings.items():
        print(f"  {name:20}{timing.median * 1e3:9.2f} ms  ({timing.low * 1e3:.2f} to {timing.high * 1e3:.2f})")


@click.command()
@click.option("--threads", default=2, help="Threads of torch.")
@click.option("--seconds", default=2.0, help="Seconds for each way and shape.")
def main(threads: int, seconds: float) -> None:
    """Checks that all compute the same loss, then times them in turns."""
    torch.set_num_threads(threads)
    print(f"{machine()}, {threads} threads")
    for shape in _SHAPES:
        torch.manual_seed(0)
        case, there = new_case(*shape), ways(CRF(shape[2]))
        expected = float(there["seqkit"].loss(case).detach())
        for name, way in list(there.items()):
            found = float(way.loss(case).detach())
            if abs(found - expected) > 1e-4 * abs(expected):
                print(f"{name} computes another loss ({found:.3f}, not {expected:.3f}) and is left out")
                del there[name]
        text = "B {} T {} K {}".format(*shape)
        show(f"{text}: loss and gradient", interleaved({n: trained(w, case) for n, w in there.items()}, seconds))
        decoders = {n: decoded(w, case) for n, w in there.items() if w.decode}
        show(f"{text}: Viterbi", interleaved(decoders, seconds))


if __name__ == "__main__":
    main()
