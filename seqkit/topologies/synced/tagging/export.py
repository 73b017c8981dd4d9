"""The head as a graph that runs elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from seqkit.graphs import Exported, Graph, Value, WordValues, add, crf_symbols, labelling, sequences
from seqkit.layers.words import Words
from seqkit.topologies.synced.tagging.codec import TagBatch, TagCodec
from seqkit.topologies.synced.tagging.head import TaggingHead


def export_tagger(head: TaggingHead, codec: TagCodec) -> Exported:
    """Words and their spelling, as :class:`Words`, and ``lengths`` to ``logits`` (B, T, K) and ``probabilities``.

    A CRF is not in the graph, nor are probabilities then: the user of the file searches the best labelling of the
    logits (Viterbi) by ``crf`` among the symbols, which has the scores of transitions, start and end, very low ones
    where they are forbidden.
    """
    inputs, draw = sequences(len(codec.vocabulary))
    inputs.update(spelling=("batch", "time"), characters=("spellings", "characters"), sizes=("spellings",))

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        tensors = dict(draw(generator, lengths, time))
        count, longest = 1 + int(lengths.sum()), 1 + time % 5
        tensors["spelling"] = torch.randint(count, (len(lengths), time), generator=generator)
        tensors["characters"] = torch.randint(len(codec.alphabet), (count, longest), generator=generator)
        tensors["sizes"] = torch.randint(longest + 1, (count,), generator=generator)
        return tensors

    def make(lengths: Tensor, **words: Tensor) -> TagBatch:
        return TagBatch([], Words(**words), lengths)

    def feed(batch: TagBatch) -> dict[str, Tensor]:
        return {**batch.inputs._asdict(), "lengths": batch.lengths}

    def add_logits(graph: Graph, values: dict[str, Value]) -> Value:
        words = WordValues(*(values[name] for name in WordValues._fields))
        logits: Value = add(head.output, graph, add(head.encoder, graph, words, values["lengths"]).outputs)
        return logits

    choice = {"balance": head.balance, "frequency": head.frequency.tolist()}
    symbols = {**codec.to_json(), **choice, "crf": crf_symbols(head.crf)}
    sizes = ("batch", "time", len(head.labels))
    return labelling(head, inputs, sample, add_logits, sizes, symbols, make, feed, probabilities=head.crf is None)
