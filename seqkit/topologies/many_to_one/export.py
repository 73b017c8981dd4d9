"""The head as a graph that runs elsewhere."""

from __future__ import annotations

from seqkit.graphs import Exported, Graph, Value, add, labelling, sequences
from seqkit.topologies.many_to_one.codec import TextBatch, TextCodec
from seqkit.topologies.many_to_one.head import ClassificationHead


def export_classifier(head: ClassificationHead, codec: TextCodec) -> Exported:
    """``tokens`` (B, T) and ``lengths`` (B) to ``logits`` and ``probabilities`` (B, labels)."""
    inputs, sample = sequences(len(codec.vocabulary))

    def add_logits(graph: Graph, values: dict[str, Value]) -> Value:
        pooled = add(head.encoder, graph, values["tokens"], values["lengths"]).pooled
        logits: Value = add(head.output, graph, pooled)
        return logits

    return labelling(head, inputs, sample, add_logits, ("batch", len(head.labels)), codec.to_json(), TextBatch)
