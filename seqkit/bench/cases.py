"""What is measured: blocks of cases, each case one shape, one cell, training or inference.

T time, B batch, H hidden units; the input has H features, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from seqkit.errors import UsageError

STANDARD = ("rnn", "lstm", "gru")
VARIANTS = ("lstm-peephole", "lstm-layer-norm", "lstm-coupled")


@dataclass(frozen=True)
class Case:
    """One thing to measure."""

    block: str
    cell: str
    steps: int
    batch: int
    hidden: int
    training: bool
    lengths: str = "full"
    """full, uniform in 1 to T, or reviews: the real lengths of film reviews, T is the longest of the batch"""
    num_layers: int = 1
    bidirectional: bool = False
    precision: str = "f32"

    @property
    def mode(self) -> str:
        """``train`` or ``infer``."""
        return "train" if self.training else "infer"

    def draw_lengths(self, generator: torch.Generator) -> Tensor | None:
        """(B) lengths, or None where nothing is padding."""
        if self.lengths == "full":
            return None
        if self.lengths == "uniform":
            return torch.randint(1, self.steps + 1, (self.batch,), generator=generator)
        lengths = _review_lengths()
        return lengths[torch.randperm(len(lengths), generator=generator)[: self.batch]].clamp(1, self.steps)

    def label(self) -> str:
        """Cell and shape in short."""
        extra = f" L{self.num_layers}" if self.num_layers > 1 else ""
        extra += " bi" if self.bidirectional else ""
        extra += f" {self.precision}" if self.precision != "f32" else ""
        return f"{self.cell} T{self.steps} B{self.batch} H{self.hidden}{extra}"


def _review_lengths() -> Tensor:
    from seqkit.data import read_examples, tokenizer
    from seqkit.data.sources import REVIEWS

    words = tokenizer("word")
    rows = read_examples(REVIEWS.locate(), "text", "label", {"source": "rotten_tomatoes"})
    return torch.tensor([len(words.split(example.text)) for example in rows])


def _grid(steps: Sequence[int], batches: Sequence[int], hidden: Sequence[int], cells: Sequence[str]) -> list[Case]:
    shapes = product((False, True), cells, steps, batches, hidden)
    return [Case("grid", cell, t, b, h, training) for training, cell, t, b, h in shapes]


def _full_grid() -> list[Case]:
    return _grid((16, 64, 256), (1, 8, 32, 64), (64, 128, 256, 512), STANDARD)


def _small_grid() -> list[Case]:
    return [replace(c, block="small") for c in _grid((64,), (1, 32), (64, 256), STANDARD)]


def _ragged() -> list[Case]:
    kinds = (("uniform", 64), ("uniform", 256), ("reviews", 64))
    shapes = product((False, True), STANDARD, kinds, (8, 32, 64), (128, 256))
    return [Case("ragged", c, t, b, h, train, lengths) for train, c, (lengths, t), b, h in shapes]


def _layers() -> list[Case]:
    shapes = product((False, True), STANDARD, (1, 2), (False, True), (128, 256))
    return [
        Case("layers", c, 64, 32, h, train, num_layers=layers, bidirectional=both)
        for train, c, layers, both, h in shapes
        if layers > 1 or both
    ]


def _variants() -> list[Case]:
    shapes = product((False, True), VARIANTS, (1, 32), (64, 128, 256, 512))
    return [Case("variants", c, 64, b, h, train) for train, c, b, h in shapes]


def _bf16() -> list[Case]:
    shapes = product((False, True), STANDARD, (1, 8, 32), (128, 256, 512))
    return [Case("bf16", c, 64, b, h, train, precision="bf16") for train, c, b, h in shapes]


def _int8() -> list[Case]:
    shapes = product(STANDARD, (1, 8, 32), (128, 256, 512))
    return [Case("int8", c, 64, b, h, False, precision="int8") for c, b, h in shapes]


def _step() -> list[Case]:
    shapes = product(("f32", "int8"), ("lstm", "gru"), (128, 512))
    return [Case("step", c, 1, 1, h, False, precision=precision) for precision, c, h in shapes]


BLOCKS: dict[str, Callable[[], list[Case]]] = {
    "small": _small_grid,
    "grid": _full_grid,
    "ragged": _ragged,
    "layers": _layers,
    "variants": _variants,
    "bf16": _bf16,
    "int8": _int8,
    "step": _step,
}


def cases_of(blocks: Iterable[str], cells: Sequence[str] = ()) -> list[Case]:
    """The cases of some blocks, of some cells only if any are named; raises :class:`UsageError` if none is left."""
    cases = [case for block in blocks for case in BLOCKS[block]() if not cells or case.cell in cells]
    if not cases:
        raise UsageError(f"no case for cells {', '.join(cells)} in blocks {', '.join(blocks)}; see seqkit bench --help")
    return cases
