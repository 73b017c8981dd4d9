"""Every task's export: its parts compute what the head does, and make its predictions, in both formats."""

import dataclasses
import itertools
import json
import zipfile

import numpy as np
import pytest
import torch

from seqkit import runtime
from seqkit.cells import Cell
from seqkit.data import Example, SourceLocation
from seqkit.data.corpus import open_corpus, stretch
from seqkit.data.pairs import Pair
from seqkit.data.sources.strips import strips
from seqkit.data.tagged import Sentence
from seqkit.errors import SeqkitError, UsageError
from seqkit.export import write as exporting
from seqkit.export.comparison import predict_through
from seqkit.export.onnx_files import onnx_run
from seqkit.graphs.modules import averages
from seqkit.runs import Model, find_task
from tests.answers import alike

HERE = SourceLocation("test", 1)
SMALL = {"embedding_size": 6, "hidden_size": 8}
PAIR = {**SMALL, "cell": "gru"}


def texts(tmp_path):
    return [
        Example(text, label, HERE) for text, label in (("a fine film, truly", "good"), ("dull", "bad"), ("", "bad"))
    ]


def digits(tmp_path):
    task = find_task("digit")
    return task.read(task.config(), []).train[:40]


def clips(tmp_path):
    return strips((4, 1, 1), 1, 0).train


def sentences(tmp_path):
    rows = (
        (("Ada", "B-P"), ("Lovelace", "I-P"), ("wrote", "O")),
        (("the", "O"), ("extraordinarily", "O")),
        (("Ada", "B-P"),),
    )
    return [Sentence(*zip(*row, strict=True), HERE) for row in rows]


def text(tmp_path):
    (tmp_path / "text.txt").write_text("the cat sat on the mat.\n" * 4)
    return [stretch(open_corpus(tmp_path / "text.txt", []))]


def words(tmp_path):
    spelled = ["".join(word) for word in itertools.product("bdk", "aeo")]
    return [Pair(word, (" ".join(word.upper()),), HERE) for word in [*spelled, "badobe", "k"]]


TASKS = {
    "sentiment": ("sentiment", texts, {**SMALL, "pooling": "mean+max", "min_count": 1}),
    "sentiment, two layers": ("sentiment", texts, {**SMALL, "num_layers": 2, "cell": "gru", "min_count": 1}),
    "digit": ("digit", digits, {"hidden_size": 8, "activation": "silu"}),
    "frames": ("frames", clips, {"hidden_size": 8, "frame_size": 5}),
    "frames, ahead": ("frames", clips, {"hidden_size": 8, "bidirectional": False, "delay": 3, "cell": "rnn"}),
    "tag": ("tag", sentences, {**SMALL, "data": "x.conll", "min_count": 1}),
    "tag, crf": ("tag", sentences, {**SMALL, "data": "x.conll", "crf": True, "characters": "cnn"}),
    "tag, words alone": ("tag", sentences, {**SMALL, "data": "x.conll", "characters": "none", "balance": 0.5}),
    "charlm": ("charlm", text, {**SMALL, "num_layers": 2, "tie": True}),
    "g2p": ("g2p", words, {**PAIR}),
    "g2p, fed": (
        "g2p",
        words,
        {**PAIR, "cell": "lstm", "attention": "additive", "coverage": True, "input_feeding": True, "num_layers": 2},
    ),
    "g2p, covered": ("g2p", words, {**PAIR, "attention": "scaled", "coverage": True, "input_feeding": True}),
    "translate": ("translate", words, {**PAIR, "attention": "dot", "tokenizer": "char", "tie": False}),
}


def model_of(name, tmp_path, **options):
    """A model with random weights, and the examples that its codec was learned from."""
    task_name, examples, given = TASKS[name]
    task, data = find_task(task_name), examples(tmp_path)
    config = task.config(**{**given, **options})
    torch.manual_seed(0)
    codec = task.learn_codec(config, data)
    head = task.build_head(config, codec).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return Model(task, config, codec, head), data


@pytest.fixture
def saved(monkeypatch):
    """Lets a model in memory be exported as if it were the run of any path."""

    def of(model):
        monkeypatch.setattr(exporting, "load", lambda path, device, cell=None: model)

    return of


