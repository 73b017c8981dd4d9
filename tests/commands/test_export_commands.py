"""seqkit export on the command line: files, what they cost rounded, what is refused; and the example that uses them."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest
import torch

from seqkit import load, runtime
from seqkit.errors import UsageError
from seqkit.estimators import SequenceClassifier
from seqkit.export.onnx_files import onnx_run
from seqkit.graphs import graph
from tests.answers import alike

EXAMPLE = Path(__file__).parents[2] / "examples/onnx_sentiment.py"
TEXTS = ["a wonderful film, with 3.5 stars!", "Its story… dull", "the actor's scene", "unheard-of words -- only", ""]
# The same words in other forms of Unicode.
TEXTS += ["ａ ｗｏｎｄｅｒｆｕｌ ﬁlm", "dull, sa\u0300 et la\u0300"]


@pytest.fixture(scope="module")
def exported(trained, command, tmp_path_factory):
    """The folder that a run was exported to, and what was printed."""
    out = tmp_path_factory.mktemp("export")
    done = command("export", trained[0], "--out", out, "--int8")
    assert done.returncode == 0, done.stderr
    return out, done


def test_export_says_opset_difference_sizes_and_what_int8_costs(exported, trained):
    out, done = exported
    lines = done.stdout.splitlines()
    assert lines[0] == "ONNX, opset 17; compared with the model on 6 batches of different lengths"
    rows = {words[0]: words[1:] for words in map(str.split, lines) if words}
    for name in ("model.onnx", "model.int8.onnx", "symbols.json"):
        assert int(rows[name][0].replace(",", "")) == (out / name).stat().st_size
    assert float(rows["model.onnx"][1]) <= 1e-5
    test = json.loads((trained[0] / "results.json").read_text())["test"]
    assert float(rows["accuracy"][0]) == pytest.approx(test["accuracy"], abs=1e-4)
    assert 0 <= float(rows["accuracy"][1]) <= 1
    assert "stay float32" not in done.stdout
    assert done.stderr == ""


def test_int8_weights_are_there_and_change_little(exported):
    import onnx

    kinds = {node.op_type for node in onnx.load(exported[0] / "model.int8.onnx").graph.node}
    assert "DynamicQuantizeLSTM" in kinds and "LSTM" not in kinds


def test_int8_weights_of_an_earlier_export_do_not_stay_beside_another_model(exported, trained, command, tmp_path):
    shutil.copytree(exported[0], out := tmp_path / "exported")
    (out / "mine.int8.onnx").write_bytes(b"of another program")
    done = command("export", trained[0], "--out", out)
    said = f"{out / 'model.int8.onnx'} of an earlier export has been removed; --int8 writes a new one"
    assert " ".join(done.stderr.split()) == said
    before, after = ({path.name for path in folder.iterdir()} for folder in (exported[0], out))
    assert (before - after, after - before) == ({"model.int8.onnx"}, {"mine.int8.onnx"})


def test_what_answers_without_torch_is_the_run_whether_or_not_int8_is_beside_it(exported, trained):
    wanted = load(trained[0]).predict(TEXTS)
    assert alike(runtime.load(exported[0]).predict(TEXTS), wanted)


def test_layers_that_int8_leaves_as_they_are_are_named(reviews, small, command, tmp_path):
    options = ["--cell", "gru", "--epochs", "1", "--out", tmp_path / "run"]
    assert command("run", "sentiment", "--data", reviews, *small, *options).returncode == 0
    done = command("export", tmp_path / "run", "--int8")
    assert done.stdout.endswith("\nGRU layers stay float32: onnxruntime has no int8 form of them\n")
    assert "stay float32" not in command("export", tmp_path / "run").stdout


def test_the_example_needs_no_seqkit_and_says_what_predict_says(exported, trained, command, monkeypatch, capsys):
    # An empty text has no answer from predict.
    texts = [text for text in TEXTS if text]
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), str(exported[0]), *texts])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    shown = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    wanted = [line.split("\t")[:2] for line in command("predict", trained[0], *texts).stdout.splitlines()]
    assert [row[2] for row in shown] == texts
    for (label, chance, _), (right, sure) in zip(shown, wanted, strict=True):
        # Both are printed with three places.
        assert label == right and float(chance) == pytest.approx(float(sure), abs=0.0011)
    assert "seqkit" not in "".join(line for line in EXAMPLE.read_text().splitlines() if "import" in line)


def test_the_example_without_a_text_says_so(exported, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), str(exported[0])])
    with pytest.raises(SystemExit, match="there is no text to label"):
        runpy.run_path(str(EXAMPLE), run_name="__main__")


def test_an_empty_batch_is_refused_where_onnxruntime_would_end_the_process(exported):
    run = onnx_run((exported[0] / "model.onnx").read_bytes())
    with pytest.raises(UsageError, match="the batch is empty"):
        run(tokens=torch.zeros(0, 3, dtype=torch.int64), lengths=torch.zeros(0, dtype=torch.int64))


def test_int8_of_an_estimator_s_run_says_that_it_has_no_test_split(command, tmp_path):
    texts, labels = ["good film", "fine film", "bad film", "dull film"] * 5, [1, 1, 0, 0] * 5
    model = SequenceClassifier(epochs=1, hidden_size=4, embedding_size=3, random_state=0)
    model.fit(texts, labels).save(tmp_path / "run")
    done = command("export", tmp_path / "run", "--int8")
    assert done.returncode == 2
    assert "was trained on data in memory, so it has no test split" in done.stderr
    assert not (tmp_path / "run/onnx").exists()


def test_the_file_says_what_it_is(exported):
    import onnx

    model = onnx.load(exported[0] / "model.onnx")
    assert {entry.key: entry.value for entry in model.metadata_props} == {"task": "sentiment", "opset": "17"}
    assert [entry.version for entry in model.opset_import] == [17] and model.producer_name == "seqkit"
    sizes = {i.name: [d.dim_param for d in i.type.tensor_type.shape.dim] for i in model.graph.input}
    assert sizes == {"tokens": ["batch", "time"], "lengths": ["batch"], "ngrams": ["batch", "ngrams"]}
    symbols = json.loads((exported[0] / "symbols.json").read_text())
    assert symbols["labels"] == ["bad", "good"]
    assert symbols["vocab"]["tokenizer"] == {"name": "word", "lowercase": True, "normal_form": "NFKC"}


def test_a_single_part_may_have_a_name_of_its_own(trained, command, tmp_path):
    done = command("export", trained[0], "--out", tmp_path / "reviews.onnx")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reviews.json", "reviews.onnx"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "onix"], "unknown format 'onix'"),
        (["--format", "torch", "--int8"], "--int8 is for ONNX and C files"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(trained, command, tmp_path, options, message):
    done = command("export", trained[0], *options, "--out", tmp_path / "out")
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "out").exists()


def test_a_file_where_the_folder_goes_is_refused(trained, command, tmp_path):
    (tmp_path / "out").write_text("mine")
    done = command("export", trained[0], "--out", tmp_path / "out")
    assert done.returncode == 2 and "choose a folder with --out" in done.stderr
    assert (tmp_path / "out").read_text() == "mine"


def test_a_missing_package_is_named(trained, command, monkeypatch):
    monkeypatch.setattr(graph, "find_spec", lambda name: None)
    done = command("export", trained[0])
    assert done.returncode == 2
    assert done.stderr == "seqkit: an ONNX file needs onnx; install it with: pip install 'seqkit[onnx]'\n"
