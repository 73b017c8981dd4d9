"""What a language model expects after a text, for those who look inside."""

from __future__ import annotations

import torch

from seqkit.topologies.next_step.codec import StreamCodec
from seqkit.topologies.next_step.head import LanguageModelHead
from seqkit.topologies.powers import Explanation

_SHOWN = 10
"""The most likely tokens have their probabilities shown."""


def explain_next_token(head: LanguageModelHead, codec: StreamCodec, raw: str) -> Explanation:
    """The most likely token after a text and its log-probability, and the tokens of the text."""
    tokens = torch.from_numpy(codec.encode(raw).tokens).unsqueeze(0).to(head.ban.device)
    features = head.decoder(tokens, head.decoder.start()).features[:, -1]
    log_probabilities = torch.log_softmax(head.decoder.logits(features)[0] + head.ban, 0)
    best = int(log_probabilities.argmax())
    token, score = codec.vocabulary.symbols[best], log_probabilities[best]
    read = codec.tokenizer.split(raw)[:: -1 if codec.reverse else 1]
    answer = f"{'before' if codec.reverse else 'next'}: {token!r} ({score.exp().item():.3f})"
    said = Explanation(answer, score, {"decoder.recurrent": read}, (read, read))
    likeliest = log_probabilities.exp().topk(min(_SHOWN, len(log_probabilities)))
    pairs = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
    return said._replace(probabilities={repr(codec.vocabulary.symbols[n]): value for n, value in pairs})
