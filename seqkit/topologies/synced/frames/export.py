"""The head as a graph that runs elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from seqkit.graphs import Answers, Exported, Graph, Value, add, labelling
from seqkit.topologies.synced.frames.codec import FrameBatch, FrameCodec
from seqkit.topologies.synced.frames.head import FrameHead


def export_frames(
    head: FrameHead, codec: FrameCodec, answers: Answers | None = None, thresholds: Mapping[str, float] | None = None
) -> Exported:
    """``frames``, scaled as ``features`` says, and ``lengths`` to ``logits`` and ``probabilities`` (B, T, K).

    Of sets of labels, ``answers`` say how probabilities are made, and symbols have the thresholds.
    """
    size = codec.scaling.size

    def add_logits(graph: Graph, values: dict[str, Value]) -> Value:
        frames, lengths = values["frames"], values["lengths"]
        if head.delay:
            frames = graph.add("Pad", frames, graph.numbers(0, 0, 0, 0, head.delay, 0))
            lengths = graph.add("Add", lengths, graph.numbers(head.delay))
        outputs = add(head.encoder, graph, frames, lengths).outputs
        last = graph.numbers(torch.iinfo(torch.int64).max)
        delayed = graph.add("Slice", outputs, graph.numbers(head.delay), last, graph.numbers(1))
        logits: Value = add(head.output, graph, delayed)
        return logits

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        return {"frames": torch.randn(len(lengths), time, size, generator=generator), "lengths": lengths}

    inputs = {"frames": ("batch", "time", size), "lengths": ("batch",)}
    sizes = ("batch", "time", len(head.labels))
    symbols = {**codec.to_json(), **({} if thresholds is None else {"thresholds": thresholds})}
    return labelling(head, inputs, sample, add_logits, sizes, symbols, FrameBatch, answers=answers)
