"""Options of every language model."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import RecurrentOptions, SplitOptions, VocabularyOptions, from_data, option
from seqkit.data import TOKENIZERS
from seqkit.data.normal_forms import NFC


@dataclass(frozen=True, kw_only=True)
class NextStepOptions(RecurrentOptions, VocabularyOptions, SplitOptions):
    """How a text is read, and the network that predicts its next token."""

    data: str = option("", "the data: a text file, or a folder of text files", path=True)
    valid_data: str | None = option(None, "text for validation (default: a stretch of the data)", path=True)
    test_data: str | None = option(None, "text for testing (default: the end of the data)", path=True)
    text_column: str | None = option(None, "column of texts in a CSV, TSV or JSONL file, one line per row")
    valid_fraction: float = option(0.05, "fraction of the data for validation, before the test", above=0, below=0.5)
    test_fraction: float = option(0.05, "fraction of the data for the test, its end", above=0, below=0.5)
    tokenizer: str = option("char", "what is predicted: word, char or byte", choices=lambda: TOKENIZERS)
    normal_form: str = NFC
    reverse: bool = option(False, "read the text backward: a model of what came before")
    streams: int = option(
        from_data(32), "maximum number of stretches of the text read in parallel", minimum=1, tune="8,16,32,64"
    )
    chunk: int = option(64, "steps of truncated back-propagation", minimum=1, tune="32,64,96,128")
    embedding_size: int = option(64, "size of token vectors", minimum=1, tune="32,64,128,256")
    hidden_size: int = 256
    tie: bool = option(False, "share weights between output layer and token vectors")
    recall: int = option(0, "steps of the past that attention looks back on; 0: none", minimum=0)
    dropout: float = option(0.1, "dropout between layers and on the outputs", minimum=0, below=1, tune="0..0.5")
    weight_dropout: float = option(0.0, "dropout on recurrent weights", minimum=0, below=1, tune="0..0.5")
    embedding_dropout: float = option(0.0, "dropout on token vectors", minimum=0, below=1, tune="0..0.3")
    epochs: int = from_data(12)
    patience: int = from_data(3)
    learning_rate: float = 6e-3
    batch_size: int = option(64, "maximum number of texts scored together", minimum=1)
    batch_tokens: int = option(8192, "maximum number of tokens scored together", minimum=1)
