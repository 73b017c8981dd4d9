"""An input as the head has read it, and what the answer rests on."""

from __future__ import annotations

import torch
from torch import Tensor

from seqkit.data import SourceLocation
from seqkit.data.pairs import Pair
from seqkit.topologies.codec import batch_for
from seqkit.topologies.delayed.codec import END, START, PairBatch, PairCodec
from seqkit.topologies.delayed.head import EncoderDecoderHead
from seqkit.topologies.delayed.memory import Recalled
from seqkit.topologies.powers import Explanation


def explain_output(head: EncoderDecoderHead, codec: PairCodec, raw: str) -> Explanation:
    """The log-probability of what is written, every symbol of it given those before, and the tokens of both sides."""
    item = codec.encode(raw)
    batch = batch_for(head, codec, [item])
    (recalled,) = head.recalled(batch)
    if recalled is None:
        found = head.hypotheses(batch, head.search)
        answer, best, notes = head.texts(batch, found)[0][0], found[0][0].tokens, []
    else:
        answer, best, notes = recalled.target, _symbols(codec, raw, recalled.target), [_origin(recalled)]
    source, written = codec.names(item._replace(target=torch.tensor(best, dtype=torch.int64)))
    return Explanation(
        answer,
        _log_probability(head, codec, batch, best),
        {"encoder.recurrent": source, "decoder.recurrent": [START, *written]},
        (source, [*written, END]),
        notes,
    )


def _symbols(codec: PairCodec, raw: str, target: str) -> tuple[int, ...]:
    """Those that the network would have had to write for a target, without the end."""
    symbols = codec.encode(raw, Pair(raw, (target,), SourceLocation("memory", 1))).target
    return () if symbols is None else tuple(symbols[:-1].tolist())


def _origin(recalled: Recalled) -> str:
    return (
        f"The answer is the target of a training pair, “{recalled.source}”, of similarity {recalled.similarity:.2f}; "
        "what is shown is how the network would have written it."
    )


def _log_probability(head: EncoderDecoderHead, codec: PairCodec, batch: PairBatch, symbols: tuple[int, ...]) -> Tensor:
    """Of the symbols and the end, as one number with a gradient."""
    special = codec.target.vocabulary.special
    rows = [[special(START), *symbols]], [[*symbols, special(END)]]
    inputs, targets = (torch.tensor(row, device=batch.lengths.device) for row in rows)
    decoded = head.decoder(inputs, head.decoder.start(head.encoder(batch.tokens, batch.lengths)))
    log_probabilities = torch.log_softmax(head.decoder.logits(decoded.features), 2)
    return log_probabilities.gather(2, targets.unsqueeze(2)).sum()
