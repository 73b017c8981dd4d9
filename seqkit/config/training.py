"""The options of training, which every task has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seqkit.config.options import from_data, option
from seqkit.data.readers import FileForm, file_form
from seqkit.kernels import NAMES, PRECISIONS


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The options of training; the configuration of a task adds fields of its own."""

    section: ClassVar[str] = "Training"

    epochs: int = option(8, "maximum number of passes over the training data", minimum=1)
    minutes: float = option(
        from_data(0.0), "time limit for a training that still improves after its epochs and continues", minimum=0
    )
    learning_rate: float = option(2e-3, "peak learning rate of AdamW", above=0, tune="5e-4..2e-2")
    weight_decay: float = option(0.01, "decoupled weight decay", minimum=0, tune="1e-3..0.3")
    layer_decay: float = option(
        1.0,
        "learning rate of each level (output, recurrent layers, embedding) as a fraction of the one above",
        above=0,
        section="Learning from other models",
    )
    unfreeze: int = option(
        0,
        "epochs after which the next level below starts to learn; 0: all at once",
        minimum=0,
        section="Learning from other models",
    )
    schedule: str = option(
        "linear", "learning rate after the warm-up", choices=lambda: ("constant", "cosine", "linear")
    )
    warmup: float = option(0.05, "fraction of the training in which the learning rate rises", minimum=0, below=1)
    clip: float = option(1.0, "largest gradient norm; 0: no clipping", minimum=0)
    average: float = option(
        from_data(0.995),
        "decay of the moving average of weights that the run keeps; 0: keep the last weights",
        minimum=0,
        below=1,
    )
    batch_size: int = option(64, "maximum number of examples in a batch", minimum=1, tune="16,32,64,128")
    batch_tokens: int = option(8192, "maximum number of tokens in a batch, including padding", minimum=1)
    accumulate: int = option(1, "batches whose gradients are added up for one optimizer step", minimum=1)
    patience: int = option(3, "evaluations without a better score before training stops; 0: never", minimum=0)
    select: str | None = option(
        None, "validation score that selects the model: loss, accuracy, ... (default: the task's own)"
    )
    device: str = option(
        "auto", "where the model runs: cpu, cuda, cuda:1, mps, or auto (cuda if available)", section="Run"
    )
    kernel: str = option("auto", "how recurrent layers run", choices=lambda: NAMES, section="Run")
    precision: str = option(
        "f32",
        "precision of recurrent layers' matrix products: f32, or bf16 where the processor has it",
        choices=lambda: PRECISIONS,
        section="Run",
    )
    encoding: str | None = option(
        None,
        "encoding of the data's text files: utf-8, utf-16, cp1252, ... (default: UTF-8, or what their byte order "
        "mark says)",
        section="Data",
        reads=True,
    )
    columns: str | None = option(
        None,
        "names of a table's columns, separated by commas, if its first line is a row of data",
        section="Data",
        reads=True,
    )
    shards: int = option(
        0,
        "shards in which the gradient of a step is computed, the same for any number of processes; 0: none, or 4 and "
        "more under torchrun",
        minimum=0,
        below=1025,
        section="Run",
    )
    checkpoint_seconds: float = option(
        60.0, "seconds between checkpoints: the most work lost if the run is killed", minimum=0, section="Run"
    )
    init_from: str | None = option(
        None,
        "a run whose encoder or decoder this one starts from, or two: FORWARD,BACKWARD",
        path=True,
        section="Learning from other models",
    )
    seed: int = option(0, "seed of everything random", minimum=0, below=2**31, section="Run")
    split_seed: int | None = option(
        None,
        "seed of the random splits, so that several runs can share them (default: the seed)",
        minimum=0,
        below=2**31,
        section="Data",
        reads=True,
    )

    @property
    def form(self) -> FileForm:
        """How the data's files are written."""
        return file_form(self.encoding, self.columns)

    @property
    def seed_of_splits(self) -> int:
        """What decides which examples are in which split."""
        return self.seed if self.split_seed is None else self.split_seed
