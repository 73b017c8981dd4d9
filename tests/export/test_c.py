"""A model as one C file: compiled with all warnings as errors, it answers as the model does."""

import ctypes
import json
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from seqkit.data import Example, SourceLocation
from seqkit.data.corpus import open_corpus, stretch
from seqkit.data.readers import LabelSetExample
from seqkit.data.sources.strips import strips
from seqkit.data.tagged import Sentence
from seqkit.errors import UsageError
from seqkit.export.c import write
from seqkit.export.c.rounding import as_int8, round_weights
from seqkit.export.c.source import identifier, quoted
from seqkit.export.c.write import c_source, export_c
from seqkit.layers import Recurrent
from seqkit.runs import Model, find_task

HERE = SourceLocation("test", 1)
STRICT = ["gcc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
TEXTS = (
    "a fine film, truly",
    "dull",
    "A  Fine<br />FILM!!! truly... what??",
    "don't l'amour l’amour 3.5 1,000 - -- $5 \\ \"quoted\"",
    "ΟΔΥΣΣΕΥΣ ΣΑΣ Σ",
    "数学は楽しい",
    "ภาษาไทย สวย",
    "İstanbul ǅ ﬁne",
    "e\u0301te\u0301 été ｆｉｎｅ",
    "한국어 각",
    "हिन्दी क्षि",
    "👨‍👩‍👧 🇩🇪🇫🇷🇩",
    "၁၂ မြန်မာ",
    "x" * 300 + " fine",
)
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


def model_of(name, examples, **options):
    task = find_task(name)
    config = task.config(**options)
    torch.manual_seed(0)
    codec = task.learn_codec(config, examples)
    head = task.build_head(config, codec).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return Model(task, config, codec, head)


@pytest.fixture
def built(tmp_path):
    """Compiles a model's C; gives back a function of it that takes arrays and texts."""

    def build(model, name="my_run", int8=False):
        path = tmp_path / f"{name}.c"
        path.write_text(c_source(model, name, int8))
        subprocess.run([*STRICT, "-shared", "-fPIC", path, "-o", path.with_suffix(".so"), "-lm"], check=True)
        return ctypes.CDLL(str(path.with_suffix(".so")))

    return build


@pytest.fixture
def program(tmp_path):
    """Compiles the program in a model's C; gives back what answers standard input."""

    def build(model, name="my_run"):
        path = tmp_path / f"{name}.c"
        path.write_text(c_source(model, name))
        checks = ["-fsanitize=undefined", "-fno-sanitize-recover"]
        subprocess.run([*STRICT, *checks, "-DSEQKIT_MAIN", path, "-o", tmp_path / name, "-lm"], check=True)

        def answer(text, *arguments):
            command = [tmp_path / name, *arguments]
            return subprocess.run(command, input=text.encode(), capture_output=True, check=False)

        return answer

    return build


def floats(array):
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def texts(several=TEXTS):
    return [Example(text, ("good", "bad")[number % 2], HERE) for number, text in enumerate(several)]


def clips():
    return strips((4, 1, 1), 1, 0).train


SMALL = {"embedding_size": 6, "hidden_size": 8, "min_count": 1}
READERS = {
    "lstm, two directions": {},
    "gru, stacked": {"cell": "gru", "num_layers": 2, "pooling": "last+attention"},
    "rnn, one direction": {"cell": "rnn", "num_layers": 3, "bidirectional": False, "pooling": "max"},
    "characters": {"tokenizer": "char"},
    "threshold": {"threshold": "0.3"},
    "layer norm, residual": {"cell": "lstm-layer-norm", "num_layers": 3, "residual": True},
    "learned state, zoneout": {"cell": "mut1", "learned_state": True, "zoneout": 0.2},
}


def test_weights_are_rounded_to_the_nearest_of_255_levels_of_their_own_row():
    weight = torch.tensor([[127.0, -0.6, 1.4], [0.0, 0.0, 0.0], [-0.001, 0.0004, 0.001]])
    rounded, scale = as_int8(weight)
    assert rounded.tolist() == [[127, -1, 1], [0, 0, 0], [-127, 51, 127]]
    assert scale.tolist() == pytest.approx([1, 0, 0.001 / 127])
    drawn = torch.randn(20, 33, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 3, 20)[:, None]
    rounded, scale = as_int8(drawn)
    assert rounded.abs().amax(1).tolist() == [127] * 20
    assert ((rounded * scale[:, None] - drawn).abs() <= 0.5001 * scale[:, None]).all()


@needs_gcc
@pytest.mark.parametrize("options", READERS.values(), ids=READERS)
def test_texts_of_many_scripts_have_the_model_s_probabilities(options, built):
    model = model_of("sentiment", texts(), **SMALL, **options)
    # As if it had been fitted to more texts than these.
    model.head.regression.weights[:-1].normal_(generator=torch.Generator().manual_seed(0))
    model.head.regression.take_part()
    predict, state = built(model).my_run_predict, ctypes.create_string_buffer(1 << 24)
    found = np.zeros(2, np.float32)
    for text in (*TEXTS, "", "never seen 🙂 words", "\N{GREEK CAPITAL LETTER SIGMA}'Σ"):
        number = predict(state, text.encode(), floats(found))
        (wanted,) = model.answers([text])
        np.testing.assert_allclose(found, [*wanted.probabilities.values()], atol=1e-5, err_msg=text)
        assert model.head.labels[number] == wanted.label


@needs_gcc
def test_a_set_of_labels_has_the_model_s_probabilities_and_a_threshold_for_each_label(built):
    labels = (("old", "sad"), ("new",), (), ("sad",))
    examples = [LabelSetExample(text, labels[number % 4], HERE) for number, text in enumerate(TEXTS)]
    model = model_of("sentiment", examples, **SMALL)
    # Between the probabilities of the texts, so that each threshold divides them; and each label in its own place.
    first = np.array([[*answer.probabilities.values()] for answer in model.answers(list(TEXTS))])
    model.head.thresholds.copy_(torch.from_numpy(np.quantile(first, (0.25, 0.5, 0.75), axis=0).diagonal().copy()))
    predict, state = built(model).my_run_predict, ctypes.create_string_buffer(1 << 24)
    found, counts = np.zeros(3, np.float32), set()
    for text in (*TEXTS, ""):
        number = predict(state, text.encode(), floats(found))
        (wanted,) = model.answers([text])
        np.testing.assert_allclose(found, [*wanted.probabilities.values()], atol=1e-5, err_msg=text)
        assert number == len(wanted.labels), text
        counts.add(number)
    assert len(counts) > 1


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["word", "char"])
def test_random_texts_of_all_of_unicode_are_split_as_the_tokenizer_splits_them(kind, built):
    # Each token has a number of its own, and the label depends on all of them.
    drawn = random.Random(0)
    codes = [code for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    near = [*range(1, 0x3100), *range(0xA000, 0xB000), *range(0xFB00, 0x10000), *range(0x1F1E0, 0x1F700)]
    letters = [*"ΣσςİAa'’.-<br/> \u200d\u0300\u0301\u0327가각กำ한क्ष", "<br>"]
    many = [
        "".join(drawn.choice(letters) if drawn.random() < 0.4 else chr(drawn.choice(near)) for _ in range(40))
        for _ in range(300)
    ]
    many += ["".join(map(chr, drawn.choices(codes, k=40))) for _ in range(100)]
    model = model_of("sentiment", texts(many), **{**SMALL, "hidden_size": 4, "tokenizer": kind})
    predict, state = built(model).my_run_predict, ctypes.create_string_buffer(1 << 24)
    found = np.zeros(2, np.float32)
    for text, wanted in zip(many, model.answers(many), strict=True):
        predict(state, text.encode(), floats(found))
        np.testing.assert_allclose(found, [*wanted.probabilities.values()], atol=1e-5, err_msg=ascii(text))


FRAMES = {
    "lstm, two directions": {"frame_size": 5},
    "ahead": {"bidirectional": False, "delay": 3, "cell": "rnn"},
    "stacked": {"bidirectional": False, "cell": "gru", "num_layers": 3, "residual": True, "learned_state": True},
    "four states": {"bidirectional": False, "cell": "s-lstm", "num_layers": 2, "learned_state": True},
    "reset before": {"cell": "gru"},
}


@needs_gcc
@pytest.mark.parametrize("options", FRAMES.values(), ids=FRAMES)
def test_whole_sequences_of_frames_have_the_model_s_probabilities(options, built):
    model = model_of("frames", clips(), hidden_size=8, **options)
    if options == FRAMES["reset before"]:
        model.head.encoder.recurrent = Recurrent("gru", 8, 8, bidirectional=True, reset="before")
    predict, state = built(model).my_run_predict, ctypes.create_string_buffer(1 << 22)
    for example in clips()[:2]:
        frames = np.ascontiguousarray(example.clip.features, np.float32)
        found = np.zeros((len(frames), len(model.head.labels)), np.float32)
        assert predict(state, floats(frames), len(frames), floats(found)) == 0
        (wanted,) = model.predict([frames], all_probabilities=True)
        np.testing.assert_allclose(found, wanted.probabilities, atol=1e-5)


@needs_gcc
def test_a_file_of_int8_answers_as_the_model_with_rounded_weights(built, tmp_path):
    model = model_of("sentiment", texts(), **SMALL, pooling="last+attention", cell="gru")
    predict, state = built(model, int8=True).my_run_predict, ctypes.create_string_buffer(1 << 24)
    exact = model.answers([TEXTS[0]])[0].probabilities
    round_weights(model.head)
    found = np.zeros(2, np.float32)
    for text in TEXTS:
        predict(state, text.encode(), floats(found))
        np.testing.assert_allclose(found, [*model.answers([text])[0].probabilities.values()], atol=1e-5)
    rounded = model.answers([TEXTS[0]])[0].probabilities
    assert 1e-5 < abs(exact["good"] - rounded["good"]) < 0.05
    tagger = model_of("tag", sentences(), data="x.conll", **{**SMALL, "features": False}, **TAGGERS["convolution"])
    predict = built(tagger, "tagger", int8=True).tagger_predict
    round_weights(tagger.head)
    for words in WORDS:
        texts_, numbers = (ctypes.c_char_p * len(words))(*map(str.encode, words)), (ctypes.c_int * len(words))()
        sure = np.zeros(len(words), np.float32)
        assert predict(state, texts_, len(words), numbers, floats(sure)) == 0
        np.testing.assert_allclose(sure, tagger.predict([words])[0].confidences, atol=1e-5)


@needs_gcc
def test_a_step_of_int8_has_the_logits_of_rounded_weights(built, tmp_path):
    (tmp_path / "text.txt").write_text("the cat sat on the mat.\n" * 4)
    examples = [stretch(open_corpus(tmp_path / "text.txt", []))]
    model = model_of("charlm", examples, embedding_size=6, hidden_size=8, tie=True)
    library, state = built(model, int8=True), ctypes.create_string_buffer(1 << 12)
    round_weights(model.head)
    library.my_run_start(state)
    found, reference = np.zeros(len(model.codec.vocabulary), np.float32), model.head.decoder.start()
    for token in (model.head.start, 3, 4, 5):
        library.my_run_step(state, token, floats(found))
        with torch.no_grad():
            wanted, reference = model.head.decoder.step(torch.tensor([token]), reference)
        np.testing.assert_allclose(found, wanted[0], atol=1e-5)


@needs_gcc
def test_a_sequence_longer_than_its_room_is_refused(built):
    model = model_of("frames", clips(), hidden_size=8)
    frames = np.zeros((1025, 8), np.float32)
    state = ctypes.create_string_buffer(1 << 22)
    assert built(model).my_run_predict(state, floats(frames), 1025, floats(np.zeros((1025, 11), np.float32))) == -1


@needs_gcc
@pytest.mark.parametrize("options", [{"tie": True, "num_layers": 2}, {"cell": "gru", "tokenizer": "byte"}])
def test_a_step_of_charlm_has_the_model_s_logits(options, built, tmp_path):
    (tmp_path / "text.txt").write_text("the cat sat on the mat.\n" * 4)
    examples = [stretch(open_corpus(tmp_path / "text.txt", []))]
    model = model_of("charlm", examples, embedding_size=6, hidden_size=8, **options)
    library, state = built(model), ctypes.create_string_buffer(1 << 12)
    library.my_run_start(state)
    symbols = len(model.codec.vocabulary)
    found, reference = np.zeros(symbols, np.float32), model.head.decoder.start()
    for token in (model.head.start, *torch.randint(2, symbols, (20,)).tolist()):
        library.my_run_step(state, token, floats(found))
        with torch.no_grad():
            wanted, reference = model.head.decoder.step(torch.tensor([token]), reference)
        np.testing.assert_allclose(found, wanted[0], atol=1e-5)
    assert library.my_run_symbol(b"c", 1) == model.codec.vocabulary.index("63" if "tokenizer" in options else "c")
    assert library.my_run_symbol(b"~", 1) == -1


def sentences():
    rows = (
        (("Ada", "B-PER"), ("Lovelace", "I-PER"), ("wrote", "O"), ("ΣΑΣ", "O")),
        (("the", "O"), ("note", "O"), ("in", "O"), ("Rome", "B-LOC"), ("été", "O")),
        (("Ada", "B-PER"),),
        (("İstanbul", "B-LOC"), ("l'amour", "O")),
    )
    return [Sentence(*zip(*row, strict=True), HERE) for row in rows]


TAGGERS = {
    "chain": {"crf": True},
    "no chain, favored": {"crf": False, "balance": 0.7},
    "convolution": {"characters": "cnn", "cell": "gru", "crf": True, "num_layers": 2},
    "rare words spelled": {"spelled_below": 2, "crf": False, "lowercase": False},
    "nothing spelled": {"characters": "none", "bidirectional": False, "crf": False},
}
WORDS = (
    ["Ada", "Lovelace", "wrote"],
    ["rome"],
    ["ΣΑΣ", "ΌΣ", "ﬁne", "e\u0301te\u0301", "한국어", "İ", "👨‍👩‍👧", "unknown"],
    ["a" * 33, "wrote" * 9, "l'amour", "the", "note", "in", "Rome"],
)


@needs_gcc
@pytest.mark.parametrize("options", TAGGERS.values(), ids=TAGGERS)
def test_sentences_have_the_model_s_labels_and_probabilities(options, built):
    model = model_of("tag", sentences(), data="x.conll", **{**SMALL, "features": False}, **options)
    if options["crf"]:
        model.head.outside.value.fill_(2.0)
    predict, state = built(model).my_run_predict, ctypes.create_string_buffer(1 << 24)
    for words in WORDS:
        texts, numbers = (ctypes.c_char_p * len(words))(*map(str.encode, words)), (ctypes.c_int * len(words))()
        sure = np.zeros(len(words), np.float32)
        assert predict(state, texts, len(words), numbers, floats(sure)) == 0
        (wanted,) = model.predict([words])
        assert tuple(model.head.labels[number] for number in numbers) == wanted.tags
        np.testing.assert_allclose(sure, wanted.confidences, atol=1e-5, err_msg=str(words))
    assert predict(state, None, 513, None, None) == -1
    assert predict(state, None, 0, None, None) == 0


@needs_gcc
def test_the_program_tags_the_words_of_a_line(program):
    model = model_of("tag", sentences(), data="x.conll", **{**SMALL, "features": False}, crf=True)
    lines = [" ".join(words) for words in WORDS]
    wanted = [f"{model.predict([words])[0].text}\t{line}" for words, line in zip(WORDS, lines, strict=True)]
    assert program(model)("\n".join(lines)).stdout.decode().splitlines() == wanted


def vectors():
    drawn = random.Random(0)
    rows = [[drawn.gauss(0, 30), 5.0, drawn.gauss(1, 1e-3), *(drawn.random() for _ in range(61))] for _ in range(40)]
    return [Example("\t".join(map(str, row)), ("low", "high")[row[0] > 0], HERE) for row in rows]


@needs_gcc
@pytest.mark.parametrize(
    "options",
    [{"num_layers": 0}, {"activation": "tanh"}, {"activation": "gelu", "num_layers": 1}, {"activation": "silu"}, {}],
)
def test_vectors_have_the_model_s_probabilities(options, built, program):
    model = model_of("digit", vectors(), **{"hidden_size": 8, **options})
    predict, found = built(model).my_run_predict, np.zeros(2, np.float32)
    rows = [*([*map(float, example.text.split())] for example in vectors()), [1e6, -1e6] * 32]
    for row, wanted in zip(rows, model.predict(rows), strict=True):
        number = predict(floats(np.array(row, np.float32)), floats(found))
        np.testing.assert_allclose(found, [*wanted.probabilities.values()], atol=1e-5)
        assert model.head.labels[number] == wanted.label
    lines = [",".join(map(str, row)) for row in rows]
    wanted = [f"{model.task.format_prediction(p)[0]}\t{t}" for p, t in zip(model.predict(lines), lines, strict=True)]
    answer = program(model)
    assert answer("\n".join(lines)).stdout.decode().splitlines() == wanted
    wrong = answer("1,2,3\n")
    assert (wrong.returncode, wrong.stderr) == (1, b"line 1 is no vector of 64 numbers; correct it\n")


@needs_gcc
def test_the_program_prints_what_predict_prints(program):
    model = model_of("sentiment", texts(), **SMALL)
    lines = [text for text in TEXTS if text.strip()]
    wanted = [f"{model.task.format_prediction(p)[0]}\t{t}" for p, t in zip(model.predict(lines), lines, strict=True)]
    assert program(model)("\n".join(lines)).stdout.decode().splitlines() == wanted


@needs_gcc
@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_sets_of_labels_are_the_model_s(pooling, built, program, tmp_path):
    rows = [{"text": text, "labels": [w for w in ("fine", "film") if w in text]} for text in TEXTS * 3]
    (tmp_path / "sets.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    options = {**SMALL, "data": str(tmp_path / "sets.jsonl"), "pooling": pooling, "ngrams": pooling == "mean"}
    task = find_task("text")
    model = model_of("text", task.read(task.config(**options), []).train, **options)
    predict, state = built(model).my_run_predict, ctypes.create_string_buffer(1 << 24)
    found = np.zeros(len(model.head.labels), np.float32)
    lines = [text for text in TEXTS if text.strip()]
    for text, wanted in zip(lines, model.predict(lines), strict=True):
        assert predict(state, text.encode(), floats(found)) == len(wanted.labels)
        np.testing.assert_allclose(found, [*wanted.probabilities.values()], atol=1e-5, err_msg=text)
    wanted = [f"{model.task.format_prediction(p)[0]}\t{t}" for p, t in zip(model.predict(lines), lines, strict=True)]
    assert program(model)("\n".join(lines)).stdout.decode().splitlines() == wanted


@needs_gcc
def test_text_that_is_not_utf_8_is_read_as_python_reads_it(built):
    model = model_of("sentiment", texts([*TEXTS, "\ufffd a", "\ufffd\ufffd b"]), **SMALL)
    predict, state = built(model).my_run_predict, ctypes.create_string_buffer(1 << 24)
    found = np.zeros(2, np.float32)
    for content in (
        b"fine \xff film",
        b"\xe4\xb8",
        b"\xed\xa0\x80 a",
        b"\xf0\x9f\x99 x",
        b"\xc0\xafb",
        b"\xf4\x90\x80\x80",
    ):
        predict(state, content, floats(found))
        (wanted,) = model.answers([content.decode(errors="replace")])
        np.testing.assert_allclose(found, [*wanted.probabilities.values()], atol=1e-5)


@needs_gcc
def test_the_program_labels_a_stream_and_names_a_wrong_line(program):
    model = model_of("frames", clips(), hidden_size=8, bidirectional=False, delay=3, cell="gru")
    frames = clips()[0].clip.features[:20]
    (wanted,) = model.predict([frames.astype(np.float32)])
    lines = "\n".join(" ".join(map(str, row)) for row in frames.tolist())
    answer = program(model)
    assert answer(f"{lines}\n\n{lines}").stdout.decode().split() == [*wanted.labels] * 2
    wrong = answer(f"{lines}\n1 2 x")
    assert wrong.returncode == 1
    assert wrong.stderr.decode() == "line 21 is no frame of 8 numbers; correct it\n"


@needs_gcc
def test_the_program_of_charlm_continues_with_the_most_likely_symbols(program, tmp_path):
    (tmp_path / "text.txt").write_text("the cat sat on the mat.\n" * 4)
    model = model_of("charlm", [stretch(open_corpus(tmp_path / "text.txt", []))], embedding_size=6, hidden_size=8)
    wanted = "".join(model.generate("the c", length=12, temperature=0))
    answer = program(model)
    assert answer("the c", "12").stdout.decode() == f"the c{wanted}\n"
    assert b"byte 5 of the prompt begins no symbol" in answer("the ~", "12").stderr


def test_what_has_no_c_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(UsageError, match="C has no byte tokenizer"):
        c_source(model_of("sentiment", texts(), **SMALL, tokenizer="byte"), "m")
    with pytest.raises(UsageError, match="train it with --features false"):
        c_source(model_of("tag", sentences(), **SMALL, data="x.conll", features=True), "m")
    broken = model_of("sentiment", texts(), **SMALL)
    with torch.no_grad():
        broken.head.output.bias[0] = torch.nan
    with pytest.raises(UsageError, match="infinite or no numbers"):
        c_source(broken, "m")


def test_the_file_is_named_after_the_run_or_as_asked(tmp_path, monkeypatch):
    model = model_of("frames", clips(), hidden_size=8)
    monkeypatch.setattr(write, "load", lambda path, device, cell=None: model)
    path, size, _ = export_c(tmp_path / "My run-2")
    assert path == tmp_path / "My run-2/c/my_run_2.c"
    assert path.stat().st_size == size
    assert "my_run_2_predict" in path.read_text("ascii")
    asked, *_ = export_c(tmp_path / "My run-2", tmp_path / "eyes.c")
    assert "eyes_predict" in asked.read_text("ascii")
    with pytest.raises(UsageError, match=r"is a file; choose a folder with --out, or a name that ends in \.c"):
        _ = (tmp_path / "taken").write_text(""), export_c(tmp_path / "run", tmp_path / "taken")


def test_names_and_texts_are_safe_in_c():
    assert [identifier(name) for name in ("a-b c", "2026", "int", "überall", "___")] == [
        "a_b_c", "model_2026", "model_int", "berall", "model",
    ]  # fmt: skip
    assert quoted('a"\\??$é\n') == '"a\\042\\134\\077\\077\\044\\303\\251\\012"'


NODE = """
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";
const wasi = new WASI({ version: "preview1", args: ["model"] });
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), wasi.getImportObject());
wasi.start(instance);
"""


def wasm_models():
    """Models of every kind with what their programs read."""
    lines = "\n".join(text for text in TEXTS if text.strip())
    frames = "\n".join(" ".join(map(str, row)) for row in clips()[0].clip.features[:20].tolist())
    words = model_of("tag", sentences(), data="x.conll", **{**SMALL, "features": False}, crf=True)
    return {
        "a text": (model_of("sentiment", texts(), **SMALL), lines),
        "a cell that is traced": (model_of("sentiment", texts(), **SMALL, cell="lstm-layer-norm"), lines),
        "words": (words, "\n".join(map(" ".join, WORDS))),
        "vectors": (model_of("digit", vectors(), hidden_size=8), "\n".join(example.text for example in vectors())),
        "frames": (model_of("frames", clips(), hidden_size=8, bidirectional=False, delay=3, cell="mut1"), frames),
        "frames, as a whole": (model_of("frames", clips(), hidden_size=8, cell="min-gru"), frames),
    }


@pytest.mark.skipif(not (shutil.which("clang-14") and shutil.which("node")), reason="no clang with wasm, or no Node")
@pytest.mark.skipif(not Path("/usr/include/wasm32-wasi").is_dir(), reason="no wasi-libc")
@pytest.mark.parametrize(
    "kind", ["a text", "a cell that is traced", "words", "vectors", "frames", "frames, as a whole"]
)
def test_the_program_answers_alike_as_webassembly(kind, program, tmp_path):
    model, lines = wasm_models()[kind]
    wanted = program(model)(lines)
    assert wanted.returncode == 0 and wanted.stdout
    (tmp_path / "run.mjs").write_text(NODE)
    flags = ["--target=wasm32-wasi", "-std=c11", "-O2", "-DSEQKIT_MAIN"]
    subprocess.run(["clang-14", *flags, tmp_path / "my_run.c", "-o", tmp_path / "m.wasm", "-lm"], check=True)
    command = ["node", "--no-warnings", tmp_path / "run.mjs", tmp_path / "m.wasm"]
    answered = subprocess.run(command, input=lines.encode(), capture_output=True, check=True)
    assert answered.stdout.decode().splitlines() == wanted.stdout.decode().splitlines()
