"""Translations: tokens and back, loss, search, what must survive, scores."""

import itertools
import math
import random
from xml.etree import ElementTree

import pytest
import sacrebleu
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqkit.tasks.translate import (
    TASK,
    PairCodec,
    SearchOptions,
    TranslateConfig,
    Translated,
    learn_codec,
    load_codec,
    translation_head,
)

from seqkit.config import TrainingConfig, make_config
from seqkit.data import DataError, SourceLocation, Splits
from seqkit.data.pairs import Pair
from seqkit.data.placeholders import find_placeholders
from seqkit.errors import UsageError
from seqkit.runs.model import check_options
from seqkit.topologies.delayed import nearest_targets
from seqkit.training.batches import EpochBatches
from tests.cells.kinds import TRAINED_CELLS

TEN = [
    ("Open file", "Ouvrir le fichier"),
    ("Close the file", "Fermer le fichier"),
    ("Save %1 as %2?", "Enregistrer %1 sous %2 ?"),
    ("%2 of %1 files", "%2 fichiers sur %1"),
    ("It's done!", "C'est fait !"),
    ("Hello, {name}.", "Bonjour, {name}."),
    ("A cell (empty)", "Une cellule (vide)"),
    ("one two three four", "quatre trois deux un"),
    ("Kernel: %s", "Noyau\u00a0: %s"),
    ("Really?", "Vraiment ?"),
]
PAIRS = [Pair(source, (target,), SourceLocation("ten", n)) for n, (source, target) in enumerate(TEN, 1)]


def config(**values):
    small = {"hidden_size": 24, "embedding_size": 12, "dropout": 0.0, "embedding_dropout": 0.0, "label_smoothing": 0.0}
    return make_config(TranslateConfig, {**small, **values})


@pytest.mark.parametrize(
    ("pairs", "given", "units"), [(9_999, {}, 256), (10_000, {}, 384), (10_000, {"hidden_size": 256}, 256)]
)
def test_many_pairs_have_more_units_unless_somebody_says_how_many(pairs, given, units):
    pair = Pair("a", ("b",), SourceLocation("pairs", 1))
    config = TASK.recipe(make_config(TranslateConfig, given), Splits([pair] * pairs, [pair], [pair]))
    assert config.hidden_size == units
    assert 1 / (1 - config.average) == pytest.approx(pairs / 32 * 2.5, rel=1e-2)


def build(tokenizer="word", **values):
    """A codec of the ten pairs, and a new head."""
    torch.manual_seed(0)
    codec = learn_codec(TEN, (tokenizer, tokenizer), 120)
    return codec, translation_head(config(**values), codec).eval()


def items(codec, pairs=PAIRS):
    return [codec.encode(pair.source, pair) for pair in pairs]


def learn_by_heart(codec, head, steps, rate=0.02):
    batch = codec.collate(items(codec))
    optimizer = torch.optim.Adam(head.parameters(), lr=rate)
    head.train()
    for _ in range(steps):
        loss = head.loss(batch)
        optimizer.zero_grad()
        loss.mean.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
    return head.eval()


WAYS = [
    *({"cell": cell} for cell in TRAINED_CELLS),
    {"attention": "additive", "input_feeding": True, "coverage": True},
    {"num_layers": 2, "tie": False, "attention": "scaled"},
    {"forcing": "linear", "forcing_floor": 0.5, "forcing_steps": 60},
]


@pytest.mark.parametrize("options", WAYS, ids=lambda o: "-".join(map(str, o.values())))
def test_ten_pairs_are_learned_by_heart(options):
    codec, head = build(**options)
    learn_by_heart(codec, head, 120)
    for search in ({"beam_size": 1}, {"beam_size": 4}):
        predictions = head.predict(codec.collate([codec.encode(source) for source, _ in TEN]), **search)
        assert [prediction.text for prediction in predictions] == [target for _, target in TEN]


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_characters_and_subwords_are_learned_by_heart_too(tokenizer):
    codec, head = build(tokenizer)
    learn_by_heart(codec, head, 150)
    predictions = head.predict(codec.collate([codec.encode(source) for source, _ in TEN]))
    assert [prediction.text for prediction in predictions] == [target for _, target in TEN]


@pytest.mark.parametrize("search", [{"beam_size": 1}, {"beam_size": 3, "coverage_penalty": 0.2, "n_best": 2}], ids=str)
@pytest.mark.parametrize("options", [{}, {"attention": "additive", "input_feeding": True, "coverage": True}], ids=str)
def test_order_and_padding_never_change_a_translation(options, search):
    codec, head = build(**options)
    learn_by_heart(codec, head, 15)
    coded = [codec.encode(source) for source, _ in TEN]
    together = head.predict(codec.collate(coded), **search)
    order = list(range(10))
    random.Random(0).shuffle(order)
    turned = head.predict(codec.collate([coded[n] for n in order]), **search)
    alone = [head.predict(codec.collate([item]), **search)[0] for item in coded]
    for number, one in enumerate(together):
        for other in (alone[number], turned[order.index(number)]):
            assert [text for text, _ in other.n_best] == [text for text, _ in one.n_best]
            # Sums of single precision in another order.
            assert [s for _, s in other.n_best] == pytest.approx([s for _, s in one.n_best], rel=1e-4)


