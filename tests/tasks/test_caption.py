"""Captions: heads with each way to start, codecs, scores, the contact sheet."""

import json
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from seqkit.tasks.caption import TASK, Caption, CaptionConfig, CaptionHead

from seqkit import SeqkitError, UsageError
from seqkit.data import SourceLocation
from seqkit.data.pictures import Captioned, Picture, digest
from seqkit.drawing.contact_sheet import Thumbnail, contact_sheet
from seqkit.files import json_bytes
from tests.cells.kinds import TRAINED_CELLS

STARTS = ["first", "state", "grid"]
NAMES = [
    "a red cat", "a red dog", "two cats", "a dog and a cat", "nothing", "a very big grey dog", "snow, at night",
    "two red dogs", "a cat (asleep)", "the sea",
]  # fmt: skip


def picture(number, shape=(16, 16, 1)):
    generator = np.random.default_rng(number)
    vectors = len(shape) == 2
    values = generator.normal(size=shape).astype(np.float32) if vectors else generator.integers(0, 256, shape, np.uint8)
    return Picture(f"{number}.png", digest(values), values)


def examples(shape=(16, 16, 1), several=False):
    also = [(name, f"it is {name}") if several else (name,) for name in NAMES]
    return [Captioned(picture(n, shape), c, str(n), SourceLocation("captions.tsv", n + 2)) for n, c in enumerate(also)]


def make(data, **options):
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "embedding_size": 16, "vector_size": 24, "width": 4, "dropout": 0.0, "jitter": 0.0}
    config = CaptionConfig(**{**sizes, "embedding_dropout": 0.0, **options})
    codec = TASK.learn_codec(config, data)
    return TASK.build_head(config, codec), codec


def learn(head, codec, data, steps=120):
    batch = codec.collate([codec.encode(e.picture, e) for e in data])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        head.loss(batch).mean.backward()
        optimizer.step()
    return head.eval()


def predict(head, codec, data, **options):
    return head.predict(codec.collate([codec.encode(e.picture) for e in data]), **options)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("shape", [(16, 16, 1), (3, 5)], ids=["pictures", "vectors"])
def test_ten_pictures_are_overfitted_to_their_exact_captions(start, shape):
    data = examples(shape)
    head, codec = make(data, start=start, encoder="vectors" if len(shape) == 2 else "convolutional")
    learn(head, codec, data)
    for beam_size in (1, 4):
        assert [p.text for p in predict(head, codec, data, beam_size=beam_size)] == NAMES
    assert TASK.score(predict(head, codec, data), data)["exact"] == 1


@pytest.mark.parametrize("cell", TRAINED_CELLS)
def test_every_cell_overfits_five_pictures(cell):
    data = examples((2, 6))[:5]
    head, codec = make(data, encoder="vectors", cell=cell, start="grid")
    learn(head, codec, data)
    assert [p.text for p in predict(head, codec, data)] == NAMES[:5]


@pytest.mark.parametrize("tokenizer", ["char", "byte"])
def test_captions_can_be_written_letter_by_letter(tokenizer):
    data = examples((2, 6))[:4]
    head, codec = make(data, encoder="vectors", tokenizer=tokenizer, hidden_size=48)
    learn(head, codec, data, 200)
    assert [p.text for p in predict(head, codec, data)] == NAMES[:4]


@pytest.mark.parametrize("start", STARTS)
def test_a_caption_depends_on_its_own_picture_alone(start):
    data = examples()
    head, codec = make(data, start=start, dropout=0.2, jitter=1.0)
    head.eval()
    together = predict(head, codec, data)
    order = [4, 2, 9, 0, 7]
    again = predict(head, codec, [data[n] for n in order])
    alone = [predict(head, codec, [data[n]])[0] for n in order]
    for n, one, other in zip(order, again, alone, strict=True):
        assert one.tokens == other.tokens == together[n].tokens
        assert one.log_probability == pytest.approx(together[n].log_probability, abs=1e-4)


@pytest.mark.parametrize("start", STARTS)
def test_the_picture_matters_however_the_decoder_starts(start):
    data = examples()
    head, codec = make(data, start=start)
    batch = codec.collate([codec.encode(e.picture, e) for e in data])
    head.loss(batch).mean.backward()
    assert all(p.grad.abs().sum() > 0 for p in head.encoder.summary.parameters())
    assert (head.decoder.attention is not None) == (start == "grid")
    assert (head.decoder.bridge is None) == (start == "first")


@pytest.mark.parametrize("start", STARTS)
def test_the_loss_of_several_captions_is_that_of_each_beside_its_picture(start):
    data = examples(several=True)
    head, codec = make(data, start=start)
    head.double().eval()
    # The encoder turns bytes into float32, which does not fit weights in double precision.
    head.encoder.grid = lambda pictures: torch.randn(
        len(pictures), 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(int(pictures.sum()))
    )
    one = data[0]
    whole = head.loss(codec.collate([codec.encode(one.picture, one)]))
    singles = [
        head.loss(codec.collate([codec.encode(one.picture, Captioned(one.picture, (c,), "", one.location))]))
        for c in one.captions
    ]
    torch.testing.assert_close(whole.sum, sum(single.sum for single in singles))
    # "a red cat" and "it is a red cat", each with its end.
    assert whole.count == 4 + 6 == sum(single.count for single in singles)


