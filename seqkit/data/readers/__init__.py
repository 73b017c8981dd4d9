"""Readers of people's text files: lines, tables (CSV, TSV, JSONL) and labelled texts, with the location of errors."""

from seqkit.data.readers.blank import has_nothing, is_blank
from seqkit.data.readers.class_folders import holds_class_folders
from seqkit.data.readers.columnar import COLUMNAR
from seqkit.data.readers.columns import choose_column, choose_text_columns, listed, split_names
from seqkit.data.readers.compressed import format_ending
from seqkit.data.readers.csv_rows import delimiter_in, delimiter_of
from seqkit.data.readers.examples import Example, each_example, read_examples
from seqkit.data.readers.json_lines import as_text, json_object
from seqkit.data.readers.label_sets import (
    LabelSetExample,
    common_mark,
    each_label_set,
    mark_in,
    marked_columns,
    read_label_sets,
    split_labels,
)
from seqkit.data.readers.lines import MAX_LINE, Broken, Lines, read_lines
from seqkit.data.readers.location import DataError, Remark, SourceLocation, shown
from seqkit.data.readers.numbers import LARGEST_NUMBER, NumberExample, each_number_example, read_number_examples
from seqkit.data.readers.records import PLAIN, FileForm, Record, Row, file_form
from seqkit.data.readers.tables import COLUMNAR_ENDINGS, FORMATS, read_records
from seqkit.data.readers.targets import LABEL, LABELS, NUMBER, target_in
from seqkit.data.readers.text_pair import TextPair, one_line, read_pair
from seqkit.data.readers.texts import read_texts
from seqkit.data.readers.weights import LARGEST_WEIGHT, all_weights_zero, left_out, parse_weight

__all__ = [
    "COLUMNAR",
    "COLUMNAR_ENDINGS",
    "FORMATS",
    "LABEL",
    "LABELS",
    "LARGEST_NUMBER",
    "LARGEST_WEIGHT",
    "MAX_LINE",
    "NUMBER",
    "PLAIN",
    "Broken",
    "DataError",
    "Example",
    "FileForm",
    "LabelSetExample",
    "Lines",
    "NumberExample",
    "Record",
    "Remark",
    "Row",
    "SourceLocation",
    "TextPair",
    "all_weights_zero",
    "as_text",
    "choose_column",
    "choose_text_columns",
    "common_mark",
    "delimiter_in",
    "delimiter_of",
    "each_example",
    "each_label_set",
    "each_number_example",
    "file_form",
    "format_ending",
    "has_nothing",
    "holds_class_folders",
    "is_blank",
    "json_object",
    "left_out",
    "listed",
    "mark_in",
    "marked_columns",
    "one_line",
    "parse_weight",
    "read_examples",
    "read_label_sets",
    "read_lines",
    "read_number_examples",
    "read_pair",
    "read_records",
    "read_texts",
    "shown",
    "split_labels",
    "split_names",
    "target_in",
]
