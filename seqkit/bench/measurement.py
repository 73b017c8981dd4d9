"""Measures one case: our layer and its peers in turns."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch

from seqkit.bench.cases import Case
from seqkit.bench.peers import inference_peers, step_peers, training_peers, with_backward
from seqkit.bench.timing import Timing, interleaved
from seqkit.layers import Recurrent


@dataclass(frozen=True)
class Measurement:
    """What was measured of one case; times in seconds."""

    case: Case
    ours: Timing
    peers: dict[str, Timing]
    operations: float
    """Floating point operations of the matrix products of one call"""

    @property
    def best(self) -> str:
        """The name of the fastest peer."""
        return min(self.peers, key=lambda name: self.peers[name].median)

    @property
    def ratio(self) -> float:
        """How many times faster ours is than the fastest peer."""
        return self.peers[self.best].median / self.ours.median

    @property
    def speed(self) -> float:
        """Floating point operations a second."""
        return self.operations / self.ours.median

    def to_json(self) -> dict[str, Any]:
        """Everything, for JSON."""
        peers = {name: timing._asdict() for name, timing in self.peers.items()}
        facts = {"best": self.best, "ratio": self.ratio, "gflops": self.speed / 1e9}
        return {**asdict(self.case), "ours": self.ours._asdict(), "peers": peers, **facts}


def measure_case(case: Case, seconds: float, compiled: bool = False) -> Measurement:
    """Times ours, by the kernel that ``SEQKIT_KERNELS`` or ``auto`` chooses, and every peer."""
    generator = torch.Generator().manual_seed(0)
    layer = Recurrent(
        case.cell, case.hidden, case.hidden, case.num_layers, case.bidirectional, precision=case.precision
    ).train(case.training)
    lengths = case.draw_lengths(generator)
    steps = case.steps if lengths is None else int(lengths.max())
    x = torch.randn(case.batch, steps, case.hidden, generator=generator)
    if case.block == "step":
        timings = _step_timings(case, layer, seconds)
    elif case.training:
        x.requires_grad_()
        ours = with_backward(lambda: layer(x, lengths)[0], x, layer)
        timings = interleaved({"ours": ours, **training_peers(case, layer, x, lengths, compiled)}, seconds)
    else:
        with torch.no_grad():
            peers = inference_peers(case, layer, x, lengths, compiled)
            timings = interleaved({"ours": lambda: layer(x, lengths), **peers}, seconds)
    rows = case.batch * steps if lengths is None else int(lengths.sum())
    return Measurement(case, timings.pop("ours"), timings, _operations(case, len(layer.cell.gate_names), rows))


def _step_timings(case: Case, layer: Recurrent, seconds: float) -> dict[str, Timing]:
    x = torch.randn(1, case.hidden)
    state = layer.initial_state(1)
    # Whether weights in int8 are those of now takes longer to find out than such a step.
    with torch.no_grad(), layer.weights_stand_still() if case.precision == "int8" else nullcontext():
        return interleaved({"ours": lambda: layer.step(x, state), **step_peers(case, layer)}, seconds, warm=20)


def _operations(case: Case, gates: int, rows: int) -> float:
    """Products only: the input and the recurrent one of each layer and direction; going back takes two more of each."""
    directions = 2 if case.bidirectional else 1
    inputs = case.hidden + (case.num_layers - 1) * directions * case.hidden
    columns = directions * gates * case.hidden
    return 2.0 * rows * columns * (inputs + case.num_layers * case.hidden) * (3 if case.training else 1)
