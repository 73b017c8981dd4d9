"""The histogram of lengths."""

from seqkit.doctor.encoding import histogram


def test_a_histogram_counts_every_length_once():
    ordered = sorted([1] * 50 + [2] * 30 + list(range(3, 40)) + [5000])
    rows = histogram(ordered)
    assert sum(row[1] for row in rows) == len(ordered)
    assert rows[0][0].startswith("1") and rows[-1][0].endswith("5000")
    assert len(rows) <= 10 and max(len(row[2]) for row in rows) == 36
    assert histogram([4]) == [["4", 1, "█" * 36]]