def test_the_loss_is_the_negative_log_probability_of_each_step():
    data = examples((2, 6))
    head, codec = make(data, encoder="vectors", start="first")
    head.eval()
    items = [codec.encode(e.picture, e) for e in data]
    expected = 0.0
    for item in items:
        state, last = head.start(item.picture[None]), torch.tensor([codec.start])
        for token in item.captions[0]:
            logits, state = head.decoder.step(last, state)
            expected -= torch.log_softmax(logits, 1)[0, token].item()
            last = torch.tensor([token])
    assert head.loss(codec.collate(items)).sum.item() == pytest.approx(expected, rel=1e-5)


def test_training_moves_pictures_and_follows_the_seed():
    data = examples()
    head, codec = make(data, jitter=1.0)
    batch = codec.collate([codec.encode(e.picture, e) for e in data])

    def loss(seed):
        torch.manual_seed(seed)
        return head.loss(batch).sum.item()

    assert loss(1) == loss(1) != loss(2)
    head.eval()
    assert loss(1) == loss(2)


def test_a_codec_is_the_same_from_its_files():
    data = examples()
    _, codec = make(data)
    files = {name: json.loads(json_bytes(value)) for name, value in codec.to_json().items()}
    again = TASK.load_codec(files)
    assert (again.vocabulary, again.shape, again.max_tokens) == (codec.vocabulary, codec.shape, codec.max_tokens)
    assert again.tokenizer.to_json() == codec.tokenizer.to_json()
    with pytest.raises(SeqkitError, match="do not fit together"):
        TASK.load_codec({**files, "pictures.json": []})


def test_a_picture_of_another_shape_is_refused():
    head, codec = make(examples())
    with pytest.raises(SeqkitError, match=r"has the shape \(3, 5\), but this model reads \(16, 16, 1\)"):
        codec.encode(picture(1, (3, 5)))
    with pytest.raises(SeqkitError, match="no targets"):
        head.loss(codec.collate([codec.encode(picture(1))]))


def test_a_beam_of_nothing_is_refused():
    data = examples()
    head, codec = make(data)
    with pytest.raises(UsageError, match="beam must be at least 1, not 0"):
        predict(head, codec, data, beam_size=0)


def test_captions_longer_than_the_limit_are_cut_and_none_is_written_longer():
    data = examples()
    head, codec = make(data, max_tokens=2)
    assert isinstance(head, CaptionHead)
    assert max(len(codec.encode(e.picture, e).captions[0]) for e in data) == 3
    assert all(len(p.tokens) <= 2 for p in predict(head.eval(), codec, data))


def test_scores_accept_any_of_several_captions():
    data = examples(several=True)
    correct = [Caption(e.captions[n % 2], (), 0.0) for n, e in enumerate(data)]
    scores = TASK.score(correct, data)
    assert scores["exact"] == 1
    assert scores["bleu"] == pytest.approx(100)
    assert TASK.score([Caption("x", (), 0.0) for _ in data], data)["exact"] == 0


def test_the_most_confident_mistakes_come_first():
    data = examples()[:3]
    predictions = [Caption("a dog", (), -0.5), Caption("a red dog", (), -0.1), Caption("a cow", (), -0.2)]
    (table,) = TASK.tables(predictions, data)
    assert [row[1:] for row in table.rows] == [["two cats", "a cow"], ["a red cat", "a dog"]]


def test_a_contact_sheet_shows_every_picture_in_green_or_red():
    white = np.full((32, 32, 1), 255, np.uint8)
    thumbnails = [Thumbnail(white, "a", ["a", "b"]), Thumbnail(white, "a long wrong caption " * 20, ["a"])]
    image = Image.open(BytesIO(contact_sheet([*thumbnails, *thumbnails[:1] * 4])))
    colors = {color for _, color in image.convert("RGB").getcolors(10**6)}
    assert image.format == "PNG"
    assert {(0x1F, 0x7A, 0x4D), (0xB4, 0x43, 0x1F)} <= colors
    one_row, two_rows = (Image.open(BytesIO(contact_sheet(thumbnails[:1] * n))).size for n in (5, 6))
    assert one_row[0] == two_rows[0] and one_row[1] < two_rows[1]
    assert contact_sheet(thumbnails) == contact_sheet(thumbnails)


def test_pictures_of_vectors_are_not_shown():
    data = examples((3, 5))
    head, codec = make(data, encoder="vectors")
    assert TASK.draw_pictures(head, codec, [Caption("x", (), 0.0)] * 10, data) == {}
