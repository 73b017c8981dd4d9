"""One input as a head has read it, for those who look inside."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seqkit.topologies.codec import batch_for
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextInputs
from seqkit.topologies.powers import Explanation


def outputs_apart(head: TextHead, codec: TextInputs, raw: Any) -> Tensor:
    """The outputs (1, K) for an input, the texts of a pair read one after the other."""
    batch = batch_for(head, codec, [codec.encode(raw)])
    outputs: Tensor = head.read_apart(batch) if head.pairs else head(batch)
    return outputs


def explained(codec: TextInputs, raw: Any, answer: str, written: str, score: Tensor) -> Explanation:
    """An answer with its score, and the tokens of the text; of a pair those of the second, which is read last."""
    tokens = codec.split(codec.sides(raw)[-1])
    return Explanation(answer, score, {"encoder.recurrent": tokens}, (tokens, [written]))
