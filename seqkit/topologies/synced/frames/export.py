"""The head as a graph that runs elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from seqkit.graphs import Answering, Answers, Exported, Graph, Part, Value, add, labelling
from seqkit.graphs.recurrent import add_recurrent, learned_start, reached_state
from seqkit.layers import State
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
    files = codec.to_json()
    symbols = {**files, **({} if thresholds is None else {"thresholds": thresholds})}
    learned = learned_start(head.encoder.recurrent)
    started = {} if learned is None else {"state": learned}
    symbols |= started
    settings = {**started, "delay": head.delay, "thresholds": None if thresholds is None else [*thresholds.values()]}
    answering = Answering("frames" if thresholds is None else "frame sets", files, settings)
    exported = labelling(
        head, inputs, sample, add_logits, sizes, symbols, FrameBatch, answers=answers, answering=answering
    )
    if head.encoder.recurrent.bidirectional:
        return exported
    return replace(exported, parts=[*exported.parts, _step_part(head, size)])


def _step_part(head: FrameHead, size: int) -> Part:
    """For streams: ``frame`` (B, D) and the state to ``logits`` (B, K), before any delay, and the next state."""
    layer = head.encoder.recurrent
    names = layer.cell.state_names
    sizes = dict.fromkeys(names, ("batch", layer.num_layers, layer.hidden_size))

    def compute(frame: Tensor, **state: Tensor) -> dict[str, Tensor]:
        outputs, after = head.encoder.step(frame, State(state))
        return {"logits": head.output(outputs), **{f"next_{name}": after[name] for name in names}}

    def build(graph: Graph, values: dict[str, Value]) -> Mapping[str, Value]:
        one = graph.numbers(1)
        vectors = add(head.encoder.embedding, graph, graph.add("Unsqueeze", values["frame"], one))
        ran = add_recurrent(layer, graph, vectors, None, {name: values[name] for name in names})
        logits: Value = add(head.output, graph, graph.add("Squeeze", ran.outputs, one))
        return {"logits": logits, **{f"next_{name}": ran.state[name] for name in names}}

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        batch = len(lengths)
        state = reached_state(layer, generator, batch)
        return {"frame": torch.randn(batch, size, generator=generator), **state}

    outputs = {"logits": ("batch", len(head.labels)), **{f"next_{name}": sizes[name] for name in names}}
    return Part("step", {"frame": ("batch", size), **sizes}, outputs, compute, build, sample, optional=True)
