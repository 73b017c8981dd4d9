"""What a caption rests on, for those who look inside."""

from __future__ import annotations

from pathlib import Path

import torch

from seqkit.data.pictures import Picture
from seqkit.topologies.codec import batch_for
from seqkit.topologies.one_to_many.codec import END, START, CaptionCodec
from seqkit.topologies.one_to_many.head import CaptionHead
from seqkit.topologies.powers import Explanation


def explain_caption(head: CaptionHead, codec: CaptionCodec, raw: Picture | Path | str) -> Explanation:
    """The log-probability of the predicted caption, its tokens, and the places of the picture's grid."""
    batch = batch_for(head, codec, [codec.encode(raw)])
    (caption,) = head.predict(batch)
    symbols = codec.vocabulary.encode(caption.tokens)
    device = batch.pictures.device
    decoded = head.decoder(torch.tensor([[codec.start, *symbols]], device=device), head.start(batch.pictures))
    log_probabilities = torch.log_softmax(head.decoder.logits(decoded.features), 2)
    score = log_probabilities.gather(2, torch.tensor([[*symbols, codec.end]], device=device).unsqueeze(2)).sum()
    places = [] if decoded.weights is None else [f"place\u00a0{place + 1}" for place in range(decoded.weights.shape[2])]
    return Explanation(
        caption.text, score, {"decoder.recurrent": [START, *caption.tokens]}, (places, [*caption.tokens, END])
    )