def test_the_loss_is_the_cross_entropy_of_each_target_and_its_end():
    codec, head = build()
    head = head.double()
    whole = head.loss(codec.collate(items(codec)))
    total, count = 0.0, 0
    for item in items(codec):
        batch = codec.collate([item])
        state = head.decoder.start(head.encoder(batch.tokens, batch.lengths))
        last = torch.tensor([codec.target.vocabulary.special("<s>")])
        for symbol in item.target.tolist():
            logits, state = head.decoder.step(last, state)
            total -= torch.log_softmax(logits, 1)[0, symbol].item()
            last, count = torch.tensor([symbol]), count + 1
    assert item.target[-1] == codec.target.vocabulary.special("</s>")
    assert whole.count == count
    assert whole.sum.item() == pytest.approx(total, rel=1e-9)


def test_smoothing_and_sampling_are_of_training_alone():
    codec, head = build(label_smoothing=0.2, forcing_floor=0.5)
    batch = codec.collate(items(codec))
    plain = head.loss(batch).sum.item()
    torch.manual_seed(1)
    head.train()
    assert head.loss(batch).sum.item() != pytest.approx(plain, rel=1e-4)
    assert head.eval().loss(batch).sum.item() == plain
    assert int(head.forcing.step) == 1


def test_the_score_is_the_log_probability_over_the_length_penalty():
    codec, head = build()
    batch = codec.collate([codec.encode("Open file")])
    ((best,),) = head.hypotheses(batch, SearchOptions(1, length_penalty=0.7))
    state, total = head.decoder.start(head.encoder(batch.tokens, batch.lengths)), 0.0
    special = codec.target.vocabulary.special
    for last, symbol in itertools.pairwise([special("<s>"), *best.tokens, special("</s>")]):
        logits, state = head.decoder.step(torch.tensor([last]), state)
        total += torch.log_softmax(logits, 1)[0, symbol].item()
    assert best.score == pytest.approx(total / ((5 + len(best.tokens) + 1) / 6) ** 0.7, rel=1e-5)
    (wide,) = head.hypotheses(batch, SearchOptions(1, length_penalty=0.7, coverage_penalty=1e-9))
    assert wide[0].tokens == best.tokens
    assert wide[0].score == pytest.approx(best.score, rel=1e-4)


marks = st.lists(st.sampled_from(["%1", "%2", "{name}", "%s", "Save", "cell", "?"]), max_size=8)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(words=marks, size=st.sampled_from([1, 3]))
def test_every_placeholder_is_kept_even_by_a_model_that_has_learned_nothing(words, size):
    codec, head = UNTRAINED
    slots = len(codec.source.slots)
    (prediction,) = head.predict(codec.collate([codec.encode(" ".join(words))]), beam_size=size)
    wanted = find_placeholders(" ".join(words))[:slots]
    assert sorted(find_placeholders(prediction.text)) == sorted(wanted)


UNTRAINED = build()


def test_several_references_are_scored_as_sacrebleu_does():
    examples = [
        Pair("a", ("the cat sat on the mat",), SourceLocation("f", 1)),
        Pair("b", ("there is a dog here", "here is a dog, there"), SourceLocation("f", 2)),
    ]
    texts = ["the cat sat on a mat", "here is a dog here"]
    scores = TASK.score([Translated(text, 0.0, ((text, 0.0),)) for text in texts], examples)
    streams = [["the cat sat on the mat", "there is a dog here"], [None, "here is a dog, there"]]
    assert scores == {
        "bleu": sacrebleu.corpus_bleu(texts, streams).score,
        "chrf": sacrebleu.corpus_chrf(texts, streams).score,
    }
    assert 20 < scores["bleu"] < 80


def test_placeholders_kept_are_counted_in_the_lines_that_have_some():
    examples = [Pair(source, ("x",), SourceLocation("f", 1)) for source in ("%1 of %2", "%s", "none", "%1 {a}", "%1")]
    texts = ["%2 sur %1", "rien", "%1", "{a} %1", "%1 %1"]
    scores = TASK.score([Translated(text, 0.0, ()) for text in texts], examples)
    assert scores["placeholders_kept"] == 2 / 4


def test_the_baseline_is_the_translation_of_the_nearest_sentence():
    sources = ["Open a file", "Kernel", "zzz"]
    assert nearest_targets(PAIRS, sources)[:2] == ["Ouvrir le fichier", "Noyau\u00a0: %s"]


