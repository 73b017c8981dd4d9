"""From people's files to numbers: readers, tokenizers, vocabulary, splits, batches."""

from seqkit.data.readers import DataError, Example, Record, SourceLocation, read_examples, read_lines, read_records
from seqkit.data.sources import REVIEWS, PackagedFile
from seqkit.data.splits import Splits, check_classes, shared_texts, split_off, stratified
from seqkit.data.tokenizers import TOKENIZERS, Tokenizer, tokenizer, tokenizer_from_json
from seqkit.data.vocab import Vocabulary

__all__ = [
    "REVIEWS",
    "TOKENIZERS",
    "DataError",
    "Example",
    "PackagedFile",
    "Record",
    "SourceLocation",
    "Splits",
    "Tokenizer",
    "Vocabulary",
    "check_classes",
    "read_examples",
    "read_lines",
    "read_records",
    "shared_texts",
    "split_off",
    "stratified",
    "tokenizer",
    "tokenizer_from_json",
]
