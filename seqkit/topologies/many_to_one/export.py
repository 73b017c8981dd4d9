"""The head as a graph that runs elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from seqkit.graphs import Exported, Graph, Value, add, labelling, sequences
from seqkit.topologies.many_to_one.codec import TextBatch, TextCodec
from seqkit.topologies.many_to_one.head import ClassificationHead
from seqkit.topologies.many_to_one.ngrams import NgramPrior


def export_classifier(head: ClassificationHead, codec: TextCodec) -> Exported:
    """``tokens`` (B, T) and ``lengths`` (B) to ``logits`` and ``probabilities`` (B, labels).

    Symbols name the threshold of the second label, if there is one. A head with a prior of n-grams reads ``ngrams``
    (B, K), too: the rows that a text has of the ``ngrams`` among the symbols, each once, padded with their number.
    """
    inputs, draw = sequences(len(codec.vocabulary))
    prior = head.prior
    if prior is not None:
        inputs["ngrams"] = ("batch", "ngrams")

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        drawn = dict(draw(generator, lengths, time))
        if prior is not None:
            drawn["ngrams"] = torch.randint(prior.padding + 1, (len(lengths), 1 + time % 5), generator=generator)
        return drawn

    def add_logits(graph: Graph, values: dict[str, Value]) -> Value:
        pooled = add(head.encoder, graph, values["tokens"], values["lengths"]).pooled
        logits: Value = add(head.output, graph, pooled)
        return logits if prior is None else graph.add("Add", logits, _add_prior(prior, graph, values["ngrams"]))

    symbols = codec.to_json() if head.decision is None else {**codec.to_json(), "threshold": head.decision.value}
    return labelling(head, inputs, sample, add_logits, ("batch", len(head.labels)), symbols, TextBatch)


def _add_prior(prior: NgramPrior, graph: Graph, ngrams: Value) -> Value:
    """What :meth:`NgramPrior.forward` computes in evaluation."""
    table = (prior.gain * prior.evidence).detach()
    evidence = graph.add("ReduceSum", graph.add("Gather", table, ngrams, axis=0), graph.numbers(1), keepdims=0)
    padded = graph.add("Equal", ngrams, graph.numbers(prior.padding))
    real = graph.add("Cast", graph.add("Not", padded), to=1)
    count = graph.add("Max", graph.add("ReduceSum", real, graph.numbers(1), keepdims=1), torch.ones(1))
    return graph.add("Div", evidence, graph.add("Sqrt", count))
