"""The head as a graph that runs elsewhere."""

from __future__ import annotations

from seqkit.graphs import Exported, Graph, Value, add, labelling, sequences
from seqkit.topologies.many_to_one.codec import TextBatch, TextCodec
from seqkit.topologies.many_to_one.head import ClassificationHead


def export_classifier(head: ClassificationHead, codec: TextCodec) -> Exported:
    """``tokens`` (B, T) and ``lengths`` (B) to ``logits`` and ``probabilities`` (B, labels).

    Symbols name the threshold of the second label, if there is one.
    """
    inputs, sample = sequences(len(codec.vocabulary))

    def add_logits(graph: Graph, values: dict[str, Value]) -> Value:
        pooled = add(head.encoder, graph, values["tokens"], values["lengths"]).pooled
        logits: Value = add(head.output, graph, pooled)
        return logits

    symbols = codec.to_json() if head.decision is None else {**codec.to_json(), "threshold": head.decision.value}
    return labelling(head, inputs, sample, add_logits, ("batch", len(head.labels)), symbols, TextBatch)
