"""A language model that reads from the end, and encoders whose two directions start from two runs."""

import pytest
import torch

from seqkit import UsageError, load
from seqkit.config import make_config
from seqkit.data import Example, SourceLocation
from seqkit.runs import find_task
from seqkit.runs.transfer import runs_of, start_from, start_from_runs
from seqkit.runs.transferred_layers import fitted

COMMON = "the film and its story with an actor in some scene"
SIZES = {"embedding_size": 6, "hidden_size": 5, "min_count": 1}
OPTIONS = ["--tokenizer", "word", "--chunk", "8", "--embedding-size", "6", "--hidden-size", "5", "--epochs", "1"]


@pytest.fixture(scope="module")
def models(reviews, command, tmp_path_factory):
    """Two language models of the same texts: one reads forward, the other from the end."""
    folder = tmp_path_factory.mktemp("models")
    for name, options in (("forward", []), ("backward", ["--reverse", "true", "--seed", "1"])):
        data = ["--data", reviews, "--text-column", "text", *OPTIONS, *options]
        done = command("run", "charlm", *data, "--out", folder / name)
        assert done.returncode == 0, done.stderr
    return folder / "forward", folder / "backward"


def head_of(bidirectional=True):
    task = find_task("sentiment")
    config = make_config(task.config, {**SIZES, "bidirectional": bidirectional})
    examples = [Example(COMMON, label, SourceLocation("here", 1)) for label in ("good", "bad")]
    codec = task.learn_codec(config, examples)
    torch.manual_seed(0)
    return task.build_head(config, codec), codec


def same(direction, other):
    return all(torch.equal(p, q) for p, q in zip(direction.parameters(), other.parameters(), strict=True))


def test_a_reversed_model_reads_what_a_forward_one_reads_of_the_reversed_text(models):
    forward, backward = map(load, models)
    text = "the film and its story"
    read = [model.codec.vocabulary.decode(model.codec.encode(text).tokens) for model in (forward, backward)]
    assert read == [text.split(), text.split()[::-1]]
    stretch = forward.task.read(forward.config, []).train[0]
    tokens = [model.codec.vocabulary.decode(model.codec.encode(stretch).tokens) for model in (forward, backward)]
    assert tokens[1] == tokens[0][::-1]


def test_a_reversed_model_writes_what_comes_before_the_prompt(models, command):
    done = command("generate", models[1], "--prompt", "a scene", "--length", "5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("a scene\n")
    assert len(done.stdout.split()) == 7
    done = command("generate", models[1], "--length", "0")
    assert done.returncode == 2
    assert "writes a text from its end" in done.stderr


def test_a_reversed_run_gives_the_backward_direction(models):
    head, codec = head_of()
    fresh = [t.clone() for t in head.encoder.recurrent.layers[0][0].parameters()]
    notes = start_from(models[1], head, codec)
    forward, backward = head.encoder.recurrent.layers[0]
    assert same(backward, load(models[1]).head.decoder.recurrent.layers[0][0])
    assert all(torch.equal(p, q) for p, q in zip(forward.parameters(), fresh, strict=True))
    assert notes[1].endswith("recurrent layer 1 backward")
    one_way, codec = head_of(bidirectional=False)
    assert "it reads forward, the run from the end" in start_from(models[1], one_way, codec)[1]


def test_each_direction_starts_from_its_own_run_with_the_vectors_of_the_first(models):
    head, codec = head_of()
    notes = start_from_runs(list(models), head, codec)
    (first, second), (forward, backward) = map(load, models), head.encoder.recurrent.layers[0]
    words = [model.codec.vocabulary.index("film") for model in (first, second)]
    own = head.encoder.embedding.weight[codec.vocabulary.index("film")]
    assert torch.equal(own, first.head.decoder.embedding.weight[words[0]])
    assert same(forward, first.head.decoder.recurrent.layers[0][0])
    theirs = second.head.decoder.recurrent.layers[0][0]
    assert torch.equal(backward.weight_h, theirs.weight_h)
    assert "recurrent layer 1 backward, fitted to these vectors" in notes[3]
    # More symbols than values: what the layer makes of a word is close to what it made of its own vector.
    read = backward.weight_x @ own
    wanted, unfitted = (theirs.weight_x @ v for v in (second.head.decoder.embedding.weight[words[1]], own))
    assert (read - wanted).norm() < (unfitted - wanted).norm()


def test_a_rotated_space_is_fitted_exactly_and_the_same_space_not_at_all():
    generator = torch.Generator().manual_seed(0)
    own = torch.randn(50, 8, generator=generator)
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=generator))[0]
    pairs = [(n, n) for n in range(50)]
    # The penalty shrinks by about its own size, 1e-3.
    assert torch.allclose(fitted(own, own @ rotation.T, pairs), rotation, atol=5e-3)
    assert torch.equal(fitted(own, own, pairs), torch.eye(8))


def test_two_runs_are_named_with_a_comma_from_anywhere(models, reviews, command, tmp_path):
    both, out = ",".join(map(str, models)), tmp_path / "run"
    done = command("run", "sentiment", "--data", reviews, "--init-from", both, "--epochs", "1", "--out", out)
    assert done.returncode == 0, done.stderr
    config = load(out).config
    assert (config.init_from, config.embedding_size, config.hidden_size) == (both, 6, 5)
    assert "started from" in (out / "report.html").read_text("utf-8")


def test_a_folder_with_a_comma_in_its_name_is_one_run(tmp_path):
    (tmp_path / "a,b").mkdir()
    assert runs_of(str(tmp_path / "a,b")) == [tmp_path / "a,b"]
    assert [*map(str, runs_of("x, y"))] == ["x", "y"]


def test_a_missing_second_run_is_named(models):
    head, codec = head_of()
    with pytest.raises(UsageError, match="nowhere"):
        start_from_runs([models[0], models[0].with_name("nowhere")], head, codec)
