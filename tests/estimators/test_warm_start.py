"""Estimators that start from what was learned before."""

import random

import pytest
import torch

from seqkit import UsageError
from seqkit.data.vector_files import write_vectors
from seqkit.estimators import SequenceClassifier

WORDS = ["film", "story", "actor", "scene", "camera", "music"]
# At this rate no weight moves by more than a rounding.
SIZES = {"embedding_size": 6, "hidden_size": 5, "epochs": 1, "min_count": 1, "random_state": 0}


def data(*words):
    generator = random.Random(0)
    return [" ".join([*generator.sample(WORDS, 4), word]) for word in words * 15], [*words] * 15


def test_a_warm_start_continues_from_the_model_before_and_a_cold_one_does_not():
    model = SequenceClassifier(**SIZES, warm_start=True).fit(*data("good", "bad"))
    before = {name: tensor.clone() for name, tensor in model.model_.head.state_dict().items()}
    word = model.model_.codec.vocabulary.index("film")
    model.set_params(learning_rate=1e-12, random_state=1).fit(*data("good", "awful", "bad"))
    head, vocabulary = model.model_.head, model.model_.codec.vocabulary
    # The labels are now "awful", "bad", "good".
    torch.testing.assert_close(head.output.weight[1:], before["output.weight"], rtol=0, atol=1e-6)
    own = head.encoder.embedding.weight[vocabulary.index("film")]
    torch.testing.assert_close(own, before["encoder.embedding.weight"][word], rtol=0, atol=1e-6)
    cold = model.set_params(warm_start=False).fit(*data("good", "bad")).model_.head
    assert (cold.output.weight - before["output.weight"]).abs().max() > 0.01


def test_a_first_fit_with_a_warm_start_is_an_ordinary_fit():
    warm, cold = (SequenceClassifier(**SIZES, warm_start=on).fit(*data("good", "bad")) for on in (True, False))
    assert torch.equal(warm.model_.head.output.weight, cold.model_.head.output.weight)


def test_vectors_decide_the_size_of_the_embedding_unless_told(tmp_path):
    path = tmp_path / "v.safetensors"
    write_vectors(path, WORDS, torch.randn(6, 3, generator=torch.Generator().manual_seed(0)))
    sizes = {name: value for name, value in SIZES.items() if name != "embedding_size"}
    model = SequenceClassifier(**sizes, options={"vectors": str(path)}).fit(*data("good", "bad"))
    assert model.model_.config.embedding_size == 3
    with pytest.raises(UsageError, match="the vectors have 3 values but the embedding 6"):
        SequenceClassifier(**SIZES, options={"vectors": str(path)}).fit(*data("good", "bad"))


def test_a_run_decides_the_sizes_of_an_estimator_that_starts_from_it(trained):
    X, y = data("good", "bad")
    model = SequenceClassifier(epochs=1, min_count=1, options={"init_from": str(trained[0])}).fit(X, y)
    assert (model.model_.config.embedding_size, model.model_.config.hidden_size) == (8, 8)
