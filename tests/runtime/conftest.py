"""Models with random weights, exported and opened again; tiny data for them."""

import itertools

import numpy as np
import pytest
import torch

from seqkit import runtime
from seqkit.config import options_of
from seqkit.data import Example, SourceLocation
from seqkit.data.corpus import open_corpus, stretch
from seqkit.data.pairs import Pair
from seqkit.data.pictures import Captioned, Picture
from seqkit.data.tagged import Sentence
from seqkit.export import write as exporting
from seqkit.runs import Model, find_task

HERE = SourceLocation("test", 1)
SMALL = {"embedding_size": 6, "hidden_size": 8, "min_count": 1}


@pytest.fixture
def texts():
    written = ("a fine film, truly", "dull", "fine but dull and long", "a film")
    return [Example(text, ("good", "bad")[n % 2], HERE) for n, text in enumerate(written)]


@pytest.fixture
def sentences():
    rows = (
        (("Ada", "B-PER"), ("Lovelace", "I-PER"), ("wrote", "O")),
        (("the", "O"), ("note", "O"), ("in", "O"), ("Rome", "B-LOC")),
        (("Ada", "B-PER"),),
    )
    return [Sentence(*zip(*row, strict=True), HERE) for row in rows]


@pytest.fixture
def pairs():
    spelled = ["".join(word) for word in itertools.product("bdk", "aeo")]
    return [Pair(word, (" ".join(word.upper()),), HERE) for word in [*spelled, "badobe", "k"]]


@pytest.fixture
def phrases():
    rows = (
        ("save {name}", "sichere {name}"),
        ("open the file", "öffne die datei"),
        ("{a} of {b} saved", "{a} von {b} da"),
    )
    return [Pair(source, (target,), HERE) for source, target in rows]


@pytest.fixture
def prose(tmp_path):
    (tmp_path / "text.txt").write_text("the cat sat on the mat.\n" * 4)
    return [stretch(open_corpus(tmp_path / "text.txt", []))]


@pytest.fixture
def pictures():
    generator = np.random.default_rng(0)
    values = [generator.integers(0, 256, (13, 13, 1), np.uint8) for _ in range(4)]
    captions = ("a dark square", "a light square", "a cat", "two cats")
    return [
        Captioned(Picture(f"{n}.png", str(n), value), (caption,), str(n), HERE)
        for n, (value, caption) in enumerate(zip(values, captions, strict=True))
    ]


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """The model of a task with options and examples, and what answers without torch of its export."""
    pytest.importorskip("onnxruntime")

    def make(name, examples, change=lambda head: None, noise=0.3, **options):
        task = find_task(name)
        small = {name: value for name, value in SMALL.items() if name in options_of(task.config)}
        config = task.config(**{**small, **options})
        torch.manual_seed(0)
        codec = task.learn_codec(config, examples)
        head = task.build_head(config, codec).eval()
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.add_(noise * torch.randn_like(parameter))
            change(head)
        model = Model(task, config, codec, head)
        monkeypatch.setattr(exporting, "load", lambda path, device, cell=None: model)
        exporting.export(tmp_path, "onnx", tmp_path / "out")
        return model, runtime.load(tmp_path / "out")

    return make