# What torch.export records takes seconds; a one-way layer with lengths, and steps with a state, show what is special.
QUICK = ("digit", "frames, ahead", "charlm")
FORMS = [
    *(pytest.param(name, "onnx", id=f"{name}, onnx") for name in TASKS),
    *(pytest.param(n, "torch", id=f"{n}, torch", marks=() if n in QUICK else pytest.mark.slow) for n in TASKS),
]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_predictions_through_the_files_are_the_model_s(name, form, tmp_path, saved):
    model, examples = model_of(name, tmp_path)
    saved(model)
    report = exporting.export(tmp_path, form, tmp_path / "out")
    assert 0 <= max(file.difference for file in report.files if file.difference is not None) <= 1e-5
    run = exporting.FORMATS[form].run
    runs = {f.path.stem: run(f.path.read_bytes()) for f in report.files if f.path.suffix != ".json"}
    exported = model.task.export(model.head, model.codec)
    found = predict_through(model, exported, runs, examples)
    wanted = model.answers([model.task.input_of(example) for example in examples])
    assert len(found) == len(wanted) == len(examples)
    for ours, theirs in zip(wanted, found, strict=True):
        assert alike(dataclasses.asdict(theirs), dataclasses.asdict(ours))


class Noisy(Cell):
    """A step that cannot be traced."""

    gate_names = ("h",)

    def step(self, x, r, state):
        return (torch.tanh(x + r) + torch.rand_like(x),)


SCANNED = [
    ("sentiment", {"cell": "lstm-layer-norm", "bidirectional": True}, ["a fine film, truly", "dull"]),
    ("frames", {"cell": "lem"}, None),
    ("tag", {"cell": "min-gru", "num_layers": 2}, None),
    ("g2p", {"cell": "mgu"}, ["badobe", "k"]),
    ("g2p, fed", {"cell": "s-lstm"}, ["badobe", "k"]),
]


@pytest.mark.parametrize(("name", "options", "asked"), SCANNED)
def test_cells_without_an_operator_answer_as_the_model_does(name, options, asked, tmp_path, saved):
    model, examples = model_of(name, tmp_path, **options)
    saved(model)
    report = exporting.export(tmp_path, "onnx", tmp_path / "out")
    assert max(file.difference for file in report.files if file.difference is not None) <= 1e-5
    runs = {f.path.stem: onnx_run(f.path.read_bytes()) for f in report.files if f.path.suffix == ".onnx"}
    exported = model.task.export(model.head, model.codec)
    found = predict_through(model, exported, runs, examples)
    wanted = model.answers([model.task.input_of(example) for example in examples])
    assert alike([dataclasses.asdict(each) for each in found], [dataclasses.asdict(each) for each in wanted])
    if asked:
        answers = zip(runtime.load(tmp_path / "out").predict(asked), model.predict(asked), strict=True)
        assert all(alike(dataclasses.asdict(ours), dataclasses.asdict(theirs)) for ours, theirs in answers)


@pytest.mark.parametrize("cell", ["mut3", "s-lstm"])
def test_a_text_continues_and_frames_stream_through_cells_without_an_operator(cell, tmp_path, saved):
    model, _ = model_of("charlm", tmp_path, cell=cell)
    saved(model)
    exporting.export(tmp_path, "onnx", tmp_path / "text")
    written = runtime.load(tmp_path / "text").generate("the ", length=30, temperature=0.0)
    assert [*written] == [*model.generate("the ", length=30, temperature=0.0)]
    model, _ = model_of("frames, ahead", tmp_path, cell=cell)
    saved(model)
    exporting.export(tmp_path, "onnx", tmp_path / "frames")
    assert (tmp_path / "frames/step.onnx").exists()


@pytest.mark.slow
def test_torch_export_takes_a_cell_without_an_operator(tmp_path, saved):
    model, _ = model_of("sentiment", tmp_path, cell="lstm-layer-norm")
    saved(model)
    assert exporting.export(tmp_path, "torch", tmp_path / "out").files[0].difference <= 1e-5


