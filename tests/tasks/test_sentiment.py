import random

import pytest
import torch
from seqkit.tasks.sentiment import TASK, Classified, SentimentHead, TextCodec

from seqkit import Encoder, SeqkitError
from seqkit.data import Example, SourceLocation, Vocabulary, read_examples, tokenizer
from seqkit.data.sources import REVIEWS
from tests.cells.kinds import TRAINED_CELLS


def codec(texts, labels=("bad", "good")):
    words = tokenizer("word")
    return TextCodec(words, Vocabulary.build(map(words.split, texts)), labels, 50)


@pytest.mark.parametrize("cell", TRAINED_CELLS)
def test_one_batch_is_overfitted_to_zero_loss(cell):
    torch.manual_seed(0)
    generator = random.Random(0)
    texts = [" ".join(generator.choices("abcdefgh", k=generator.randint(1, 9))) for _ in range(16)]
    coding = codec(texts)
    examples = [Example(t, generator.choice(coding.labels), SourceLocation("a.csv", 1)) for t in dict.fromkeys(texts)]
    batch = coding.collate([coding.encode(e.text, e) for e in examples])
    head = SentimentHead(Encoder(len(coding.vocabulary), 16, cell=cell, hidden_size=16), coding.labels)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(batch).mean.backward()
        optimizer.step()
    assert float(head.loss(batch).mean.detach()) < 0.01
    assert [p.label for p in head.predict(batch)] == [e.label for e in examples]


def test_the_loss_is_a_sum_that_no_batch_size_biases():
    texts = ["a b c", "a", "b b", ""]
    coding = codec(texts)
    head = SentimentHead(Encoder(len(coding.vocabulary), 4, hidden_size=4), coding.labels).eval()
    items = [coding.encode(t, Example(t, "good", SourceLocation("a", 1))) for t in texts]
    whole = head.loss(coding.collate(items))
    single = [head.loss(coding.collate([item])) for item in items]
    assert whole.count == sum(one.count for one in single)
    torch.testing.assert_close(whole.sum, torch.stack([one.sum for one in single]).sum())


def test_unseen_words_and_empty_texts_can_be_predicted():
    coding = codec(["a b"])
    head = SentimentHead(Encoder(len(coding.vocabulary), 4, hidden_size=4), coding.labels).eval()
    for prediction in head.predict(coding.collate([coding.encode("☃ zebra"), coding.encode("")])):
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-6)


def test_a_batch_without_labels_has_no_loss():
    coding = codec(["a b"])
    head = SentimentHead(Encoder(len(coding.vocabulary), 4, hidden_size=4), coding.labels)
    with pytest.raises(SeqkitError, match="no targets"):
        head.loss(coding.collate([coding.encode("a")]))


def test_tables_count_and_show_the_worst_first():
    def predicted(label, probability):
        return Classified(label, {label: probability, {"x": "y", "y": "x"}[label]: 1 - probability})

    examples = [Example(t, label, SourceLocation("a", 1)) for t, label in (("one", "x"), ("two", "x"), ("three", "y"))]
    labels, confusion, worst = TASK.tables([predicted("y", 0.6), predicted("x", 0.9), predicted("x", 0.99)], examples)
    assert labels.rows == [["x", 0.5, 0.5, 0.5, 2], ["y", 0.0, 0.0, 0.0, 1]]
    assert confusion.rows == [["x", 1, 1], ["y", 1, 0]]
    assert [row[3:] for row in worst.rows] == [[1, "three"], [1, "one"]]


def test_the_default_data_are_the_reviews_they_should_be():
    examples = read_examples(REVIEWS.locate(), "text", "label", {"source": "rotten_tomatoes"})
    assert len(examples) == 8530
    assert {e.label for e in examples} == {"0", "1"}
