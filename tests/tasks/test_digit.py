import math

import numpy as np
import pytest
import torch
from seqkit.tasks.digit import TASK, DigitConfig, VectorBatch, VectorCodec, VectorHead
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from seqkit import SeqkitError
from seqkit.data import DataError, Example, SourceLocation
from seqkit.errors import UsageError
from seqkit.topologies.classification import Classified
from seqkit.topologies.one_to_one.pictures import draw_mistakes


def table(path, rows, header="width,height,kind"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def codec(names=("a", "b", "c"), labels=("no", "yes")):
    return VectorCodec(names, [0.0] * len(names), [1.0] * len(names), labels)


def test_ten_examples_are_overfitted_to_zero_loss():
    torch.manual_seed(0)
    batch = VectorBatch(torch.randn(10, 6), torch.randint(3, (10,)))
    head = VectorHead(6, ["a", "b", "c"], hidden_size=32)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        head.loss(batch).mean.backward()
        optimizer.step()
    assert float(head.loss(batch).mean.detach()) < 0.01
    assert [p.label for p in head.predict(batch)] == ["abc"[number] for number in batch.targets]


@pytest.mark.parametrize("num_layers", [0, 1, 3])
def test_a_head_computes_what_its_equation_says(num_layers):
    torch.manual_seed(0)
    head = VectorHead(4, "ab", hidden_size=5, num_layers=num_layers, activation="tanh").eval()
    hidden = vectors = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    weights = {name: parameter.detach().numpy() for name, parameter in head.named_parameters()}
    for layer in range(num_layers):
        hidden = np.tanh(hidden @ weights[f"layers.{3 * layer}.weight"].T + weights[f"layers.{3 * layer}.bias"])
    expected = hidden @ weights["output.weight"].T + weights["output.bias"]
    # Sums of at most five float32 numbers around 1, in another order.
    np.testing.assert_allclose(head(VectorBatch(torch.tensor(vectors))).detach().numpy(), expected, atol=1e-5)


def test_noise_dropout_and_smoothing_are_for_training_only():
    torch.manual_seed(0)
    head = VectorHead(3, "ab", dropout=0.5, noise=1.0, label_smoothing=0.2)
    batch = VectorBatch(torch.randn(8, 3), torch.zeros(8, dtype=torch.long))
    assert not torch.equal(head(batch), head(batch))
    head.eval()
    probabilities = torch.tensor([p.probabilities["a"] for p in head.predict(batch)])
    assert float(head.loss(batch).sum.detach()) == pytest.approx(float(-probabilities.log().sum()), rel=1e-5)


def test_smoothing_spreads_a_fraction_of_the_target_over_all_labels():
    head = VectorHead(2, "abcd", label_smoothing=0.2)
    batch = VectorBatch(torch.randn(1, 2), torch.tensor([1]))
    nats = -torch.log_softmax(head(batch), 1)[0]
    assert float(head.loss(batch).sum.detach()) == pytest.approx(
        float((0.8 * nats[1] + 0.2 * nats.mean()).detach()), rel=1e-5
    )


def test_the_loss_is_a_sum_that_no_batch_size_biases():
    head = VectorHead(3, "ab").eval()
    batch = VectorBatch(torch.randn(6, 3), torch.tensor([0, 1, 1, 0, 0, 1]))
    whole = head.loss(batch)
    pieces = [head.loss(VectorBatch(batch.vectors[rows], batch.targets[rows])) for rows in (slice(0, 1), slice(1, 6))]
    assert whole.count == 6 == sum(piece.count for piece in pieces)
    torch.testing.assert_close(whole.sum, pieces[0].sum + pieces[1].sum)


def test_a_batch_without_labels_has_no_loss():
    with pytest.raises(SeqkitError, match="no targets"):
        VectorHead(3, "ab").loss(codec().collate([codec().encode("1 2 3")]))


@pytest.mark.parametrize(
    "raw", ["1,2.5,-3e1", "1 2.5 -30", " [1, 2.5;\t-30]\n", [1, 2.5, -30], np.array([1, 2.5, -30])]
)
def test_a_vector_is_written_with_commas_or_spaces_or_given_as_numbers(raw):
    item = VectorCodec("abc", [0, 0, 0], [1, 1, 5], "xy").encode(raw)
    assert item.vector.tolist() == [1.0, 2.5, -6.0] and item.target is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("1 2", r"the vector has 2 numbers, but the model takes 3: a to c"),
        ("", r"has 0 numbers"),
        ("1 2 3 4", r"has 4 numbers"),
        ("1 two 3", r"b is 'two', which is not a usable number; correct it$"),
        ("1 2 nan", r"c is 'nan', which is not a usable number"),
        ("1e99 2 3", r"a is '1e99', which is not a usable number"),
        ([1, 2, math.inf], r"c is 'inf', which is not a usable number"),
    ],
)
def test_what_is_not_a_vector_is_refused_in_one_sentence(raw, message):
    with pytest.raises(UsageError, match=message):
        codec().encode(raw)


