"""Options of every task that labels vectors of numbers."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import ClassWeightOptions, TeacherOptions, option
from seqkit.config.shared import MOST_LAYERS
from seqkit.topologies.one_to_one.head import ACTIVATIONS


@dataclass(frozen=True, kw_only=True)
class OneToOneOptions(TeacherOptions, ClassWeightOptions):
    """Which columns are read, how the rows are split, and the network that labels them."""

    data: str = option("", "the data: a CSV, TSV or JSONL file with columns of numbers", path=True, section="Data")
    label_column: str | None = option(None, "column of the label (default: guessed by name)", reads=True)
    weight_column: str | None = option(None, "column of the example's weight in the loss (default: all 1)", reads=True)
    group_column: str | None = option(
        None, "column of a group, such as a patient, that is kept within one split", reads=True
    )
    feature_columns: str | None = option(
        None, "columns of numbers, separated by commas (default: all but label and weight)", reads=True
    )
    valid_fraction: float = option(
        0.1, "fraction of the examples for validation", above=0, below=0.5, reads=True, section="Data"
    )
    test_fraction: float = option(
        0.1, "fraction of the examples for testing", above=0, below=0.5, reads=True, section="Data"
    )
    hidden_size: int = option(128, "units of a layer", minimum=1, tune="32,64,128,256,512")
    num_layers: int = option(2, "hidden layers; 0: a linear model", minimum=0, below=MOST_LAYERS, tune="0,1,2,3")
    linear: bool = option(False, "add a linear path from the numbers to the labels")
    activation: str = option("relu", "activation function of the hidden layers", choices=lambda: ACTIVATIONS)
    dropout: float = option(0.2, "dropout on the outputs of each layer", minimum=0, below=1, tune="0..0.6")
    noise: float = option(
        0.0, "standard deviation of noise added to scaled numbers in training", minimum=0, tune="0..1"
    )
    label_smoothing: float = option(
        0.0,
        "label smoothing: fraction of a target spread evenly over all labels",
        minimum=0,
        below=1,
        tune="0..0.2",
    )
