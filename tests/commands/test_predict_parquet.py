"""Answers in Parquet: the rows keep their types, and predictions have theirs."""

import pytest

from seqkit.runs import load

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

TEXTS = [None, "a fine film", "so dull", "", *["a very fine film"] * 6]
ADDED = ["predicted_label", "predicted_probabilities.bad", "predicted_probabilities.good"]


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch):
    """Four inputs are answered together, and three are read together, instead of thousands."""
    monkeypatch.setattr("seqkit.runs.rows._ROWS", 4)
    monkeypatch.setattr("seqkit.data.readers.columnar._ROWS", 3)


@pytest.fixture
def table(tmp_path):
    table = pa.table(
        {
            "id": pa.array(range(10), pa.int16()),
            "when": pa.array([n * 10**6 for n in range(10)], pa.timestamp("us")),
            "text": TEXTS,
            "many": [[n, None] for n in range(10)],
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet", row_group_size=4)
    return table


def test_a_table_of_parquet_keeps_its_types(trained, command, table, tmp_path):
    output = tmp_path / "out.parquet"
    done = command("predict", trained[0], "--input", tmp_path / "in.parquet", "--output", output)
    assert done.returncode == 0, done.stderr
    found = parquet.read_table(output)
    assert found.select(table.schema.names).equals(table)
    assert found.schema.names == [*table.schema.names, *ADDED]
    assert [str(found.schema.field(name).type) for name in ADDED] == ["string", "double", "double"]
    expected = load(trained[0]).predict(["a fine film", "so dull"])
    assert found.column("predicted_label").to_pylist()[:4] == [None, *(each.label for each in expected), None]
    assert found.column(ADDED[1]).to_pylist()[1] == pytest.approx(expected[0].probabilities["bad"], abs=1e-6)


def test_parts_in_order_are_the_whole(trained, command, table, tmp_path):
    outputs = [tmp_path / f"part-{n}.parquet" for n in (1, 2, 3, 4)]
    for number, output in enumerate(outputs, 1):
        asked = ["--input", tmp_path / "in.parquet", "--output", output, "--shard", f"{number}/4"]
        assert command("predict", trained[0], *asked).returncode == 0
    whole = tmp_path / "whole.parquet"
    command("predict", trained[0], "--input", tmp_path / "in.parquet", "--output", whole)
    parts = [parquet.read_table(output) for output in outputs]
    # Three groups of rows in four parts: one has none.
    assert sorted(part.num_rows for part in parts) == [0, 2, 4, 4]
    assert pa.concat_tables(parts).equals(parquet.read_table(whole))


def test_other_tables_come_out_as_texts(trained, command, tmp_path):
    (tmp_path / "in.csv").write_text("n,text\n1,a fine film\n2,\n")
    (tmp_path / "in.jsonl").write_text('{"n": 1, "text": "a fine film"}\n{"text": "", "n": [2]}\n')
    (tmp_path / "in.txt").write_text("a fine film\n\n")
    for name, columns in {"in.csv": ["n", "text"], "in.jsonl": ["n", "text"], "in.txt": ["input"]}.items():
        output = tmp_path / f"{name}.parquet"
        done = command("predict", trained[0], "--input", tmp_path / name, "--output", output)
        assert done.returncode == 0, done.stderr
        rows = parquet.read_table(output).to_pylist()
        assert list(rows[0]) == [*columns, *ADDED]
        assert all(rows[0][name] is not None and rows[1][name] is None for name in ADDED)
    assert parquet.read_table(tmp_path / "in.jsonl.parquet").column("n").to_pylist() == ["1", "[2]"]


def test_lines_of_json_are_not_parquet(trained, command, table, tmp_path):
    asked = ["--input", tmp_path / "in.parquet", "--output", tmp_path / "out.parquet", "--json"]
    done = command("predict", trained[0], *asked)
    assert done.returncode == 2 and "leave out --json, or name it .jsonl" in done.stderr


def test_without_pyarrow_it_says_what_to_install(trained, command, tmp_path, monkeypatch):
    (tmp_path / "in.csv").write_text("text\na fine film\n")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    done = command("predict", trained[0], "--input", tmp_path / "in.csv", "--output", tmp_path / "out.parquet")
    assert done.returncode == 2 and "pip install 'seqkit[arrow]'" in done.stderr
    assert not (tmp_path / "out.parquet").exists()
