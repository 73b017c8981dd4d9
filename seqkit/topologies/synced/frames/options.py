"""Options of every task that labels frames."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import ClassWeightOptions, RecurrentOptions, SplitOptions, TeacherOptions, from_data, option
from seqkit.data.frames import FeatureColumns
from seqkit.data.readers import LABEL, LABELS


@dataclass(frozen=True, kw_only=True)
class FrameOptions(TeacherOptions, ClassWeightOptions, RecurrentOptions, SplitOptions):
    """Where sequences of frames come from, and the network that labels them."""

    data: str = option("", "a folder of sequences: .npy, .npz, .csv, .tsv", path=True)
    valid_data: str | None = option(
        None, "a folder with the validation split (default: split off at random)", path=True, reads=True
    )
    test_data: str | None = option(
        None, "a folder with the test split (default: split off at random)", path=True, reads=True
    )
    target: str = option(
        from_data("auto"),
        "what a frame has: label, labels (a set of them), or auto (decided from the data)",
        choices=lambda: ("auto", LABEL, LABELS),
        reads=True,
    )
    label_column: str | None = option(
        None,
        "of tables: the column of the label (default: guessed by name); several, separated by commas: each a label, 0 "
        "or 1",
        reads=True,
    )
    group_column: str | None = option(
        None, "tables: column of a group, such as a person, that is kept within one split", reads=True
    )
    feature_columns: str | None = option(
        None,
        "tables: columns that are features, separated by commas (default: all but labels, group and time)",
        reads=True,
    )
    ignore_columns: str | None = option(None, "tables: columns that are not features, separated by commas", reads=True)
    label_separator: str | None = option(None, "separator of labels (default: | or ; or ,)", reads=True)
    test_fraction: float = 0.2
    frame_size: int = option(0, "units of a layer applied to each frame first; 0: none", minimum=0, tune="0,64,128")
    hidden_size: int = option(128, "units of a cell, in each direction", minimum=1, tune="64,96,128,192,256")
    bidirectional: bool = option(True, "also read each sequence backward; false: can label a stream")
    delay: int = option(0, "one direction only: frames to look ahead before labelling one", minimum=0)
    dropout: float = option(0.3, "dropout between layers and on the outputs", minimum=0, below=1, tune="0..0.6")
    feature_dropout: float = option(0.0, "dropout on the recurrent layer's input", minimum=0, below=1, tune="0..0.5")
    epochs: int = from_data(9)
    patience: int = from_data(3)
    learning_rate: float = 5e-3
    batch_size: int = option(from_data(16), "maximum number of sequences in a batch", minimum=1, tune="8,16,32")

    @property
    def chosen_columns(self) -> FeatureColumns:
        """Which columns of tables are features."""
        return FeatureColumns(self.feature_columns, self.ignore_columns)
