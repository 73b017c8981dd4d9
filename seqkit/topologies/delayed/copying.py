"""Unknown words of an output: copied from where the decoder looked while it wrote them.

O outputs with an unknown symbol, T target tokens, S source tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.data.batching import pad
from seqkit.errors import UsageError
from seqkit.layers import Decoder, Encoder
from seqkit.topologies.delayed.codec import START, PairBatch, PairCodec


def check_attention(decoder: Decoder) -> None:
    """Raises :class:`UsageError` for a decoder without attention, and for several, whose attention differs."""
    if getattr(decoder, "attention", None) is None:
        raise UsageError("copying unknown words needs the attention of one decoder; leave out copy_unknown")


def copied_tokens(
    encoder: Encoder,
    decoder: Decoder,
    codec: PairCodec,
    batch: PairBatch,
    outputs: Sequence[Sequence[tuple[int, ...]]],
) -> list[tuple[str, ...]]:
    """For every output of every source, in order, the tokens that stand for its unknown symbols.

    For each it is the token of the source with the most attention when it was written: of those that are unknown
    themselves, each once, as long as there are some, since a known word would have been translated; then of all but
    placeholders, which an output has already. It is nothing where the source has no other.

    Source: Luong et al., 2015, P15-1002; Jean et al., 2015, P15-1001.
    """
    unk = codec.target.vocabulary.unk
    flat = [(row, tokens) for row, found in enumerate(outputs) for tokens in found]
    places = [place for place, (_, tokens) in enumerate(flat) if unk in tokens]
    copied: list[tuple[str, ...]] = [()] * len(flat)
    if places:
        rows = [flat[place][0] for place in places]
        inputs = _inputs(codec, [flat[place][1] for place in places])
        weights = _attention(encoder, decoder, codec, batch, rows, inputs)
        for place, row, looked in zip(places, rows, weights, strict=True):
            unknown = [step for step, symbol in enumerate(flat[place][1]) if symbol == unk]
            source = batch.tokens[row, : batch.lengths[row]].tolist()
            copied[place] = codec.copied(source, batch.unknown[row], looked[unknown].tolist())
    return copied


def _inputs(codec: PairCodec, outputs: Sequence[tuple[int, ...]]) -> Tensor:
    """What the decoder read (O, T) when it wrote these."""
    start = codec.target.vocabulary.special(START)
    return pad([[start, *tokens[:-1]] for tokens in outputs])[0]


@torch.no_grad()
def _attention(
    encoder: Encoder, decoder: Decoder, codec: PairCodec, batch: PairBatch, rows: Sequence[int], inputs: Tensor
) -> Tensor:
    """The weights (O, T, S) of the sources at ``rows`` for each token of their outputs, 0 at placeholders."""
    device = batch.tokens.device
    index = torch.tensor(rows, device=device)
    sources = batch.tokens[index]
    decoded = decoder(inputs.to(device), decoder.start(encoder(sources, batch.lengths[index])))
    weights: Tensor = decoded.weights
    slots = torch.isin(sources, torch.tensor(codec.source.slots, dtype=sources.dtype, device=device))
    return weights.masked_fill(slots.unsqueeze(1), 0.0)
