"""A run that starts from another one."""

import random

import pytest
import torch

from seqkit import UsageError, load
from seqkit.data import Vocabulary
from seqkit.layers import Encoder
from seqkit.runs import find_task
from seqkit.runs.transfer import start_from, with_sizes_from_outside
from seqkit.training.checkpoint import read_tensors

WIDE = ["--embedding-size", "6", "--hidden-size", "5", "--epochs", "1", "--min-count", "1"]


@pytest.fixture(scope="module")
def text(reviews, tmp_path_factory):
    """Sentences with most of the words of the reviews, and others."""
    words = [line.rpartition(",")[0].split() for line in reviews.read_text("utf-8").splitlines()[1:200]]
    generator = random.Random(1)
    lines = [" ".join([*line, generator.choice(["zebra", "yak"])]) for line in words]
    path = tmp_path_factory.mktemp("data") / "text.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def language(text, command, tmp_path_factory):
    """A finished language model of words."""
    out = tmp_path_factory.mktemp("runs") / "language"
    done = command("run", "charlm", "--data", text, "--tokenizer", "word", "--chunk", "8", *WIDE, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def weights(run):
    return read_tensors(run / "model.safetensors")[0]


def begun(task, values, examples, run):
    """A new head of the task that starts from a run, with its codec and what was said."""
    from seqkit.config import make_config

    task = find_task(task)
    config = make_config(task.config, values)
    torch.manual_seed(0)
    codec = task.learn_codec(config, examples)
    head = task.build_head(config, codec)
    fresh = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    return head, codec, fresh, start_from(run, head, codec)


def texts(*rows):
    from seqkit.data import Example, SourceLocation

    return [Example(text, label, SourceLocation("here", n)) for n, (text, label) in enumerate(rows)]


COMMON = "the film and its story with an actor in some scene"
SIZES = {"embedding_size": 6, "hidden_size": 5, "min_count": 1}


def test_an_encoder_takes_vectors_by_symbol_and_the_direction_that_there_is(language):
    rows = texts((COMMON + " wonderful", "good"), ("the film quux", "bad"))
    head, codec, fresh, notes = begun("sentiment", SIZES, rows, language)
    source, vocabulary = load(language), load(language).codec.vocabulary
    for number, symbol in enumerate(codec.vocabulary.symbols):
        own = head.encoder.embedding.weight[number]
        if symbol == "<pad>":
            assert not own.any()
        elif symbol == "quux":
            assert torch.equal(own, fresh["encoder.embedding.weight"][number])
        else:
            theirs = vocabulary.unk if symbol == "<unk>" else vocabulary.index(symbol)
            assert torch.equal(own, source.head.decoder.embedding.weight[theirs])
    forward, backward = head.encoder.recurrent.layers[0]
    for name, tensor in source.head.decoder.recurrent.layers[0][0].named_parameters():
        assert torch.equal(forward.get_parameter(name), tensor)
    for name, tensor in backward.named_parameters():
        assert torch.equal(tensor, fresh[f"encoder.recurrent.layers.0.1.{name}"])
    assert torch.equal(head.output.weight, fresh["output.weight"])
    assert notes == [
        f"started from {language} (charlm)",
        "encoder: vectors of 13 of 15 symbols, recurrent layer 1 forward",
        "new: encoder.recurrent layer 1 backward, output, prior",
    ]


def test_outputs_are_those_of_the_language_model_where_all_was_taken(language):
    rows = texts((COMMON, "good"), ("the film", "bad"))
    head, codec, _, _ = begun("sentiment", {**SIZES, "bidirectional": False}, rows, language)
    source = load(language)
    words = ["some", "actor", "and", "the", "film"]
    own, theirs = (torch.tensor([c.vocabulary.encode(words)]) for c in (codec, source.codec))
    with torch.no_grad():
        found = head.eval().encoder(own, torch.tensor([5])).outputs
        decoder = source.head.decoder
        wanted, _ = decoder.recurrent(decoder.embedding(theirs))
    assert torch.allclose(found, wanted, atol=1e-6)


def test_what_does_not_fit_is_reported_with_what_would(language):
    rows = texts((COMMON, "good"), ("the film", "bad"))
    with pytest.raises(UsageError, match="encoder: new, for its vectors have 7 values, the run's 6; use --embedding-"):
        begun("sentiment", {**SIZES, "embedding_size": 7}, rows, language)
    head, _, fresh, notes = begun("sentiment", {**SIZES, "cell": "gru"}, rows, language)
    assert "its recurrent layer is new: it is GRU(reset='after') with 5 units, the run's LSTM() with 5" in notes[1]
    assert not torch.equal(head.encoder.embedding.weight, fresh["encoder.embedding.weight"])
    assert torch.equal(head.encoder.recurrent.layers[0][0].weight_h, fresh["encoder.recurrent.layers.0.0.weight_h"])


def test_a_reader_of_another_language_stays_new(language):
    from seqkit.data import SourceLocation
    from seqkit.data.pairs import Pair

    pairs = [Pair(COMMON, ("le film et son histoire avec un acteur",), SourceLocation("here", 1))]
    values = {**SIZES, "tokenizer": "word", "cell": "lstm", "max_symbols": 100}
    head, _, fresh, notes = begun("translate", values, pairs, language)
    assert notes[2] == "decoder: new, for the run does not know 7 of its 100 most common symbols"
    changed = {name.partition(".")[0] for name, t in head.state_dict().items() if not torch.equal(t, fresh[name])}
    assert changed == {"encoder"}


def test_words_with_spelling_take_the_columns_that_read_the_word(language):
    from seqkit.data import SourceLocation
    from seqkit.data.tagged import Sentence

    words = tuple(COMMON.split())
    examples = [Sentence(words, ("X",) * len(words), SourceLocation("here", 1))]
    head, _, fresh, _ = begun("tag", {**SIZES, "cell": "lstm"}, examples, language)
    own, theirs = head.encoder.recurrent.layers[0][0].weight_x, load(language).head.decoder.recurrent.layers[0][0]
    assert own.shape[1] > 6
    assert torch.equal(own[:, :6], theirs.weight_x)
    assert torch.equal(own[:, 6:], fresh["encoder.recurrent.layers.0.0.weight_x"][:, 6:])


def test_the_same_task_takes_everything_of_its_encoder_and_decoder(phrased):
    from seqkit.runs.model import open_run

    *_, config, codec = open_run(phrased)
    head = load(phrased).task.build_head(config, codec)
    start_from(phrased, head, codec)
    padded = ("encoder.embedding.weight", "decoder.embedding.weight", "decoder.output.weight", "decoder.output.bias")
    for name, tensor in head.state_dict().items():
        if name.partition(".")[0] not in ("encoder", "decoder"):
            continue
        # Padding keeps its own vector.
        own, theirs = (t[1:] if name in padded else t for t in (tensor, weights(phrased)[name]))
        assert torch.equal(own, theirs), name


def test_special_symbols_are_matched_with_special_ones_only():
    from seqkit.runs.transfer import _common

    own, theirs = Vocabulary(["<pad>", "<unk>", "<s>"], ["a", "b"]), Vocabulary(["<pad>", "<unk>"], ["<s>", "b", "c"])
    assert _common(own, theirs) == [(1, 1), (4, 3)]


def test_a_command_takes_the_sizes_of_the_run_it_starts_from_unless_told(language, reviews, command, tmp_path):
    options = ["run", "sentiment", "--data", reviews, "--init-from", language, "--epochs", "1", "--out"]
    done = command(*options, tmp_path / "a")
    assert done.returncode == 0, done.stderr
    config = load(tmp_path / "a").config
    assert (config.embedding_size, config.hidden_size, config.tokenizer, config.cell) == (6, 5, "word", "lstm")
    assert "note: encoder: vectors of" in done.stderr
    assert "recurrent layer 1 forward" in (tmp_path / "a/log.txt").read_text("utf-8")
    assert "recurrent layer 1 forward" in (tmp_path / "a/report.html").read_text("utf-8")
    done = command(*options, tmp_path / "b", "--hidden-size", "7")
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "b").config.hidden_size == 7
    assert "the run's LSTM() with 5" in " ".join(done.stderr.split())


