"""Layers beside torch.nn (cuDNN on a GPU), and a training beside a loop written by hand, on one device.

python -m benchmarks.device [--device cuda] [--seconds 1] [--part layers|training] [--small] [--out FILE]

Both sides have the same weights, batches and switches of torch; they take turns, and a ratio is that of one turn. Above
1 ours is faster. The hand-written loops know nothing of checkpoints, averages of weights or infinite losses.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqkit.config import make_config
from seqkit.devices import describe_device, find_device, placed
from seqkit.layers import Recurrent
from seqkit.runs import Training, find_task
from seqkit.training import Callback, Stopped

_TURN = 0.04
"""Seconds of a turn, about."""


class Ratio(NamedTuple):
    """Milliseconds of ours and theirs (medians), and the ratio of turns: its median and quartiles."""

    ours: float
    theirs: float
    median: float
    low: float
    high: float


class Shape(NamedTuple):
    """A layer that reads (B, T, H) and has H units in each direction."""

    cell: str
    steps: int
    batch: int
    hidden: int
    layers: int = 1
    bidirectional: bool = False
    ragged: bool = False


SHAPES = [
    *(Shape(cell, *sizes) for cell in ("lstm", "gru", "rnn") for sizes in ((50, 32, 128), (100, 64, 512))),
    Shape("lstm", 20, 16, 64),
    Shape("lstm", 400, 32, 256),
    Shape("lstm", 100, 64, 1024),
    Shape("lstm", 100, 64, 256, 2, True),
    Shape("gru", 100, 64, 256, 2, True),
    Shape("lstm", 100, 64, 256, 1, True, True),
    Shape("lstm", 100, 64, 256, 2, True, True),
    Shape("gru", 100, 64, 256, 1, False, True),
]
SMALL = [Shape("lstm", 5, 4, 8), Shape("gru", 5, 4, 8, 2, True, True)]


def in_turns(
    ours: Callable[[], object], theirs: Callable[[], object], seconds: float, wait: Callable[[], None]
) -> Ratio:
    """Times two calls in turns; ``wait`` ends when the device has done all its work."""
    for call in (ours, theirs) * 3:
        call()
    wait()
    start = time.perf_counter()
    theirs()
    wait()
    repeats = max(1, int(_TURN / (time.perf_counter() - start)))
    taken: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 5:
        pair = [_turn(call, repeats, wait) for call in ((ours, theirs) if len(taken) % 2 else (theirs, ours))]
        taken.append((pair[0], pair[1]) if len(taken) % 2 else (pair[1], pair[0]))
    ratios = sorted(other / own for own, other in taken)
    own, other = (1000 * statistics.median(side) for side in zip(*taken, strict=True))
    return Ratio(own, other, statistics.median(ratios), ratios[len(ratios) // 4], ratios[3 * len(ratios) // 4])


def _turn(call: Callable[[], object], repeats: int, wait: Callable[[], None]) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    wait()
    return (time.perf_counter() - start) / repeats


def waiting(device: torch.device) -> Callable[[], None]:
    """What ends when the device has done all its work."""
    return (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda: None)


def layer_rows(shapes: Sequence[Shape], device: torch.device, seconds: float) -> Iterator[dict[str, Any]]:
    """Forward without gradients, and forward and backward, of each shape."""
    for shape in shapes:
        for training in (False, True):
            ours, theirs = layer_calls(shape, device, training)
            ratio = in_turns(ours, theirs, seconds, waiting(device))
            yield {**shape._asdict(), "training": training, **ratio._asdict()}


def layer_calls(shape: Shape, device: torch.device, training: bool) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Ours and torch's on the same input, as a call each."""
    torch.manual_seed(0)
    layer = Recurrent(shape.cell, shape.hidden, shape.hidden, shape.layers, shape.bidirectional).to(device)
    module = layer.to_torch().to(device)
    module.flatten_parameters()
    x = torch.randn(shape.batch, shape.steps, shape.hidden, device=device, requires_grad=training)
    lengths = None
    if shape.ragged:
        lengths = torch.randint(shape.steps // 2, shape.steps + 1, (shape.batch,))
        lengths[0] = shape.steps
    there = None if lengths is None else lengths.to(device)

    def theirs() -> Tensor:
        if lengths is None:
            return module(x)[0]
        out, _ = module(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        return pad_packed_sequence(out, batch_first=True, total_length=shape.steps)[0]

    def ours() -> Tensor:
        return layer(x, there)[0]

    check_alike(ours(), theirs())
    return asked(ours, layer, x, training), asked(theirs, module, x, training)


def check_alike(ours: Tensor, theirs: Tensor) -> None:
    """Both must compute the same; with TF32, which keeps 10 bits of a product's sides, up to 1e-2 in 1,024 steps."""
    worst = float((ours - theirs).detach().abs().max())
    if not worst < 1e-2:
        raise SystemExit(f"ours and torch's differ by {worst:g}")


def asked(call: Callable[[], Tensor], module: nn.Module, x: Tensor, training: bool) -> Callable[[], Any]:
    """What is timed: the call alone, or with the gradients of its input and of all weights."""

    def forward() -> Any:
        with torch.no_grad():
            return call()

    def both() -> Any:
        out = call()
        return torch.autograd.grad(out, [x, *module.parameters()], torch.ones_like(out))

    return both if training else forward


class HandWritten(nn.Module):
    """What many people write: vectors of tokens or frames, an LSTM, a layer of scores."""

    def __init__(self, recurrent: Recurrent, output: nn.Linear, embedding: nn.Embedding | None) -> None:
        super().__init__()
        self.embedding = None if embedding is None else nn.Embedding(*embedding.weight.shape)
        self.lstm, self.output = recurrent.to_torch(), nn.Linear(output.in_features, output.out_features)

    def forward(self, x: Tensor, lengths: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        """Scores of each step, and the state after the last."""
        vectors = x if self.embedding is None else self.embedding(x)
        if lengths is None:
            out, state = self.lstm(vectors, state)
        else:
            packed, state = self.lstm(pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False))
            out = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])[0]
        return self.output(out), state


