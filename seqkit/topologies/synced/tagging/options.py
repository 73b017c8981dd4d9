"""Options of every task that labels words."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import (
    ClassWeightOptions,
    RecurrentOptions,
    SplitOptions,
    TeacherOptions,
    VocabularyOptions,
    from_data,
    option,
    sizes_without_vectors,
)
from seqkit.data.normal_forms import NFKC
from seqkit.layers.words import SPELLINGS

MARKS_BALANCE = 0.3
"""The balance that gives marks their best F1: where a comma may stand, no mark is likelier nearly everywhere."""


@dataclass(frozen=True, kw_only=True)
class TaggingOptions(TeacherOptions, ClassWeightOptions, RecurrentOptions, VocabularyOptions, SplitOptions):
    """How sentences are read, and the network that labels their words."""

    data: str = option("", "the data: a CoNLL, CoNLL-U, JSON or CSV file of tagged sentences", path=True)
    word_column: str | None = option(None, "column of the words: a number, or a name (see docs/data.md)")
    tag_column: str | None = option(None, "column of the tags: a number, or a name such as xpos")
    sentence_column: str | None = option(None, "column that says of which sentence a word is, where no blank line does")
    group_column: str | None = option(None, "column of a group, such as a document, that is never in two splits")
    tag_names: str | None = option(None, "file with the names of tags that are numbers, one a line or JSON", path=True)
    valid_fraction: float = 0.05
    test_fraction: float = 0.05
    normal_form: str = NFKC
    lowercase: bool = option(True, "capitals are seen in a word's characters alone")
    embedding_size: int = option(96, "values in a word's vector", minimum=1, tune=sizes_without_vectors)
    hidden_size: int = option(128, "units of a cell, for each direction", minimum=1, tune="64,96,128,192,256")
    bidirectional: bool = option(True, "read each sentence from its end, too")
    characters: str = option("rnn", "how characters of words are read: rnn, cnn or none", choices=lambda: SPELLINGS)
    spelled_below: int = option(0, "only words seen less often in training are spelled; 0: all", minimum=0)
    character_size: int = option(32, "values in a character's vector", minimum=1)
    # With 128 a pass takes an eighth to a third longer, and sentences held out get no better labels: parts of speech
    # had accuracy 0.9491 with 128 and 0.9485 with 64 (3,000 sentences), German names F1 0.587 and 0.585 (2,000).
    spelling_size: int = option(64, "values in the vector made of a word's characters", minimum=1, tune="32,64,128,192")
    forgetting: float = option(1.0, "how often rare words are taken for unknown in training", minimum=0)
    balance: float | None = option(
        None,
        f"how far rare labels are favoured: probability / frequency^balance; [{MARKS_BALANCE} for marks, else 0]",
        minimum=0,
    )
    crf: bool | None = option(
        None, "labels depend on their neighbours: a conditional random field [where they mark spans]"
    )
    n_best: int = option(1, "labellings given for a sentence; more than one needs crf", minimum=1)
    dropout: float = option(0.5, "dropout between layers and on the outputs", minimum=0, below=1, tune="0..0.7")
    embedding_dropout: float = option(0.4, "dropout on word vectors", minimum=0, below=1, tune="0..0.6")
    word_dropout: float = option(0.0, "fraction of the words left out in training", minimum=0, below=1, tune="0..0.3")
    features: bool = option(True, "features of words and their neighbours beside the recurrent layer")
    feature_dropout: float = option(0.5, "dropout of the features of words", minimum=0, below=1, tune="0.2..0.8")
    vectors: str | None = option(None, "GloVe or word2vec text file to start the word vectors from", path=True)
    epochs: int = from_data(12)
    batch_size: int = option(from_data(32), "sentences in a batch, at most", minimum=1)
    learning_rate: float = 3e-3
    patience: int = from_data(3)
    schedule: str = "constant"
