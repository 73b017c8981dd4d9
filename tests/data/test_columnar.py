"""Parquet and Arrow: the same rows as any other table, of whatever values."""

import datetime
import decimal
import gzip
import json
import sys
from pathlib import Path

import pytest

from seqkit import UsageError
from seqkit.config import make_config
from seqkit.data import DataError, read_examples, read_records
from seqkit.data.pair_files import read_pairs
from seqkit.data.readers import LABELS, target_in
from seqkit.doctor.examine import examine
from seqkit.runs import find_task

pa = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")
parquet = pytest.importorskip("pyarrow.parquet")


def write_stream(table, path):
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def write_file(table, path):
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def write_packed(table, path):
    plain = Path(path).with_suffix("")
    parquet.write_table(table, plain)
    Path(path).write_bytes(gzip.compress(plain.read_bytes()))


WRITERS = {
    "a.parquet": parquet.write_table,
    "a.pq": lambda table, path: parquet.write_table(table, path, compression="zstd", row_group_size=2),
    "a.parquet.gz": write_packed,
    "a.feather": feather.write_feather,
    "old.feather": lambda table, path: feather.write_feather(table, path, version=1),
    "a.arrow": write_stream,
    "a.ipc": write_file,
}
TABLE = {"text": ["good film", "dull, and “long”", "né à Orléans"], "label": ["pos", "neg", "pos"]}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.filterwarnings("ignore:.*Feather.*:FutureWarning", "ignore:.*V1.*")
def test_every_form_has_the_rows_that_were_written(tmp_path, name):
    WRITERS[name](pa.table(TABLE), str(tmp_path / name))
    examples = read_examples(tmp_path / name)
    assert [(e.text, e.label) for e in examples] == list(zip(*TABLE.values(), strict=True))
    assert [str(e.location) for e in examples] == [f"{tmp_path / name}:{row}" for row in (1, 2, 3)]


VALUES = {
    "text": (["a", None], pa.string(), ["a", ""]),
    "whole": ([1, None], pa.int64(), ["1", ""]),
    "float": ([0.5, float("nan")], pa.float64(), ["0.5", ""]),
    "endless": ([float("inf"), -1.0], pa.float64(), ["inf", "-1.0"]),
    "truth": ([True, False], pa.bool_(), ["true", "false"]),
    "categorical": (["x", "y"], pa.dictionary(pa.int8(), pa.string()), ["x", "y"]),
    "list": ([["a", "b"], []], pa.list_(pa.string()), ['["a", "b"]', "[]"]),
    "structure": ([{"en": "é"}, None], pa.struct([("en", pa.string())]), ['{"en": "é"}', ""]),
    "day": ([datetime.date(2020, 1, 2)] * 2, pa.date32(), ["2020-01-02"] * 2),
    "time": ([datetime.datetime(2020, 1, 2, 3)] * 2, pa.timestamp("us"), ["2020-01-02T03:00:00"] * 2),
    "money": ([decimal.Decimal("1.10")] * 2, pa.decimal128(5, 2), ["1.10"] * 2),
    "bytes that are text": (["né".encode()] * 2, pa.binary(), ["né"] * 2),
    "large text": (["a"] * 2, pa.large_string(), ["a"] * 2),
    "nothing": ([None, None], pa.null(), ["", ""]),
}


@pytest.mark.parametrize(("values", "kind", "texts"), VALUES.values(), ids=VALUES)
def test_values_are_texts_as_those_of_json_are(tmp_path, values, kind, texts):
    path = tmp_path / "a.parquet"
    if kind == pa.dictionary(pa.int8(), pa.string()):
        column = pa.array(values).dictionary_encode()
    else:
        column = pa.array(values, kind)
    write_file(pa.table({"v": column}), str(path.with_suffix(".arrow")))
    assert [row.values["v"] for row in read_records(path.with_suffix(".arrow"))] == texts


