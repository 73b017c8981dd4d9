"""The head as a graph that runs elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from seqkit.graphs import Answering, Exported, Graph, Value, WordValues, add, crf_symbols, labelling, sequences
from seqkit.layers.words import Words
from seqkit.topologies.synced.tagging.codec import TagBatch, TagCodec
from seqkit.topologies.synced.tagging.features import FeatureScores
from seqkit.topologies.synced.tagging.head import TaggingHead


def export_tagger(head: TaggingHead, codec: TagCodec) -> Exported:
    """Words and their spelling, as :class:`Words`, and ``lengths`` to ``logits`` (B, T, K) and ``probabilities``.

    A head that reads features of words has ``features`` (B, T, N), too: the rows that a word has of the ``features``
    among the symbols, padded with their number.

    A CRF is not in the graph, nor are probabilities then: the user of the file searches the best labelling of the
    logits (Viterbi) by ``crf`` among the symbols, which has the scores of transitions, start and end, very low ones
    where they are forbidden.
    """
    inputs, draw = sequences(len(codec.vocabulary))
    inputs.update(spelling=("batch", "time"), characters=("spellings", "characters"), sizes=("spellings",))
    features = head.features
    if features is not None:
        inputs["features"] = ("batch", "time", "features")

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        tensors = dict(draw(generator, lengths, time))
        count, longest = 1 + int(lengths.sum()), 1 + time % 5
        tensors["spelling"] = torch.randint(count, (len(lengths), time), generator=generator)
        tensors["characters"] = torch.randint(len(codec.alphabet), (count, longest), generator=generator)
        tensors["sizes"] = torch.randint(longest + 1, (count,), generator=generator)
        if features is not None:
            size = (len(lengths), time, 1 + time % 5)
            tensors["features"] = torch.randint(features.padding + 1, size, generator=generator)
        return tensors

    def make(lengths: Tensor, features: Tensor | None = None, **words: Tensor) -> TagBatch:
        return TagBatch([], Words(**words), lengths, features=features)

    def feed(batch: TagBatch) -> dict[str, Tensor]:
        own = {} if batch.features is None else {"features": batch.features}
        return {**batch.inputs._asdict(), "lengths": batch.lengths, **own}

    def add_logits(graph: Graph, values: dict[str, Value]) -> Value:
        words = WordValues(*(values[name] for name in WordValues._fields))
        logits: Value = add(head.exported_output(), graph, add(head.encoder, graph, words, values["lengths"]).outputs)
        return logits if features is None else _add_features(features, head.share, graph, logits, values["features"])

    choice = {"balance": head.balance, "frequency": head.frequency.tolist(), "crf": crf_symbols(head.crf)}
    symbols = {**codec.to_json(), **choice}
    answering = Answering("tags", codec.to_json(), {**choice, "n_best": head.n_best})
    sizes = ("batch", "time", len(head.labels))
    has_probabilities = head.crf is None
    return labelling(
        head,
        inputs,
        sample,
        add_logits,
        sizes,
        symbols,
        make,
        feed,
        probabilities=has_probabilities,
        answering=answering,
    )


def _add_features(features: FeatureScores, share: float, graph: Graph, logits: Value, numbers: Value) -> Value:
    """Their share of the logits and of the scores of features."""
    table = features.weight.detach().clone()
    table[features.padding] = 0
    rows = graph.add("Gather", table, numbers, axis=0)
    scores = graph.add("ReduceSum", rows, graph.numbers(2), keepdims=0)
    return graph.add("Mul", graph.add("Add", logits, scores), torch.tensor(share))
