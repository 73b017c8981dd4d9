"""A run as a function of batches: the columns that a CSV gets, in any process, of the run that was meant."""

import csv
import pickle
import shutil
import subprocess
import sys

import pytest

from seqkit import Predictor, load
from seqkit.errors import SeqkitError, UsageError

pa = pytest.importorskip("pyarrow")

TEXTS = ["a fine film", "", "so dull", None]
ADDED = ["predicted_label", "predicted_probabilities.bad", "predicted_probabilities.good"]


@pytest.fixture(scope="module")
def run(opinions, tiny_run, tmp_path_factory):
    return tiny_run(opinions, tmp_path_factory.mktemp("predictor") / "run")


@pytest.fixture(scope="module")
def predictor(run):
    return Predictor(run)


def batch_of(texts):
    return pa.record_batch({"n": pa.array(range(len(texts)), pa.int64()), "text": pa.array(texts, pa.string())})


def test_a_batch_comes_back_with_what_the_model_says(predictor, run):
    found = predictor(batch_of(TEXTS))
    assert isinstance(found, pa.RecordBatch)
    assert found.schema.names == ["n", "text", *ADDED]
    assert found.select(["n", "text"]).equals(batch_of(TEXTS))
    first, third = load(run).predict(["a fine film", "so dull"])
    for row, expected in zip([0, 2], [first, third], strict=True):
        assert found.column(2)[row].as_py() == expected.label
        assert found.column(3)[row].as_py() == expected.probabilities["bad"]
    for row in (1, 3):
        assert [found.column(n)[row].as_py() for n in (2, 3, 4)] == [None] * 3


def test_the_columns_are_those_that_predict_adds_to_a_csv(predictor, run, command, tmp_path):
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("n,text\n0,a fine film\n1,\n2,so dull\n")
    assert command("predict", run, "--input", source, "--output", output).returncode == 0
    rows = list(csv.DictReader(output.read_text().splitlines()))
    found = predictor(batch_of(TEXTS[:3])).to_pylist()
    assert list(rows[0]) == list(found[0])
    assert [[row[name] for name in ADDED] for row in rows] == [
        ["" if row[name] is None else str(row[name]) for name in ADDED] for row in found
    ]


def test_an_empty_batch_has_the_schema_of_the_others(predictor):
    whole, empty = predictor(batch_of(TEXTS)), predictor(batch_of([]))
    assert empty.num_rows == 0
    assert whole.schema == empty.schema == predictor.schema(batch_of([]).schema)
    assert predictor(batch_of(["", None])).schema == whole.schema


def test_a_table_comes_back_as_a_table(predictor):
    table = pa.Table.from_batches([batch_of(TEXTS), batch_of(TEXTS[:1])])
    found = predictor(table)
    assert isinstance(found, pa.Table)
    assert found.column("predicted_label").to_pylist()[4] == found.column("predicted_label").to_pylist()[0]


def test_a_frame_comes_back_as_a_frame_with_its_index(predictor):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": TEXTS}, index=[7, 8, 9, 10])
    found = predictor(frame)
    assert list(found.index) == [7, 8, 9, 10] and list(frame.columns) == ["text"]
    assert list(found["predicted_label"].isna()) == [False, True, False, True]
    assert found["predicted_probabilities.bad"][9] == predictor(batch_of(TEXTS)).column(3)[2].as_py()
    (first, second) = predictor.each([frame, frame[:0]])
    pandas.testing.assert_frame_equal(first, found)
    assert len(second) == 0 and list(second.columns) == ["text", *ADDED]


def test_what_is_pickled_has_no_weights_and_answers_alike_in_another_process(predictor, tmp_path):
    packed = pickle.dumps(predictor)
    assert len(packed) < 1000
    (tmp_path / "predictor").write_bytes(packed)
    script = (
        "import pickle, sys, pathlib, pyarrow as pa\n"
        "predict = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "print(predict(pa.record_batch({'text': ['a fine film', 'so dull']})).to_pylist())"
    )
    arguments = [sys.executable, "-c", script, str(tmp_path / "predictor")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=tmp_path)
    expected = predictor(pa.record_batch({"text": ["a fine film", "so dull"]})).to_pylist()
    assert done.stdout.strip() == str(expected)


def test_a_process_loads_a_run_once(predictor, monkeypatch):
    predictor(batch_of(TEXTS))
    monkeypatch.setattr("seqkit.runs.predictor.load", None)
    again = pickle.loads(pickle.dumps(predictor))
    assert again(batch_of(TEXTS)).equals(predictor(batch_of(TEXTS)))


def test_a_run_that_has_changed_is_refused(opinions, tiny_run, run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    predictor = Predictor(copy)
    shutil.rmtree(copy)
    tiny_run(opinions, copy, seed=5)
    with pytest.raises(SeqkitError, match="has changed since the Predictor was made; make a new one"):
        predictor(batch_of(TEXTS))


def test_another_column_can_be_named(run, predictor):
    found = Predictor(run, text_column="words")(pa.record_batch({"text": ["so dull"], "words": ["a fine film"]}))
    assert found.column(2)[0].as_py() == predictor(batch_of(TEXTS)).column(2)[0].as_py()


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        (pa.record_batch({"text": [b"fine", b"\xff"]}), "^row 2 of the batch: the input is bytes that are not text"),
        (pa.record_batch({"n": [1]}), "^the batch: cannot tell which column .* name it with text_column, or .*$"),
        (pa.record_batch({"text": ["a"], "predicted_label": ["b"]}), "has a column 'predicted_label' already"),
    ],
)
def test_a_bad_batch_is_refused_in_a_sentence(batch, sentence, predictor):
    with pytest.raises(SeqkitError, match=sentence):
        predictor(batch)


def test_what_is_not_a_run_and_no_option_is_refused(run, tmp_path):
    with pytest.raises(SeqkitError, match="none"):
        Predictor(tmp_path / "none")
    with pytest.raises(UsageError, match="unknown option 'beams'"):
        Predictor(run, beams=2)(batch_of(TEXTS))


def test_without_pyarrow_it_says_what_to_install(predictor, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'seqkit\[arrow\]'"):
        predictor(None)