def test_bytes_of_pictures_are_not_a_column_and_stop_nobody(tmp_path):
    path = tmp_path / "a.parquet"
    pictures = {"image": [b"\xff\xd8"] * 3, "both": [{"bytes": b"\xff", "path": "p"}] * 3}
    parquet.write_table(pa.table({**TABLE, **pictures}), path)
    first = next(read_records(path)).values
    assert [*first] == ["text", "label", "both"]
    assert json.loads(first["both"]) == {"bytes": None, "path": "p"}
    with pytest.raises(DataError, match="no key 'image'"):
        first["image"]


def test_the_index_of_pandas_and_columns_of_one_name(tmp_path):
    path = tmp_path / "a.arrow"
    names = ["text", "label", "text", "__index_level_0__"]
    write_file(
        pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array(["c"]), pa.array([0])], names), str(path)
    )
    assert next(read_records(path)).values == {"text": "a", "label": "b", "text (2)": "c"}


def test_lists_are_sets_of_labels(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"text": ["a", "b"], "labels": [["x"], ["x", "y"]]}), path)
    assert target_in(path, None, None, []) == LABELS


def test_pairs_by_the_names_of_their_columns(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"en": ["one", "two"], "fr": ["un", "deux"], "id": [1, 2]}), path)
    pairs = [(pair.source, *pair.references) for pair in read_pairs(path, "en", "fr")]
    assert pairs == [("one", "un"), ("two", "deux")]


DAMAGED = {
    "empty.parquet": b"",
    "text.parquet": b"text,label\na,b\n",
    "cut.parquet": b"PAR1\x00\x00",
    "empty.arrow": b"",
    "text.arrow": b"text,label\na,b\n",
    "cut.arrow": b"ARROW1\0\0\xff\xff\xff\xff",
    "text.feather": b"FEA1 and nothing else",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_is_no_such_table_is_named(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(DAMAGED[name])
    with pytest.raises(DataError, match=r":1: the file (cannot be read as|has no rows)"):
        list(read_records(path))


def test_no_rows_and_no_file(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(UsageError, match=r"cannot read .*No such file"):
        list(read_records(path))
    parquet.write_table(pa.table(TABLE).slice(0, 0), path)
    with pytest.raises(DataError, match=":1: the file has no rows; give one with some"):
        list(read_records(path))


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table(TABLE), path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"a.parquet needs pyarrow; install it with: pip install 'seqkit\[arrow\]'"):
        list(read_records(path))


def test_doctor_reads_what_a_run_reads(tmp_path):
    path = tmp_path / "a.parquet"
    texts = [f"{word} film {n}" for n in range(10) for word in ("good", "dull")]
    parquet.write_table(pa.table({"text": [*texts, ""], "label": ["pos", "neg"] * 10 + ["neg"]}), path)
    task = find_task("sentiment")
    report = examine(task, make_config(task.config, {"data": str(path)}), 0)
    assert not [finding for finding in report.findings if finding.level == "wrong"]
    assert any(f"{path}:21" in str(finding) for finding in report.findings)


def test_trained_evaluated_and_predicted_from_one_file(command, small, tmp_path):
    path, run = tmp_path / "a.parquet", tmp_path / "run"
    texts = [f"{word} film {n}" for n in range(20) for word in ("good", "dull")]
    parquet.write_table(pa.table({"text": texts, "label": ["pos", "neg"] * 20, "id": range(40)}), path)
    done = command("run", "sentiment", "--data", path, "--out", run, *small, "--epochs", 1)
    assert done.returncode == 0, done.stderr
    assert command("evaluate", run, "--data", path).returncode == 0
    rows = [json.loads(line) for line in command("predict", run, "--input", path).stdout.splitlines()]
    assert [row["id"] for row in rows] == [str(number) for number in range(40)]
    assert {row["predicted_label"] for row in rows} <= {"pos", "neg"}