def test_a_cell_that_onnx_cannot_say_is_refused_before_any_work_and_leaves_nothing(tmp_path, saved, monkeypatch):
    model, _ = model_of("sentiment", tmp_path, cell="rnn")
    model.head.encoder.recurrent.cell = Noisy()
    saved(model)
    monkeypatch.setattr(exporting, "_parts_of", lambda model: pytest.fail("it had begun"))
    with pytest.raises(UsageError, match=r"ONNX has no operator for Noisy\(\), and .* samples random numbers"):
        exporting.export(tmp_path, "onnx", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_file_that_computes_something_else_is_never_written(tmp_path, saved, monkeypatch):
    model, _ = model_of("sentiment", tmp_path)
    saved(model)

    def off(content):
        run = onnx_run(content)

        def wrong(**tensors):
            return {name: value + 2e-5 for name, value in run(**tensors).items()}

        return wrong

    monkeypatch.setitem(exporting.FORMATS, "onnx", exporting.FORMATS["onnx"]._replace(run=off))
    with pytest.raises(SeqkitError, match=r"model differs from the model by 2\.\de-05, more than 1e-05"):
        exporting.export(tmp_path, "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_file_that_computes_no_number_is_never_written(broken, tmp_path, saved):
    model, _ = model_of("digit", tmp_path)
    with torch.no_grad():
        model.head.output.bias[0] = broken
    saved(model)
    with pytest.raises(SeqkitError, match="nothing was written"):
        exporting.export(tmp_path, "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_that_rounds_to_bfloat16_is_exported_exactly(tmp_path, saved):
    model, _ = model_of("sentiment", tmp_path, precision="bf16")
    saved(model)
    assert exporting.export(tmp_path, "onnx", tmp_path / "out").files[0].difference <= 1e-5


def test_recall_is_refused_with_what_to_do(tmp_path, saved):
    model, _ = model_of("charlm", tmp_path, recall=4)
    saved(model)
    for form in exporting.FORMATS:
        with pytest.raises(UsageError, match="train with --recall 0"):
            exporting.export(tmp_path, form, tmp_path / "out")


def test_a_task_without_an_export_is_refused(tmp_path, saved):
    model, _ = model_of("digit", tmp_path)

    class Unexported(type(model.task)):
        export = None

    saved(Model(Unexported(), model.config, model.codec, model.head))
    with pytest.raises(UsageError, match="a digit model has no export; apply it with `seqkit predict`"):
        exporting.export(tmp_path)


def test_viterbi_in_a_few_lines_of_numpy_finds_the_crf_s_labelling(tmp_path, saved):
    model, examples = model_of("tag, crf", tmp_path)
    model.head.outside.value.fill_(2.0)
    saved(model)
    exporting.export(tmp_path, "onnx", tmp_path / "out")
    symbols = json.loads((tmp_path / "out/symbols.json").read_text())
    crf = {name: np.array(value) for name, value in symbols["crf"].items()}
    batch = model.codec.collate([model.codec.encode(example.words) for example in examples])
    run = onnx_run((tmp_path / "out/model.onnx").read_bytes())
    logits = run(**batch.inputs._asdict(), lengths=batch.lengths, features=batch.features)["logits"].numpy()
    for row, length, wanted in zip(logits, batch.lengths, model.head.predict(batch), strict=True):
        score, came = crf["start"] + row[0], []
        for emission in row[1:length]:
            ways = score[:, None] + crf["transitions"]
            came.append(ways.argmax(0))
            score = ways.max(0) + emission
        path = [int((score + crf["end"]).argmax())]
        for back in reversed(came):
            path.append(int(back[path[-1]]))
        labels = symbols["labels"]["labels"]
        assert tuple(labels[number] for number in reversed(path)) == wanted.tags


def test_an_archive_of_torch_export_holds_no_pickle(tmp_path, saved):
    model, _ = model_of("charlm", tmp_path)
    saved(model)
    exporting.export(tmp_path, "torch", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out/step.pt2") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert any(name.endswith("/weight_0") for name in files)
    # A pickle begins with 0x80 and its protocol; torch's own come in a zip of their own.
    assert not [name for name, content in files.items() if content[:2] in (b"PK", b"\x80\x02")]
    assert not any(name.endswith(".pt") and content for name, content in files.items())


def test_a_single_file_leaves_out_the_step_of_a_stream(tmp_path, saved):
    model, _ = model_of("frames, ahead", tmp_path)
    saved(model)
    exporting.export(tmp_path, "onnx", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "model.onnx", "runtime.json", "step.onnx", "symbols.json",
    ]  # fmt: skip
    exporting.export(tmp_path, "onnx", tmp_path / "alone.onnx")
    assert (tmp_path / "alone.onnx").read_bytes() == (tmp_path / "out/model.onnx").read_bytes()


@pytest.mark.parametrize("cells", [1, 3, 4])
@pytest.mark.parametrize("size", [4, 5, 7, 16])
def test_adaptive_average_pooling_is_a_product_with_averages(size, cells):
    maps = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(size))
    matrix = averages(size, cells)
    torch.testing.assert_close(matrix @ maps @ matrix.T, torch.nn.functional.adaptive_avg_pool2d(maps, cells))
