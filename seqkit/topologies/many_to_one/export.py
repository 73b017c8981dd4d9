"""The heads as graphs that run elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seqkit.graphs import Answering, Answers, Exported, Graph, Value, add, labelling, sequences
from seqkit.topologies.many_to_one.head import ClassificationHead
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextBatch, TextInputs

_SECOND = {"tokens": "second_tokens", "lengths": "second_lengths"}
"""What the inputs of a second text are called"""


def export_classifier(head: ClassificationHead, codec: TextInputs) -> Exported:
    """``tokens`` (B, T) and ``lengths`` (B) to ``logits`` and ``probabilities`` (B, labels).

    Symbols name the threshold of the second label, if there is one. See :func:`export_text_head`.
    """
    symbols = codec.to_json() if head.decision is None else {**codec.to_json(), "threshold": head.decision.value}
    threshold = None if head.decision is None else head.decision.value
    answering = Answering("label", codec.to_json(), {"threshold": threshold})
    return export_text_head(head, codec, len(head.labels), symbols, answering)


def export_text_head(
    head: TextHead,
    codec: TextInputs,
    outputs: int,
    symbols: Mapping[str, Any],
    answering: Answering,
    answers: Answers | None = None,
) -> Exported:
    """``tokens`` (B, T) and ``lengths`` (B) to ``logits`` (B, outputs) and the answers, probabilities if None.

    A head with a prior of n-grams reads ``ngrams`` (B, K), too: the rows that a text has of the ``ngrams`` among the
    symbols, each once, padded with their number. One that reads pairs has ``second_tokens`` and ``second_lengths``.
    """
    inputs, draw = sequences(len(codec.vocabulary))
    prior = head.prior
    if prior is not None:
        inputs["ngrams"] = ("batch", "ngrams")
    if head.pairs:
        inputs.update({"second_tokens": ("batch", "second_time"), "second_lengths": ("batch",)})

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        drawn = dict(draw(generator, lengths, time))
        if prior is not None:
            drawn["ngrams"] = torch.randint(prior.padding + 1, (len(lengths), 1 + time % 5), generator=generator)
        if head.pairs:
            # Of other lengths than the first texts.
            again = draw(generator, lengths.flip(0) + 1, time + 1)
            drawn |= {other: again[name] for name, other in _SECOND.items()}
        return drawn

    def add_logits(graph: Graph, values: dict[str, Value]) -> Value:
        logits: Value = add(head.exported_output(), graph, _add_features(head, graph, values))
        return logits if prior is None else graph.add("Add", logits, _add_ngrams(head, graph, values["ngrams"]))

    sizes = ("batch", outputs)
    make, fields = (_pair_batch, _pair_inputs) if head.pairs else (TextBatch, None)
    return labelling(
        head, inputs, sample, add_logits, sizes, symbols, make, fields, answers=answers, answering=answering
    )


def _add_features(head: TextHead, graph: Graph, values: Mapping[str, Value]) -> Value:
    pooled: Value = add(head.encoder, graph, values["tokens"], values["lengths"]).pooled
    if not head.pairs:
        return pooled
    second: Value = add(head.encoder, graph, values["second_tokens"], values["second_lengths"]).pooled
    apart = graph.add("Abs", graph.add("Sub", pooled, second))
    return graph.add("Concat", pooled, second, apart, graph.add("Mul", pooled, second), axis=1)


def _pair_batch(
    tokens: Tensor,
    lengths: Tensor,
    second_tokens: Tensor,
    second_lengths: Tensor,
    ngrams: Tensor | None = None,
) -> TextBatch:
    rows = pad_sequence([*tokens, *second_tokens], batch_first=True)
    return TextBatch(rows, torch.cat([lengths, second_lengths]), ngrams=ngrams)


def _pair_inputs(batch: TextBatch) -> Mapping[str, Tensor]:
    (tokens, second_tokens), (lengths, second_lengths) = batch.tokens.chunk(2), batch.lengths.chunk(2)
    inputs = {
        "tokens": tokens,
        "lengths": lengths,
        "second_tokens": second_tokens,
        "second_lengths": second_lengths,
    }
    return inputs if batch.ngrams is None else {**inputs, "ngrams": batch.ngrams}


def _add_ngrams(head: TextHead, graph: Graph, ngrams: Value) -> Value:
    """What the prior, and the regression if there is one, compute in evaluation."""
    table = head.exported_ngrams()
    evidence = graph.add("ReduceSum", graph.add("Gather", table, ngrams, axis=0), graph.numbers(1), keepdims=0)
    padded = graph.add("Equal", ngrams, graph.numbers(len(table) - 1))
    real = graph.add("Cast", graph.add("Not", padded), to=1)
    count = graph.add("Max", graph.add("ReduceSum", real, graph.numbers(1), keepdims=1), torch.ones(1))
    return graph.add("Div", evidence, graph.add("Sqrt", count))
