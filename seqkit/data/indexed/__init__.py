"""Files with an example in each row, read by an index of their rows: nothing is copied, and hardly anything held."""

from seqkit.data.indexed.examples import IndexedExamples
from seqkit.data.indexed.excerpts import Excerpt, IndexedRows
from seqkit.data.indexed.heads import RowHead, lines_head, table_head
from seqkit.data.indexed.index import RowIndex, row_index
from seqkit.data.indexed.scan import EscapedQuotes, RowScan, RowStarts

__all__ = [
    "EscapedQuotes",
    "Excerpt",
    "IndexedExamples",
    "IndexedRows",
    "RowHead",
    "RowIndex",
    "RowScan",
    "RowStarts",
    "lines_head",
    "row_index",
    "table_head",
]
