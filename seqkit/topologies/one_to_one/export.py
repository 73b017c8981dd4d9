"""The head as a graph that runs elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from seqkit.graphs import Answering, Exported, Graph, Value, add, labelling
from seqkit.topologies.one_to_one.codec import VectorBatch, VectorCodec
from seqkit.topologies.one_to_one.head import VectorHead


def export_vector_head(head: VectorHead, codec: VectorCodec) -> Exported:
    """``vectors`` (B, F), scaled as ``features`` says, to ``logits`` and ``probabilities`` (B, labels)."""
    size = len(codec.names)

    def add_logits(graph: Graph, values: dict[str, Value]) -> Value:
        logits: Value = add(head.output, graph, add(head.layers, graph, values["vectors"]))
        return logits if head.beside is None else graph.add("Add", logits, add(head.beside, graph, values["vectors"]))

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        return {"vectors": torch.randn(len(lengths), size, generator=generator)}

    inputs = {"vectors": ("batch", size)}
    files, sizes = codec.to_json(), ("batch", len(head.labels))
    answering = Answering("vectors", files)
    return labelling(head, inputs, sample, add_logits, sizes, files, VectorBatch, answering=answering)
