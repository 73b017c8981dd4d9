"""The fingerprint of data: which examples there are, and in which split each is."""

import dataclasses

from seqkit.data import Example, SourceLocation, Splits
from seqkit.runs import find_task
from seqkit.runs.fingerprint import fingerprint

ROWS = [Example(f"text {n}", "yes", SourceLocation("a.csv", n)) for n in range(4)]


def test_a_fingerprint_is_of_examples_in_their_splits_and_not_of_where_they_lie():
    task = find_task("sentiment")
    one, two, three, four = ROWS
    splits = [
        Splits([one, two], [three], [four]),
        Splits([one], [two, three], [four]),
        Splits([one, two, three], [], [four]),
        Splits([one, two], [], [three, four]),
        Splits([two, one], [three], [four]),
        Splits([one, two], [four], [three]),
    ]
    assert len({fingerprint(task, each) for each in splits}) == len(splits)
    moved = dataclasses.replace(one, location=SourceLocation("elsewhere.csv", 9))
    assert fingerprint(task, Splits([moved, two], [three], [four])) == fingerprint(task, splits[0])
