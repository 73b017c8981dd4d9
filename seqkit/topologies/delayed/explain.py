"""An input as the head has read it, and what the answer rests on."""

from __future__ import annotations

import torch
from torch import Tensor

from seqkit.topologies.codec import batch_for
from seqkit.topologies.delayed.codec import END, START, PairBatch, PairCodec
from seqkit.topologies.delayed.head import EncoderDecoderHead
from seqkit.topologies.powers import Explanation


def explain_output(head: EncoderDecoderHead, codec: PairCodec, raw: str) -> Explanation:
    """The log-probability of what is written, every symbol of it given those before, and the tokens of both sides."""
    item = codec.encode(raw)
    batch = batch_for(head, codec, [item])
    found = head.hypotheses(batch, head.search)
    best = found[0][0].tokens
    source, written = codec.names(item._replace(target=torch.tensor(best, dtype=torch.int64)))
    return Explanation(
        head.texts(batch, found)[0][0],
        _log_probability(head, codec, batch, best),
        {"encoder.recurrent": source, "decoder.recurrent": [START, *written]},
        (source, [*written, END]),
    )


def _log_probability(head: EncoderDecoderHead, codec: PairCodec, batch: PairBatch, symbols: tuple[int, ...]) -> Tensor:
    """Of the symbols and the end, as one number with a gradient."""
    special = codec.target.vocabulary.special
    rows = [[special(START), *symbols]], [[*symbols, special(END)]]
    inputs, targets = (torch.tensor(row, device=batch.lengths.device) for row in rows)
    decoded = head.decoder(inputs, head.decoder.start(head.encoder(batch.tokens, batch.lengths)))
    log_probabilities = torch.log_softmax(head.decoder.logits(decoded.features), 2)
    return log_probabilities.gather(2, targets.unsqueeze(2)).sum()
