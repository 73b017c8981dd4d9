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

    epochs: int = option(8, "passes over the training data, at most", minimum=1)
    minutes: float = option(
        from_data(0.0), "a training that still improves after its epochs goes on, so long in all at most", minimum=0
    )
    learning_rate: float = option(2e-3, "peak learning rate of AdamW", above=0, tune="5e-4..2e-2")
    weight_decay: float = option(0.01, "decoupled weight decay", minimum=0, tune="1e-3..0.3")
    layer_decay: float = option(
        1.0,
        "learning rate of each storey (output, recurrent layers, embedding) as a share of that above",
        above=0,
        section="Learning from other models",
    )
    unfreeze: int = option(
        0,
        "epochs after which the next storey below begins to learn; 0: all at once",
        minimum=0,
        section="Learning from other models",
    )
    schedule: str = option(
        "linear", "learning rate after the warm-up", choices=lambda: ("constant", "cosine", "linear")
    )
    warmup: float = option(0.05, "fraction of the training in which the learning rate rises", minimum=0, below=1)
    clip: float = option(1.0, "largest gradient norm; 0: no clipping", minimum=0)
    average: float = option(
        0.995, "decay of the moving average of the weights that a run keeps; 0: the last weights", minimum=0, below=1
    )
    batch_size: int = option(64, "examples in a batch, at most", minimum=1, tune="16,32,64,128")
    batch_tokens: int = option(8192, "tokens in a batch, padding included, at most", minimum=1)
    accumulate: int = option(1, "batches whose gradients make one step of the optimizer", minimum=1)
    patience: int = option(3, "evaluations without a better score before training stops; 0: never", minimum=0)
    select: str | None = option(
        None, "validation score that chooses the model: loss, accuracy, ... (else the task's own)"
    )
    device: str = option(
        "auto", "where the model computes: cpu, cuda, cuda:1, mps; or auto: cuda if it is there", section="Run"
    )
    kernel: str = option("auto", "how recurrent layers run", choices=lambda: NAMES, section="Run")
    precision: str = option(
        "f32",
        "products of recurrent layers: f32, or bf16 where the processor has it",
        choices=lambda: PRECISIONS,
        section="Run",
    )
    encoding: str | None = option(
        None,
        "encoding of the data's text files: utf-8, utf-16, cp1252, ... (else UTF-8, or what their mark says)",
        section="Data",
    )
    columns: str | None = option(
        None,
        "names of a table's columns, joined by commas, where its first line is a row and names none",
        section="Data",
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
        60.0, "seconds of work that are lost, at most, if the run is killed", minimum=0, section="Run"
    )
    init_from: str | None = option(
        None,
        "a run whose encoder or decoder this one starts from; or several: FORWARD,BACKWARD",
        path=True,
        section="Learning from other models",
    )
    seed: int = option(0, "seed of everything random", minimum=0, below=2**31, section="Run")
    split_seed: int | None = option(
        None,
        "seed of the random splits, which several runs may share (else the seed)",
        minimum=0,
        below=2**31,
        section="Data",
    )

    @property
    def form(self) -> FileForm:
        """How the data's files are written."""
        return file_form(self.encoding, self.columns)

    @property
    def seed_of_splits(self) -> int:
        """What decides which examples are in which split."""
        return self.seed if self.split_seed is None else self.split_seed