def test_connections_past_layers_come_with_the_layers_of_the_run_that_has_them(text, command, tmp_path):
    out, options = tmp_path / "deep", ["--tokenizer", "word", "--chunk", "8", *WIDE]
    done = command("run", "charlm", "--data", text, *options, "--num-layers", "2", "--residual", "true", "--out", out)
    assert done.returncode == 0, done.stderr
    task, given = find_task("tag"), {"init_from": str(out)}
    found = with_sizes_from_outside(given, task)
    assert (found["num_layers"], found["residual"]) == (2, True)
    assert with_sizes_from_outside({**given, "residual": False}, task)["residual"] is False
    assert "residual" not in with_sizes_from_outside({**given, "num_layers": 1}, task)


def test_a_run_of_no_use_stops_before_a_folder_is_made(language, pointed, points, reviews, command, tmp_path):
    out = tmp_path / "none"
    done = command("run", "digit", "--data", points, "--init-from", language, "--out", out)
    assert done.returncode == 2
    assert "a charlm model and this one have no encoder or decoder in common" in " ".join(done.stderr.split())
    done = command("run", "sentiment", "--data", reviews, "--init-from", tmp_path / "nowhere", "--out", out)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert not out.exists()


def test_a_run_that_started_from_another_resumes_to_the_same_bits(language, reviews, killed_and_resumed, tmp_path):
    killed_and_resumed("sentiment", "--data", reviews, "--init-from", language, "--epochs", "2", "--batch-size", "8")