def test_scaling_is_learned_on_the_training_split_alone():
    splits = TASK.read(DigitConfig(), [])
    learned = TASK.learn_codec(DigitConfig(), splits.train)
    train = [list(map(float, example.text.split())) for example in splits.train]
    expected = StandardScaler().fit(train)
    np.testing.assert_allclose(learned.mean, expected.mean_)
    np.testing.assert_allclose(learned.scale, expected.scale_)
    item = learned.encode(splits.test[0].text, splits.test[0])
    scaled = expected.transform([list(map(float, splits.test[0].text.split()))])[0]
    np.testing.assert_allclose(item.vector.numpy(), scaled.clip(-10, 10), rtol=1e-5, atol=1e-6)
    assert learned.labels[item.target] == splits.test[0].label


def test_a_number_that_never_changes_and_one_far_out_do_no_harm():
    examples = [Example(f"0.1 {number}", "x", SourceLocation("a", 1)) for number in range(7)]
    learned = TASK.learn_codec(DigitConfig(data="digits"), examples)
    vector = VectorCodec("ab", learned.mean, learned.scale, "x").encode("0.1 1e29").vector
    assert vector.tolist() == pytest.approx([0.0, 10.0], abs=1e-6)


def test_the_digits_are_those_of_scikit_learn_in_three_splits_with_every_label():
    splits = TASK.read(DigitConfig(), [])
    three = [splits.train, splits.valid, splits.test]
    assert sum(map(len, three)) == 1797
    assert [round(len(split) / 1797, 2) for split in three] == [0.7, 0.1, 0.2]
    assert all({example.label for example in split} == set("0123456789") for split in three)
    digits = load_digits()
    for example in splits.test[:50]:
        row = example.location.line - 1
        assert list(map(float, example.text.split())) == digits.data[row].tolist()
        assert example.label == str(digits.target[row])
    other = TASK.read(DigitConfig(seed=1), [])
    assert [e.text for e in other.test] != [e.text for e in splits.test]


def test_equal_vectors_stay_in_one_split(tmp_path):
    rows = [f"{n % 10},{form},{'ab'[n % 2]}" for n in range(10) for form in ("1", "1.0", "1.00")]
    path = table(tmp_path / "a.csv", rows, "width,height,label")
    splits = TASK.read(DigitConfig(data=str(path), test_fraction=0.3), [])
    texts = [{example.text for example in split} for split in (splits.train, splits.valid, splits.test)]
    assert sum(map(len, texts)) == len(set.union(*texts)) == 10


def test_columns_are_found_by_name_in_any_order_and_format(tmp_path):
    one = DigitConfig(data=str(table(tmp_path / "a.csv", ["1,2,x"], "w,h,label")))
    other = tmp_path / "b.jsonl"
    other.write_text('{"label": "x", "h": 2, "note": "seen later", "w": 1.0}\n', encoding="utf-8")
    learned = TASK.learn_codec(one, [Example("1 2", "x", SourceLocation("a.csv", 2))])
    (example,) = TASK.read_file(one, other, learned)
    assert (example.text, example.label) == ("1 2", "x")


def test_the_columns_of_numbers_can_be_named(tmp_path):
    path = table(tmp_path / "a.tsv", ["ann\t1\t2\tx"], "name\tw\th\tkind")
    config = DigitConfig(data=str(path), label_column="kind", feature_columns="h, w")
    learned = TASK.learn_codec(config, [Example("2 1", "x", SourceLocation("a.tsv", 2))])
    assert learned.names == ("h", "w")
    assert [e.text for e in TASK.read_file(config, path, learned)] == ["2 1"]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            ["1,2,x", "1,two,x"],
            {},
            r"a\.csv:3: height is 'two', which is not a usable number; correct it, or",
        ),
        (["1,2,x", ",2,x"], {}, r"a\.csv:3: width is empty; correct it"),
        (["1,nan,x"], {}, r"a\.csv:2: height is 'nan', which is not a usable number"),
        (["1,-inf,x"], {}, r"a\.csv:2: height is '-inf', which is not a usable number"),
        (["1,1e999,x"], {}, r"a\.csv:2: height is '1e999', which is not a usable number"),
        (["1,2, "], {}, r"a\.csv:2: column 'kind' is empty; give the row a label or remove it"),
        (["1,2,3,x"], {}, r"a\.csv:2: 4 fields, but the first line names 3 columns"),
        (["1,2,x"], {"label_column": None}, r"a\.csv:1: cannot tell which column holds the label"),
        (["1,2,x"], {"label_column": "kimd"}, r"a\.csv:1: no column 'kimd'.*did you mean --label-column 'kind'"),
        (["1,2,x"], {"feature_columns": "width,depth"}, r"a\.csv:1: there is no column 'depth' for the model; add it"),
        (["1,2,x"], {"feature_columns": "width,kind"}, r"--feature-columns must name each column once, and not"),
        (["1,2,x"], {"feature_columns": "width,width"}, r"--feature-columns must name each column once"),
        (["1,2,x"], {"feature_columns": ","}, r"a\.csv:1: there is no column of numbers beside the label"),
        (["1,2,x", "3,4,x"], {}, r"there is only one class, 'x'"),
    ],
)
def test_a_file_that_cannot_be_used_is_reported_with_its_line(rows, options, message, tmp_path):
    path = table(tmp_path / "a.csv", rows)
    config = DigitConfig(**{"data": str(path), "label_column": "kind", **options})
    with pytest.raises(SeqkitError, match=message):
        TASK.read(config, [])


