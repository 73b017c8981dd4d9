"""Options of every task that reads one sequence and writes another."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import BeamOptions, RecurrentOptions, SplitOptions, VocabularyOptions, from_data, option
from seqkit.config.shared import MOST_LAYERS
from seqkit.data.normal_forms import NFC
from seqkit.layers.attention import ATTENTIONS
from seqkit.layers.forcing import FORCING_SCHEDULES


@dataclass(frozen=True, kw_only=True)
class DelayedOptions(BeamOptions, RecurrentOptions, VocabularyOptions, SplitOptions):
    """Which pairs are read, the network that learns from them, and the search for what it writes."""

    data: str = option("", "the data: a file of pairs, TSV, CSV or JSONL", path=True)
    source_column: str | None = option(None, "column of the source, in a file with named columns")
    target_column: str | None = option(None, "column of the target, in a file with named columns")
    group_column: str | None = option(None, "column of a group, such as a document, that is never in two splits")
    max_characters: int = option(400, "a pair with a longer side is left out", minimum=1)
    normal_form: str = NFC
    valid_fraction: float = 0.05
    test_fraction: float = 0.05
    max_symbols: int = option(2000, "largest vocabulary of a side", minimum=30)
    memory: int = option(
        0, "training pairs that are kept for texts like them, if there are no more than so many", minimum=0
    )
    cell: str = "gru"
    embedding_size: int = option(128, "values in a token's vector", minimum=1, tune="64,96,128,192,256")
    hidden_size: int = option(
        256, "units of the decoder; half of them each way in the encoder", minimum=2, tune="128,192,256,384,512"
    )
    num_layers: int = option(1, "recurrent layers, on each side", minimum=1, below=MOST_LAYERS, tune="1,2")
    attention: str = option("general", "how the decoder attends to the source", choices=lambda: ATTENTIONS)
    coverage: bool = option(False, "attention sees where it has been; needs input_feeding")
    lexical: bool = option(False, "the source's token vectors have a path of their own to the scores")
    guidance: float = option(0.0, "how strongly attention is led along the diagonal in training", minimum=0)
    input_feeding: bool = option(False, "what attention found goes into the next step")
    tie: bool = option(True, "the output layer uses the weights of the token vectors")
    dropout: float = option(0.3, "dropout between layers, on memory and features", minimum=0, below=1, tune="0..0.6")
    embedding_dropout: float = option(0.2, "dropout on token vectors", minimum=0, below=1, tune="0..0.5")
    word_dropout: float = option(0.0, "fraction of the source tokens left out in training", minimum=0, below=1)
    label_smoothing: float = option(
        0.1, "fraction of a target's weight spread over all symbols", minimum=0, below=1, tune="0..0.2"
    )
    forcing: str = option(
        "constant",
        "how often the true token is read: constant, linear or inverse-sigmoid",
        choices=lambda: FORCING_SCHEDULES,
    )
    forcing_floor: float = option(1.0, "the least probability of reading the true token; 1: always", minimum=0)
    forcing_steps: int = option(1000, "steps down to it (the k of inverse-sigmoid)", minimum=1)
    length_penalty: float = 1.0
    coverage_penalty: float = option(0.0, "what unread tokens of the source cost", minimum=0)
    copy_unknown: bool = option(False, "an unknown word of an output is the source's with the most attention")
    n_best: int = option(1, "outputs given for a source, at most beam_size", minimum=1)
    max_ratio: float = option(2.0, "tokens of an output at most: this times those of the source ...", above=0)
    max_extra: int = option(10, "... and so many more", minimum=1)
    epochs: int = from_data(30)
    learning_rate: float = 4e-3
    patience: int = from_data(6)
    schedule: str = "constant"
