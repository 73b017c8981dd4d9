"""A trained model in Python: probabilities, and many threads at once."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from seqkit import SeqkitError, UsageError, load


def test_probabilities_are_those_of_the_predictions_in_order(trained, pointed):
    model = load(trained[0])
    texts = ["a wonderful story", "dull", "?", "an awful and boring film with an actor"]
    found = model.predict_proba(texts)
    assert found == [prediction.probabilities for prediction in model.predict(texts)]
    assert all(set(row) == {"good", "bad"} and sum(row.values()) == pytest.approx(1) for row in found)
    assert found[0]["good"] > 0.5 > found[1]["good"]
    assert set(load(pointed).predict_proba(["100 0 7"])[0]) == {"-1", "1"}


def test_a_model_without_probabilities_says_so(phrased):
    with pytest.raises(UsageError, match="a translate model gives no probability of each label"):
        load(phrased).predict_proba(["red cat"])


@pytest.mark.parametrize("run", ["trained", "phrased", "pointed"])
def test_threads_get_the_answers_that_one_gets(run, request):
    """Eight threads begin together on a fresh model, so that what it makes once is made then."""
    path = request.getfixturevalue(run)
    path = path[0] if run == "trained" else path
    generator = random.Random(0)
    words = ["red", "cat", "box", "wonderful", "dull", "dog", "old"]
    vectors = [f"{generator.gauss(0, 2):.3f} {generator.gauss(0, 2):.3f} 7" for _ in range(40)]
    texts = [" ".join(generator.choices(words, k=generator.randint(1, 9))) for _ in range(40)]
    inputs = vectors if run == "pointed" else texts
    alone = load(path).predict(inputs)
    model = load(path)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: model.predict(inputs), range(40)):
            assert found == alone
    assert not model.head.training and torch.is_grad_enabled()


@pytest.mark.parametrize("run", ["trained", "phrased", "pointed"])
def test_a_model_whose_weights_are_nan_answers_in_one_sentence(run, request):
    path = request.getfixturevalue(run)
    model = load(path[0] if run == "trained" else path)
    for parameter in model.head.parameters():
        parameter.data.fill_(torch.nan)
    with pytest.raises(SeqkitError, match="the model gives NaN in place of probabilities"):
        model.predict(["1 2 7" if run == "pointed" else "red cat"])
