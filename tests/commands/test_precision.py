"""``--precision`` of predict and evaluate, and of ``load``: the products of a trained run in another precision."""

import json
import re

import pytest

from seqkit import Recurrent, UsageError, load
from seqkit.kernels import ready
from seqkit.runs import model as models

needs_native = pytest.mark.skipif(not ready(), reason="the native kernels are not built here")


@pytest.fixture(scope="module")
def trained(command, reviews, small, tmp_path_factory):
    run = tmp_path_factory.mktemp("precision") / "run"
    done = command("run", "sentiment", "--cell", "gru", "--data", reviews, "--out", run, *small)
    assert done.returncode == 0, done.stderr
    return run


@needs_native
def test_evaluate_prints_the_scores_in_both_precisions(command, trained):
    done = command("evaluate", trained, "--precision", "int8")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ +f32 +int8 *$", done.stdout, re.MULTILINE)
    assert re.search(r"^accuracy +\d\.\d+ +\d\.\d+ *$", done.stdout, re.MULTILINE)
    assert max(map(len, done.stdout.splitlines())) <= 80
    found = json.loads(command("evaluate", trained, "--precision", "int8", "--json").stdout)
    plain = json.loads(command("evaluate", trained, "--json").stdout)
    examples = plain.pop("examples")
    assert (found["examples"], found["precision"], found["own_precision"]) == (examples, "int8", {"f32": plain})
    assert set(plain) < set(found)


@needs_native
def test_predict_in_int8_answers_nearly_and_not_quite_as_in_f32(command, trained):
    done = command("predict", trained, "a wonderful story", "--precision", "int8")
    assert done.returncode == 0 and done.stdout.startswith("good")
    exact, rounded = (
        load(trained, precision=precision).answers(["a wonderful story"])[0].probabilities["bad"]
        for precision in ("f32", "int8")
    )
    assert exact != rounded and rounded == pytest.approx(exact, rel=0.1)


@needs_native
def test_a_file_begun_in_one_precision_is_not_continued_in_another(command, trained, tmp_path):
    texts, output = tmp_path / "texts.txt", tmp_path / "answers.txt"
    texts.write_text("a wonderful story\nan awful film\n")
    for precision in ("int8", "f32"):
        done = command("predict", trained, "--input", texts, "--output", output, "--precision", precision)
        assert done.returncode == 0, done.stderr
        assert len(output.read_text().splitlines()) == 2


def test_load_sets_the_precision_of_every_recurrent_layer(trained):
    layers = [m for m in load(trained, precision="bf16").head.modules() if isinstance(m, Recurrent)]
    assert layers and {layer.precision for layer in layers} == {"bf16"}


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_an_unknown_precision_is_refused_in_one_sentence(command, trained, verb):
    done = command(verb, trained, *(["a film"] if verb == "predict" else []), "--precision", "int4")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "unknown precision 'int4'" in done.stderr and "int8" in done.stderr


def test_training_in_int8_is_refused_in_one_sentence(command, reviews, tmp_path):
    done = command("run", "sentiment", "--data", reviews, "--out", tmp_path / "run", "--precision", "int8")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "int8" in done.stderr and not (tmp_path / "run").exists()


def test_int8_without_our_kernels_is_refused_and_not_float32_under_another_name(trained, monkeypatch):
    monkeypatch.setattr(models, "ready", lambda: False)
    with pytest.raises(UsageError, match="seqkit kernels build"):
        load(trained, precision="int8")


def test_a_model_without_recurrent_layers_has_no_precision_to_choose(command, tmp_path):
    run = tmp_path / "digits"
    assert command("run", "digit", "--out", run, "--epochs", "1").returncode == 0
    with pytest.raises(UsageError, match="no recurrent layers"):
        load(run, precision="int8")
