"""What a head learns before its training: language models of texts, without their labels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.config import TrainingConfig
from seqkit.data.batching import pad, token_batches
from seqkit.devices import device_of, placed
from seqkit.layers import Encoder
from seqkit.topologies.pretraining_head import PretrainingHead, Reading
from seqkit.training import EpochBatches, Evaluation

NONE, AUTO = "none", "auto"
"""Values of the option ``pretrain`` that are not files"""
_TOKENS = 12_000_000
"""Tokens that a pretraining reads, about, counted in each epoch: 30,000 symbols and both directions of 128 units take
12,000 tokens a second on a core, 23,000 in bf16, so 8 or 4 minutes on two."""
_MOST_EPOCHS = 20
_DROPOUT = 0.2
_SCORED = 10_000
"""Tokens of the validation split that language models are scored on."""


class Pretraining(NamedTuple):
    """The language models of an encoder, ready to be trained."""

    head: PretrainingHead
    batches: EpochBatches
    evaluate: Callable[[Callable[[], None]], Evaluation]
    """The perplexity on the validation split; is given what to call now and then"""
    config: TrainingConfig
    encoder: Encoder
    texts: int
    tokens: int
    digest: str
    """Of all texts: a pretraining that continues must read the same"""

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Gives the encoder what language models with these weights have learned."""
        self.head.load_state_dict(weights)
        self.head.give(self.encoder)

    def facts(self, progress: Mapping[str, Any]) -> dict[str, Any]:
        """What a run says of it when it is finished."""
        best = progress["history"][progress["best_epoch"] - 1]
        facts = {"texts": self.texts, "tokens": self.tokens, "epochs": progress["epoch"]}
        return {**facts, "perplexity": best["perplexity"], "seconds": round(progress["seconds"], 2)}

    def sentence(self) -> str:
        """What is about to happen."""
        ways = "forward and backward" if self.encoder.recurrent.bidirectional else "forward"
        return f"first, language models ({ways}) are trained on {self.texts:,} texts, {self.tokens:,} tokens"


def pretraining(
    encoder: Encoder,
    texts: Sequence[Sequence[int]],
    scored: Sequence[Sequence[int]],
    config: TrainingConfig,
    padding: int,
) -> Pretraining | None:
    """Language models of texts as numbers of tokens, for an encoder that reads such; None without two tokens in a row.

    Args:
        encoder: starts them, and receives what they learn.
        texts: to train on.
        scored: to choose the best epoch by.
        config: of the run: seed, kernel and the like.
        padding: the number of padding.
    """
    # A text of one token has none that could be predicted.
    rows, valid = ([torch.tensor(row, dtype=torch.int32) for row in t if len(row) > 1] for t in (texts, scored))
    if not rows or not valid:
        return None
    tokens = sum(map(len, rows))
    own = _config(config, tokens)
    collator = _Collator(padding)
    head = PretrainingHead(encoder, _DROPOUT, padding=padding)
    valid = _first(valid, _SCORED)

    def evaluate(after_batch: Callable[[], None]) -> Evaluation:
        costs: list[tuple[float, int]] = []
        for group in token_batches([len(row) for row in valid], own.batch_tokens, own.batch_size):
            costs += head.predict(placed(collator.collate([valid[n] for n in group]), device_of(head)))
            after_batch()
        loss = math.fsum(nats for nats, _ in costs) / sum(count for _, count in costs)
        return Evaluation({"loss": loss, "perplexity": math.exp(min(loss, 700.0))})

    return Pretraining(
        head, EpochBatches(collator, rows, own), evaluate, own, encoder, len(rows), tokens, _digest(texts)
    )


def _config(config: TrainingConfig, tokens: int) -> TrainingConfig:
    epochs = max(1, min(_MOST_EPOCHS, round(_TOKENS / tokens)))
    return TrainingConfig(
        epochs=epochs,
        learning_rate=3e-3,
        batch_size=32,
        batch_tokens=4096,
        patience=2,
        kernel=config.kernel,
        precision=config.precision,
        shards=config.shards,
        checkpoint_seconds=config.checkpoint_seconds,
        seed=config.seed,
    )


class _Collator:
    def __init__(self, padding: int) -> None:
        self.padding = padding

    def length(self, item: Tensor) -> int:
        return item.numel()

    def collate(self, items: Sequence[Tensor]) -> Reading:
        tokens, lengths = pad(items, self.padding)
        return Reading(tokens, tokens, lengths)


def _first(rows: Sequence[Tensor], tokens: int) -> list[Tensor]:
    """The first rows that have this many tokens, one at least."""
    found: list[Tensor] = []
    for row in rows:
        if found and tokens < len(row):
            break
        found.append(row)
        tokens -= len(row)
    return found


def _digest(texts: Iterable[Sequence[int]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for row in texts:
        digest.update(repr([*row]).encode())
    return digest.hexdigest()


def without(texts: Iterable[str], others: Iterable[Any]) -> list[str]:
    """The texts that are not among the others, however their words are spaced."""
    unwanted = {" ".join(str(text).split()) for text in others}
    return [text for text in texts if " ".join(text.split()) not in unwanted]
