"""One pass over a file: what is wrong with it, in constant memory, and copies whose lines are known."""

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit import UsageError
from seqkit.doctor.copies import Copy
from seqkit.doctor.repeats import RepetitionCounter
from seqkit.doctor.scanning import scan


def text_column(columns, header):
    if "text" not in columns:
        raise UsageError("no column text")
    return ("text",)


def kinds(found):
    return [(finding.kind, finding.where.rpartition(":")[2] if finding.where else None) for finding in found.findings]


@given(st.lists(st.sampled_from("abcdefg")))
def test_repetitions_are_those_of_a_set(texts):
    counter = RepetitionCounter()
    for line, text in enumerate(texts, 1):
        counter.add(text, line)
    count, *lines = counter.result()
    assert count == len(texts) - len(set(texts))
    later = [n for n, text in enumerate(texts) if text in texts[:n]]
    first = later[0] if later else None
    original = max(n for n in range(first) if texts[n] == texts[first]) if later else None
    assert lines == ([first + 1, original + 1] if later else [0, 0])


def test_beyond_its_limit_repetitions_are_an_estimate():
    """20,000 texts, each of them twice, with memory for 4,000."""
    counter, generator = RepetitionCounter(limit=4000), random.Random(0)
    texts = [str(number) for number in range(10_000)] * 2
    generator.shuffle(texts)
    for line, text in enumerate(texts, 1):
        counter.add(text, line)
    # Of 10,000 texts an eighth is remembered, so about 1,250 with a deviation of 33: five of them are 13 %.
    assert counter.mask == 7
    assert counter.result().repetitions == pytest.approx(10_000, rel=0.13)


def test_every_broken_row_of_a_csv_is_reported_and_the_good_ones_stay(tmp_path):
    path = tmp_path / "a.csv"
    good = ['"two\nlines",x', "fine,x", '"a ""quote""",x', "last,x"]
    lines = [good[0], "one", good[1], "a,b,c", good[2], '"bad"quote,x', "caf\xe9,x", good[3]]
    path.write_bytes(b"text,label\n" + "\n".join(lines).encode("latin-1") + b"\n")
    found = scan(path, text_column)
    assert kinds(found) == [("broken", "4"), ("broken", "6"), ("broken", "8"), ("broken", "9")]
    assert (found.rows, found.broken, found.inputs) == (4, 4, ("text",))
    copy = Copy(path, tmp_path / "copy.csv", found.tried_lines)
    assert copy.path.read_text() == "text,label\n" + "\n".join(good) + "\n"
    assert copy.restored(f"look at {copy.path}:4 and {copy.path}") == f"look at {path}:5 and {path}"
    shorter = copy.without(2, tmp_path / "shorter.csv")
    assert shorter.path.read_text() == "text,label\n" + "\n".join(good[1:]) + "\n"
    assert shorter.restored(f"{shorter.path}:2:") == f"{path}:5:"


def test_one_fault_of_many_rows_is_reported_once_with_its_count_and_first_places(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x"}\n' + "no\n" * 25)
    found = scan(path, text_column)
    assert kinds(found) == [("broken", "2")]
    assert str(found.findings[0]).endswith("; the same in 24 more places: 3, 4, 5, 6, 7, …")
    assert found.broken == 25


def test_a_table_of_broken_rows_alone_is_a_table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "".join(",".join("abcdefghijklmnopqr"[: n + 2]) + "\n" for n in range(12)))
    (finding,) = scan(path, text_column).findings
    assert finding.others == 11, "how many fields there are is a particular of one fault"


def test_what_is_odd_in_a_text_is_reported(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufefftext\n\ufffd?\nÃ¼ber\na\x02b\nüber â la\nüber â la\n,\n".encode().replace(b",\n", b'" "\n'))
    found = scan(path, text_column)
    assert kinds(found) == [
        ("encoding", None), ("characters", "2"), ("characters", "3"), ("characters", "4"), ("duplicates", "6")
    ]  # fmt: skip
    assert "the input is a duplicate of line 5" in str(found.findings[-1])


def test_a_file_whose_columns_are_not_named_is_read_as_lines(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(b"the cat\tle chat\nthe cat\tle chat\n\xff\n")
    found = scan(path, text_column)
    assert (found.format, found.rows, found.columns) == ("lines", 2, [])
    assert kinds(found) == [("broken", "3")]


def test_a_large_file_is_sampled_and_takes_constant_memory(tmp_path):
    sizes, peaks = [2_000, 40_000], []
    for size in sizes:
        path = tmp_path / f"{size}.csv"
        path.write_text("text,id\n" + "".join(f'"row\n{n}",{n}\n' for n in range(size)))
        tracemalloc.start()
        found = scan(path, text_column, small=4_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.rows == size
        # 1,000 bytes of rows that take about 13 or 16 each.
        assert 30 < found.tried_rows < 110
        assert found.scale == size / found.tried_rows
        assert any(finding.kind == "sampled" for finding in found.findings)
        copy = Copy(path, tmp_path / "copy.csv", found.tried_lines)
        assert len(copy.path.read_text().splitlines()) == 1 + 2 * found.tried_rows
    # Only hashes and lines of rows are kept: 16 bytes each, several times while they are sorted.
    assert peaks[1] - peaks[0] < 38_000 * 100
