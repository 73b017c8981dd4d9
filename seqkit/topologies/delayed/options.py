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
    source_column: str | None = option(None, "column of the source text", reads=True)
    target_column: str | None = option(None, "column of the target text", reads=True)
    group_column: str | None = option(
        None, "column of a group, such as a document, that is kept within one split", reads=True
    )
    max_characters: int = option(400, "pairs with a longer side are left out", minimum=1, reads=True)
    normal_form: str = NFC
    valid_fraction: float = 0.05
    test_fraction: float = 0.05
    max_symbols: int = option(2000, "largest vocabulary of each side", minimum=30)
    memory: int = option(
        0,
        "keep the training pairs and reuse their targets for very similar texts, if there are at most this many",
        minimum=0,
    )
    joint_ngrams: int = option(
        0,
        "outputs of the beam are also scored by n-grams of aligned symbols, up to this long; 0: none",
        minimum=0,
        below=10,
    )
    cell: str = "gru"
    embedding_size: int = option(128, "size of token vectors", minimum=1, tune="64,96,128,192,256")
    hidden_size: int = option(
        256,
        "units of the decoder; the encoder has half of them in each direction",
        minimum=2,
        tune="128,192,256,384,512",
    )
    num_layers: int = option(1, "recurrent layers in encoder and decoder", minimum=1, below=MOST_LAYERS, tune="1,2")
    attention: str = option("general", "how the decoder attends to the source", choices=lambda: ATTENTIONS)
    coverage: bool = option(False, "attention keeps track of what it has covered; needs input_feeding")
    lexical: bool = option(False, "add scores computed directly from the attended source tokens")
    guidance: float = option(0.0, "how strongly training pulls attention toward the diagonal", minimum=0)
    tagging: float = option(
        0.0,
        "how strongly training also teaches the encoder which target symbols each source symbol stands for; needs "
        "joint_ngrams",
        minimum=0,
    )
    input_feeding: bool = option(False, "feed the attended vector into the next step")
    tie: bool = option(True, "share weights between output layer and token vectors")
    dropout: float = option(
        0.3, "dropout between layers, on the memory and on features", minimum=0, below=1, tune="0..0.6"
    )
    embedding_dropout: float = option(0.2, "dropout on token vectors", minimum=0, below=1, tune="0..0.5")
    word_dropout: float = option(0.0, "fraction of source tokens dropped in training", minimum=0, below=1)
    label_smoothing: float = option(
        0.1,
        "label smoothing: fraction of a target's weight spread over all symbols",
        minimum=0,
        below=1,
        tune="0..0.2",
    )
    forcing: str = option(
        "constant",
        "schedule of teacher forcing: constant, linear or inverse-sigmoid",
        choices=lambda: FORCING_SCHEDULES,
    )
    forcing_floor: float = option(1.0, "lowest probability of teacher forcing; 1: always", minimum=0)
    forcing_steps: int = option(1000, "steps until forcing_floor is reached (k of inverse-sigmoid)", minimum=1)
    length_penalty: float = 1.0
    coverage_penalty: float = option(0.0, "penalty for source tokens that attention did not cover", minimum=0)
    copy_unknown: bool = option(False, "replace unknown words by the source word with the most attention")
    n_best: int = option(1, "outputs per source, at most beam_size", minimum=1)
    max_ratio: float = option(2.0, "longest output: this times the source's tokens ...", above=0)
    max_extra: int = option(10, "... plus this many", minimum=1)
    epochs: int = from_data(30)
    learning_rate: float = 4e-3
    patience: int = from_data(6)
    schedule: str = "constant"
