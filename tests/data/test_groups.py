"""What must stay in one split: groups, and texts that are the same."""

from dataclasses import dataclass

from seqkit.data.groups import joined_units, stripped_text


@dataclass(frozen=True)
class Row:
    text: str
    speaker: str


def test_groups_that_share_a_text_are_one_whatever_its_form_and_outer_space():
    rows = [
        Row("caf\u00e9", "a"),
        Row(" cafe\u0301 ", "b"),
        Row("tea", "b"),
        Row("tea\n", "c"),
        Row("milk", "d"),
        Row("water", "d"),
        Row("juice", "e"),
    ]
    unit = joined_units(rows, lambda row: row.speaker, stripped_text)
    units = [unit(row) for row in rows]
    # a, b and c are joined by a text of each; d has two texts of its own.
    assert len(set(units[:4])) == 1
    assert units[4] == units[5]
    assert len({units[0], units[4], units[6]}) == 3
