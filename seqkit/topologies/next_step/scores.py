"""Scores of a language model: what a character costs, and how many tokens it hesitates between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from seqkit.answers.written import Scored
from seqkit.data.corpus import Stretch
from seqkit.tables import Table

_MOST_NATS = 700.0
"""Of a token, at most: exp(710) overflows, and the perplexity of a model that fails must still be a number."""


def language_model_scores(predictions: Sequence[Scored]) -> dict[str, float]:
    """Bits per character (bpc), nats per character, and the perplexity per token."""
    nats = sum(prediction.nats for prediction in predictions)
    tokens = sum(prediction.tokens for prediction in predictions)
    per_character = nats / max(1, sum(prediction.characters for prediction in predictions))
    perplexity = math.exp(min(_MOST_NATS, nats / max(1, tokens)))
    return {"bpc": per_character / math.log(2), "nats_per_character": per_character, "perplexity": perplexity}


def scored_table(predictions: Sequence[Scored], examples: Sequence[Stretch]) -> Table:
    """How much was scored, and how much of it was unknown."""
    rows = [[str(e), p.characters, p.tokens, p.unknown] for p, e in zip(predictions, examples, strict=True)]
    return Table("Scored", ["text", "characters", "tokens", "unknown"], rows)


def scored_pieces(prediction: Scored) -> list[Scored]:
    """The pieces that a text was read in; each has as many characters to a token as the whole."""
    per_token = prediction.characters / max(1, prediction.tokens)
    return [
        replace(prediction, nats=nats, tokens=tokens, characters=round(tokens * per_token))
        for nats, tokens in prediction.pieces
    ]
