"""Readers of people's text files: lines, tables (CSV, TSV, JSONL) and labelled texts, with the location of errors."""

from seqkit.data.readers.columns import choose_column
from seqkit.data.readers.compressed import format_ending
from seqkit.data.readers.examples import Example, read_examples
from seqkit.data.readers.json_lines import as_text, json_object
from seqkit.data.readers.lines import MAX_LINE, Broken, Lines, read_lines
from seqkit.data.readers.location import DataError, SourceLocation, shown
from seqkit.data.readers.records import PLAIN, FileForm, Record, Row, file_form
from seqkit.data.readers.tables import FORMATS, delimiter_in, delimiter_of, read_records
from seqkit.data.readers.weights import LARGEST_WEIGHT, all_weights_zero, left_out, parse_weight

__all__ = [
    "FORMATS",
    "LARGEST_WEIGHT",
    "MAX_LINE",
    "PLAIN",
    "Broken",
    "DataError",
    "Example",
    "FileForm",
    "Lines",
    "Record",
    "Row",
    "SourceLocation",
    "all_weights_zero",
    "as_text",
    "choose_column",
    "delimiter_in",
    "delimiter_of",
    "file_form",
    "format_ending",
    "json_object",
    "left_out",
    "parse_weight",
    "read_examples",
    "read_lines",
    "read_records",
    "shown",
]