def test_a_label_the_model_never_saw_is_reported_with_its_line(tmp_path):
    path = table(tmp_path / "a.csv", ["1,2,x", "1,2,zebra"])
    with pytest.raises(DataError, match=r"a\.csv:3: label 'zebra' is not in the training split"):
        TASK.read_file(DigitConfig(label_column="kind"), path, codec(("width", "height"), ["x", "y"]))


def test_a_codec_comes_back_from_its_files():
    one = VectorCodec(["a", "b"], [0.1, 1 / 3], [1.0, 2.0], ["x", "y"])
    other = TASK.load_codec(one.to_json())
    assert (other.names, other.labels) == (one.names, one.labels)
    assert torch.equal(other.encode("0.7 0.9")[0], one.encode("0.7 0.9")[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features.json": []}, "features.json must hold"),
        ({"features.json": {"names": ["a"], "mean": [0.0], "scale": [0.0]}}, "features.json must hold"),
        ({"features.json": {"names": ["a"], "mean": [0.0, 1.0], "scale": [1.0]}}, "features.json must hold"),
        ({"features.json": {"names": ["a"], "mean": ["x"], "scale": [1.0]}}, "features.json must hold"),
        ({"labels.json": {"x": 1}}, "labels.json must be a list of texts"),
    ],
)
def test_damaged_files_of_a_codec_are_named(change, message):
    with pytest.raises(DataError, match=message):
        TASK.load_codec({**codec().to_json(), **change})


def test_mistakes_are_shown_as_pictures_where_the_numbers_are_pixels():
    examples = [Example("0 1 2 16", "a", SourceLocation("x", 1)), Example("0 0 0 0", "b", SourceLocation("x", 2))]
    b, a = Classified("b", {"a": 0.1, "b": 0.9}), Classified("a", {"a": 0.9, "b": 0.1})
    pixels = [f"pixel_{row}_{column}" for row in range(2) for column in range(2)]
    files = draw_mistakes(pixels, [b, b], examples)
    assert list(files) == ["mistakes.png"] and files["mistakes.png"].startswith(b"\x89PNG")
    assert draw_mistakes(pixels, [a, b], examples) == {}, "nothing is wrong"
    assert draw_mistakes(list("wxyz"), [b, b], examples) == {}, "these numbers are no pixels"
    assert draw_mistakes(pixels[:3], [b, b], examples) == {}, "three pixels are no square"


def test_the_most_confident_mistake_comes_first():
    examples = [Example("1", "a", SourceLocation("x.csv", line)) for line in (2, 3, 4)]
    predictions = [Classified(label, {label: p}) for label, p in (("b", 0.6), ("b", 0.9), ("a", 0.99))]
    labels, confusion, wrong = TASK.tables(predictions, examples)
    assert labels.rows == [["a", 1.0, 1 / 3, 0.5, 3], ["b", 0.0, 0.0, 0.0, 0]]
    assert list(confusion.rows) == [["a", 1, 2], ["b", 0, 0]]
    assert wrong.rows == [["a", "b", "0.90", "x.csv:3"], ["a", "b", "0.60", "x.csv:2"]]


def test_the_linear_path_adds_what_a_linear_model_says_of_the_vector():
    torch.manual_seed(0)
    head = VectorHead(3, ["a", "b"], 4, linear=True).eval()
    batch = VectorBatch(torch.randn(5, 3))
    # It begins at nothing, so that a new head is that of the layers alone.
    torch.testing.assert_close(head(batch), head.output(head.layers(batch.vectors)))
    torch.nn.init.normal_(head.beside.weight)
    expected = head.output(head.layers(batch.vectors)) + batch.vectors @ head.beside.weight.T
    torch.testing.assert_close(head(batch), expected)
    assert any(parameter is head.beside.weight for parameter in head.storeys()[0])


def test_a_linear_model_has_one_linear_path():
    assert VectorHead(3, ["a", "b"], num_layers=0, linear=True).beside is None