@pytest.mark.parametrize("tokenizer", ["bpe", "word", "char", "space"])
@pytest.mark.parametrize("joint", [False, True])
def test_a_codec_is_the_same_after_its_files(tokenizer, joint):
    codec = learn_codec(TEN, (tokenizer, tokenizer), 120, joint=joint)
    again = load_codec(codec.to_json())
    for pair in PAIRS:
        one, other = codec.encode(pair.source, pair), again.encode(pair.source, pair)
        assert torch.equal(one.source, other.source) and torch.equal(one.target, other.target)
        assert again.write(one.target[:-1].tolist(), one.placeholders) == pair.references[0]
    assert (codec.source.vocabulary == codec.target.vocabulary) == joint


def test_the_sides_may_have_tokenizers_of_their_own():
    codec = learn_codec([("tough", "T AH F"), ("though", "DH OW")], ("char", "space"), 50)
    item = codec.encode("hot", Pair("hot", ("DH AH T",), SourceLocation("f", 1)))
    assert codec.names(item) == (["h", "o", "t"], ["DH", "AH", "T", "</s>"])
    assert codec.write(item.target[:-1].tolist(), ()) == "DH AH T"
    with pytest.raises(UsageError, match="joint tokens need one tokenizer, not char and space"):
        learn_codec(TEN, ("char", "space"), 50, joint=True)


def test_files_that_are_not_a_codec_are_named():
    files = learn_codec(TEN, ("word", "word"), 50).to_json()
    del files["target.json"]["tokenizer"]
    with pytest.raises(DataError, match=r"target\.json lacks its tokenizer"):
        load_codec(files)


def test_training_batches_have_the_longer_side_for_their_length():
    codec = learn_codec(TEN, ("word", "word"), 120)
    coded = items(codec)
    assert all(codec.length(item) == max(len(item.source), len(item.target)) for item in coded)
    batches = EpochBatches(codec, coded, TrainingConfig(batch_size=4, batch_tokens=24))
    for group in batches.plan(0):
        batch = batches.batch(group)
        assert batch.targets.numel() <= 24 and batch.tokens.numel() <= 24
        assert (batch.targets >= 0).sum(1).tolist() == batch.target_lengths.tolist()
        assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1].clamp(min=0))


def test_attention_is_shown_for_each_symbol_over_the_source():
    codec, head = build()
    learn_by_heart(codec, head, 100)
    item = codec.encode(*("one two three four", PAIRS[7]))
    weights = head.attention(item)
    assert weights.shape == (5, 4)
    assert weights.sum(1).tolist() == pytest.approx([1.0] * 5)


def test_a_picture_of_it_is_an_svg_for_light_and_dark_that_names_its_axes():
    codec, head = build()
    predictions = [Translated(pair.references[0], 0.0, ()) for pair in PAIRS]
    drawn = TASK.draw_pictures(head, codec, predictions, PAIRS)
    assert list(drawn) == ["attention.svg"]
    text = drawn["attention.svg"].decode()
    maps = ElementTree.fromstring(text).findall("{*}g")
    assert len(maps) == 3 and "prefers-color-scheme: dark" in text
    for one in maps:
        assert {"read", "written"} <= {label.text for label in one.iter("{http://www.w3.org/2000/svg}text")}
    assert TASK.draw_pictures(head, codec, [], []) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 0}, "beam_size must be at least 1, not 0"),
        ({"n_best": 6, "beam_size": 5}, "n_best must be between 1 and the beam_size of 5, not 6"),
    ],
)
def test_a_search_that_cannot_be_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        SearchOptions(**options)


def test_an_option_of_the_search_that_is_not_given_is_the_head_s_own():
    codec, head = build(beam_size=3, n_best=2)
    batch = codec.collate([codec.encode("Open file")])
    (both,), (best,) = head.predict(batch), head.predict(batch, n_best=1)
    assert len(both.n_best) == 2
    assert best.n_best == both.n_best[:1]


def test_a_misspelled_option_of_the_search_is_refused():
    with pytest.raises(UsageError, match="unknown option 'beem_size'; did you mean 'beam_size'"):
        check_options(UNTRAINED[1], ["beem_size"])


def test_a_longer_beam_is_never_less_likely():
    codec, head = build()
    learn_by_heart(codec, head, 10)
    batch = codec.collate([codec.encode(source) for source, _ in TEN])
    narrow, wide = (head.predict(batch, beam_size=size, length_penalty=0.0) for size in (1, 30))
    assert all(b.score >= a.score - 1e-5 for a, b in zip(narrow, wide, strict=True))
    assert any(b.score > a.score + 1e-3 for a, b in zip(narrow, wide, strict=True))


def test_an_empty_text_has_an_answer():
    codec, head = UNTRAINED
    assert isinstance(codec, PairCodec)
    (prediction,) = head.predict(codec.collate([codec.encode("")]))
    assert math.isfinite(prediction.score)
