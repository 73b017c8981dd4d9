"""Pictures of what the decoder attended to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seqkit.answers.written import Translated
from seqkit.data.pairs import Pair
from seqkit.drawing.attention import Alignment, attention_picture
from seqkit.topologies.delayed.codec import PairCodec
from seqkit.topologies.delayed.head import EncoderDecoderHead

_PANELS = 3
"""Sources that are drawn, the first..."""
_WIDEST = 40
"""... that have no more tokens than this on either side."""


def attention_pictures(
    head: EncoderDecoderHead, codec: PairCodec, predictions: Sequence[Translated], examples: Sequence[Pair]
) -> dict[str, bytes]:
    """``attention.svg``: where the decoder looked while writing the first predictions."""
    if head.decoder.attention is None:
        return {}
    pairs = [replace(e, references=(p.text,)) for p, e in zip(predictions, examples, strict=True) if p.text]
    items = [codec.encode(pair.source, pair) for pair in pairs]
    drawn = [item for item in items if codec.length(item) <= _WIDEST][:_PANELS]
    alignments = [Alignment(*codec.names(item), head.attention(item).numpy()) for item in drawn]
    return {"attention.svg": attention_picture(alignments)} if alignments else {}