def test_resuming_needs_the_first_run_no_more(text, reviews, command, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    done = command("run", "charlm", "--data", text, "--tokenizer", "word", "--chunk", "8", *WIDE, "--out", first)
    assert done.returncode == 0, done.stderr
    done = command("run", "sentiment", "--data", reviews, "--init-from", first, "--epochs", "1", "--out", second)
    assert done.returncode == 0, done.stderr
    first.rename(tmp_path / "moved")
    assert command("predict", second, "a wonderful film").returncode == 0
    assert command("evaluate", second).returncode == 0


def test_an_estimator_starts_from_a_run(language):
    from seqkit.estimators import SequenceClassifier

    generator = random.Random(0)
    X = [" ".join([*generator.sample(COMMON.split(), 6), word]) for word in ("good", "bad") * 30]
    y = ["good", "bad"] * 30
    sizes = {"embedding_size": 6, "hidden_size": 5, "epochs": 1, "learning_rate": 1e-9, "random_state": 0}
    model = SequenceClassifier(**sizes, min_count=1, options={"init_from": str(language)}).fit(X, y)
    codec, source = model.model_.codec, load(language)
    own, theirs = codec.vocabulary.index("film"), source.codec.vocabulary.index("film")
    vectors = model.model_.head.encoder.embedding.weight, source.head.decoder.embedding.weight
    assert torch.allclose(vectors[0][own], vectors[1][theirs], atol=1e-6)


def test_reviews_for_the_language_model_are_the_splits_of_sentiment():
    from seqkit.config import make_config

    charlm, sentiment = find_task("charlm"), find_task("sentiment")
    parts = charlm.read(make_config(charlm.config, {"data": "imdb", **charlm.data_set_options["imdb"]}), [])
    others = sentiment.read(make_config(sentiment.config, {"data": "imdb"}), [])
    for part in ("train", "valid", "test"):
        lines = "".join(getattr(parts, part)[0].blocks()).split("\n")
        assert lines == [" ".join(example.text.split()) for example in getattr(others, part)]


def test_a_language_model_reads_the_column_of_a_table(reviews):
    from seqkit.config import make_config

    task = find_task("charlm")
    parts = task.read(make_config(task.config, {"data": str(reviews), "text_column": "text"}), [])
    whole = "".join("".join(part[0].blocks()) for part in (parts.train, parts.valid, parts.test))
    assert whole.split("\n") == [line.rpartition(",")[0] for line in reviews.read_text("utf-8").splitlines()[1:]]
    (example,) = task.read_file(make_config(task.config, {"text_column": "text"}), reviews, None)
    assert "".join(example.blocks()) == whole


def test_an_encoder_inside_an_embedding_is_matched_by_its_name_only():
    from seqkit.runs.transfer import _counterpart

    encoders = {"encoder": Encoder(3), "encoder.embedding.speller.encoder": Encoder(3)}
    assert _counterpart("encoder.embedding.speller.encoder", encoders) == "encoder.embedding.speller.encoder"
    assert _counterpart("encoder.embedding.speller.encoder", {"decoder": encoders["encoder"]}) is None
    assert _counterpart("decoder", encoders) == "encoder"
