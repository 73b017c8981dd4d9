"""Seconds of training on long reviews: ours beside the recipe that people write in plain torch, in turns.

python -m benchmarks.imdb [--steps 60] [--rounds 5] [--threads 2]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import click
import torch
from seqkit.tasks.sentiment import TextBatch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks import machine
from seqkit.config import make_config
from seqkit.runs import find_task
from seqkit.training import EpochBatches, Evaluation, Trainer


class Recipe(nn.Module):
    """A bidirectional LSTM with max and mean pooling, as tutorials have it; ``packed``: no work on padding."""

    def __init__(self, vocab_size: int, packed: bool) -> None:
        super().__init__()
        self.packed = packed
        self.embedding = nn.Embedding(vocab_size, 128, padding_idx=0)
        self.lstm = nn.LSTM(128, 128, batch_first=True, bidirectional=True)
        self.output = nn.Linear(4 * 128, 2)

    def forward(self, batch: TextBatch) -> Tensor:
        """Logits (B, 2)."""
        x = self.embedding(batch.tokens)
        if self.packed:
            packed = pack_padded_sequence(x, batch.lengths, batch_first=True, enforce_sorted=False)
            outputs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])
        else:
            outputs, _ = self.lstm(x)
        inside = (batch.tokens != 0).unsqueeze(2)
        mean = (outputs * inside).sum(1) / batch.lengths.unsqueeze(1)
        return self.output(torch.cat([mean, outputs.masked_fill(~inside, -torch.inf).amax(1)], 1))


class Few(EpochBatches):
    """The first ``steps`` batches of an epoch."""

    steps = 1

    def plan(self, epoch: int) -> list[list[int]]:
        """See :class:`~seqkit.training.trainer.Batches`."""
        return super().plan(epoch)[: self.steps]


def train_recipe(batches: Few, vocab_size: int, packed: bool) -> None:
    """One pass of the loop that tutorials have."""
    model = Recipe(vocab_size, packed).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    for group in batches.plan(0):
        batch = batches.batch(group)
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(model(batch), batch.targets).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


@click.command()
@click.option("--steps", default=60, help="Batches in a round.")
@click.option("--rounds", default=5, help="Rounds; in each, every way takes its turn on the same batches.")
@click.option("--threads", default=2, help="Threads of torch.")
def main(steps: int, rounds: int, threads: int) -> None:
    """Times both and prints medians, spread and the ratio."""
    torch.set_num_threads(threads)
    task = find_task("sentiment")
    config = make_config(task.config, {"data": "imdb", "epochs": 1})
    train = task.read(config, []).train
    codec = task.learn_codec(config, train)
    batches = Few(codec, [codec.encode(task.input_of(e), e) for e in train], config)
    epoch, batches.steps = len(EpochBatches.plan(batches, 0)), steps
    vocab_size = len(codec.vocabulary)  # type: ignore[attr-defined]  # of a TextCodec
    ways = {
        "seqkit run sentiment --data imdb": lambda: Trainer(
            task.build_head(config, codec), batches, lambda: Evaluation({"accuracy": 0.0}), config, "accuracy"
        ).fit(),
        "torch, packed": lambda: train_recipe(batches, vocab_size, packed=True),
        "torch, padded": lambda: train_recipe(batches, vocab_size, packed=False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    print(f"{machine()}, {threads} threads")
    print(f"{rounds} rounds of {steps} of an epoch's {epoch} batches, {vocab_size:,} symbols")
    print(f"{'':34}median s  spread       epoch s  ours is faster")
    ours = statistics.median(next(iter(seconds.values())))
    for name, found in seconds.items():
        print(_row(name, found, epoch / steps, ours))


def _row(name: str, found: Sequence[float], epochs: float, ours: float) -> str:
    median = statistics.median(found)
    spread = f"{min(found):.1f} - {max(found):.1f}"
    return f"{name:34}{median:8.2f}  {spread:12}{median * epochs:8.0f}  {median / ours:5.2f} times"


if __name__ == "__main__":
    main()