class Stopwatch(Callback):
    """Stops a training after so many steps, and has the seconds between steps."""

    def __init__(self, steps: int) -> None:
        self.steps, self.times = steps, [time.perf_counter()]

    def on_step(self, trainer: Any) -> None:
        """Notes the time; the loss of the step was read, so the device is done with it."""
        self.times.append(time.perf_counter())
        trainer.stopping = len(self.times) > self.steps


def training_rows(device: torch.device, seconds: float, small: bool) -> Iterator[dict[str, Any]]:
    """A language model on one text, and labels for frames of clips of several lengths."""
    for name, make in (("charlm", _language), ("frames", _clips)):
        with tempfile.TemporaryDirectory() as folder:
            training, hidden = make(Path(folder), str(device), small)
            ours, theirs = training_calls(training, 5 if small else 50)
            ratio = in_turns(ours, theirs, seconds * (1 if small else 8), waiting(device))
            yield {"task": name, "hidden": hidden, **ratio._asdict()}


def training_calls(training: Training, steps: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """So many steps of our trainer, and of the hand-written loop, on the same batches; one call each."""
    trainer, device = training.trainer, training.device
    trainer.place(device)
    head: Any = training.head
    owner = head.decoder if hasattr(head, "decoder") else head
    reader = owner if hasattr(owner, "recurrent") else owner.encoder
    model = HandWritten(reader.recurrent, owner.output, getattr(owner, "embedding", None)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=device.type in ("cpu", "cuda"))
    plan, clip = trainer.batches.plan(0), training.config.clip
    # Within an epoch: the loop written by hand does not score the model either.
    steps = min(steps, len(plan) - 1)
    position, state = 0, None

    def ours() -> None:
        progress = trainer.progress
        if progress.position + steps >= len(plan):
            progress.position, trainer.carried = 0, None
        trainer.stopping, trainer.callbacks = False, [Stopwatch(steps)]
        try:
            trainer.fit()
        except Stopped:
            return

    def theirs() -> None:
        nonlocal position, state
        for _ in range(steps):
            position = (position + 1) % len(plan)
            batch = trainer.batches.batch(plan[position])
            lengths, moved = getattr(batch, "lengths", None), placed(batch, device)
            optimizer.zero_grad(set_to_none=True)
            scores, after = model(moved.tokens if lengths is None else moved.frames, lengths, state)
            loss = cross_entropy(scores.flatten(0, 1), moved.targets.flatten(), ignore_index=-1)
            loss.backward()
            clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            state = tuple(s.detach() for s in after) if lengths is None else None
            loss.item()

    return ours, theirs


def _training(task_name: str, options: dict[str, Any]) -> tuple[Training, int]:
    task = find_task(task_name)
    config = make_config(task.config, {**options, "dropout": 0.0, "epochs": 1000, "patience": 0})
    splits = task.read(config, [])
    codec = task.learn_codec(config, splits.train)
    return Training(task, config, codec, splits), options["hidden_size"]


def _language(folder: Path, device: str, small: bool) -> tuple[Training, int]:
    draws = random.Random(0)
    path = folder / "text.txt"
    path.write_text("".join(draws.choices("abcdefghijklmnopqrstuvwxyz .\n", k=20_000 if small else 2_000_000)))
    sizes = {"hidden_size": 16, "streams": 4} if small else {"hidden_size": 512, "streams": 64, "embedding_size": 128}
    return _training("charlm", {"data": str(path), "device": device, "chunk": 32 if small else 100, **sizes})


def _clips(folder: Path, device: str, small: bool) -> tuple[Training, int]:
    draws = random.Random(0)
    for number in range(40 if small else 1000):
        rows = [
            [*(f"{draws.gauss(0, 1):.3f}" for _ in range(24)), draws.choice("abcdef")]
            for _ in range(draws.randint(5, 10) if small else draws.randint(50, 100))
        ]
        names = [*(f"x{n}" for n in range(24)), "label"]
        (folder / f"{number}.csv").write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n")
    sizes = {"hidden_size": 16, "batch_size": 4} if small else {"hidden_size": 256, "batch_size": 64}
    return _training("frames", {"data": str(folder), "device": device, **sizes})


def facts(device: torch.device) -> dict[str, Any]:
    """What was measured on."""
    cudnn = torch.backends.cudnn.version() if device.type == "cuda" else None
    switch = torch.backends.cudnn.rnn.fp32_precision
    return {"device": describe_device(device), "torch": torch.__version__, "cudnn": cudnn, "rnn products": switch}


def show(row: dict[str, Any]) -> None:
    """A line of the table."""
    what = " ".join(str(value) for name, value in row.items() if name not in Ratio._fields)
    click.echo(
        f"{what:48} {row['ours']:9.3f} {row['theirs']:9.3f}  {row['median']:.2f} ({row['low']:.2f}-{row['high']:.2f})"
    )


@click.command()
@click.option("--device", "name", default="auto")
@click.option("--seconds", default=1.0, help="For each row of layers; a training takes eight times as long.")
@click.option("--part", type=click.Choice(["layers", "training", "all"]), default="all")
@click.option("--small", is_flag=True, help="Tiny sizes, to see that it works.")
@click.option("--out", type=click.Path(path_type=Path), help="A JSON file.")
def main(name: str, seconds: float, part: str, small: bool, out: Path | None) -> None:
    """Prints the tables."""
    device, rows = find_device(name), list[dict[str, Any]]()
    click.echo(json.dumps(facts(device)))
    click.echo(f"{'':48} {'ours ms':>9} {'theirs':>9}  ratio (quartiles)")
    sources: list[Iterator[dict[str, Any]]] = []
    if part != "training":
        sources.append(layer_rows(SMALL if small else SHAPES, device, seconds))
    if part != "layers":
        sources.append(training_rows(device, seconds, small))
    for source in sources:
        for row in source:
            rows.append(row)
            show(row)
    if out is not None:
        out.write_text(json.dumps({**facts(device), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
