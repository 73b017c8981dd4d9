"""Unknown words of an output are those of the source that the decoder looked at."""

import pytest
import torch

from seqkit.config import make_config
from seqkit.data import SourceLocation
from seqkit.data.pairs import Pair
from seqkit.data.subwords import BytePairs, learn_tokenizer
from seqkit.errors import UsageError
from seqkit.search import Hypothesis
from seqkit.topologies.delayed import DelayedOptions, EncoderDecoderHead, PairCodec
from seqkit.topologies.delayed.copying import copied_tokens
from seqkit.topologies.delayed.ensemble import EncoderDecoderEnsemble
from seqkit.topologies.ensemble import MemberBatches

NAMES = [f"Name{letter}" for letter in "abcdefgh"]
PAIRS = [(f"hello {name} !", f"bonjour {name} !") for name in NAMES] + [("hello {n} !", "bonjour {n} !")]


def build(**values):
    torch.manual_seed(0)
    # A name is seen once, and so is unknown on both sides.
    codec = PairCodec.learn(PAIRS, ("word", "word"), 100, min_count=2)
    config = make_config(DelayedOptions, {"data": "x", "hidden_size": 16, "embedding_size": 8, **values})
    return codec, EncoderDecoderHead.build(config, codec).eval()


@pytest.fixture(scope="module")
def learned():
    codec, head = build(dropout=0.0, embedding_dropout=0.0, label_smoothing=0.0, guidance=1.0)
    pairs = [Pair(source, (target,), SourceLocation("x", n)) for n, (source, target) in enumerate(PAIRS, 1)]
    batch = codec.collate([codec.encode(pair.source, pair) for pair in pairs])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    head.train()
    for _ in range(50):
        optimizer.zero_grad()
        head.loss(batch).mean.backward()
        optimizer.step()
    return codec, head.eval()


def texts(learned, sources, **options):
    codec, head = learned
    return [p.text for p in head.predict(codec.collate([codec.encode(s) for s in sources]), **options)]


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_name_that_nobody_has_seen_is_copied(learned, beam_size):
    sources = ["hello Wojciech !", "hello Zoë !", "hello {n} !"]
    found = texts(learned, sources, copy_unknown=True, beam_size=beam_size)
    assert found == ["bonjour Wojciech !", "bonjour Zoë !", "bonjour {n} !"]


def test_without_it_no_unknown_word_is_written(learned):
    (text,) = texts(learned, ["hello Wojciech !"])
    assert "Wojciech" not in text
    assert "<unk>" not in text


def test_what_is_copied_never_depends_on_the_batch(learned):
    sources = ["hello Wojciech !", "hello !", "hello Ada Grace Wojciech !"]
    together = texts(learned, sources, copy_unknown=True)
    assert together == [texts(learned, [source], copy_unknown=True)[0] for source in sources]


def test_all_outputs_of_a_source_have_their_words(learned):
    codec, head = learned
    (found,) = head.predict(codec.collate([codec.encode("hello Wojciech !")]), copy_unknown=True, n_best=3)
    assert all("<unk>" not in text for text, _ in found.n_best)


def test_a_placeholder_is_never_copied():
    codec, head = build()
    unk = codec.target.vocabulary.unk
    for source in ("{n}", ""):
        batch = codec.collate([codec.encode(source), codec.encode("hello Ada Grace !")])
        assert copied_tokens(head.encoder, head.decoder, codec, batch, [[(unk,)], []]) == [("",)]
        assert head.texts(batch, [[Hypothesis((unk,), 0.0, 0.0)], []]) == [[""], []]


def test_words_that_are_unknown_in_the_source_come_first_and_once():
    codec, head = build()
    unk = codec.target.vocabulary.unk
    batch = codec.collate([codec.encode("hello Wojciech !")])
    ((first, second),) = copied_tokens(head.encoder, head.decoder, codec, batch, [[(unk, unk)]])
    assert first == "Wojciech"
    assert second in ("hello", "Wojciech", "!")
    batch = codec.collate([codec.encode("Ada hello Grace")])
    (found,) = copied_tokens(head.encoder, head.decoder, codec, batch, [[(unk, unk)]])
    assert sorted(found) == ["Ada", "Grace"]


def test_an_ensemble_has_no_attention_of_its_own():
    codec, head = build()
    batch = codec.collate([codec.encode("hello Wojciech !")])
    head.search = head.search.replace(copy_unknown=True)
    both, batches = EncoderDecoderEnsemble([head, head]), MemberBatches((batch, batch))
    assert len(both.predict(batches)) == 1
    with pytest.raises(UsageError, match="the attention of one decoder"):
        both.predict(batches, copy_unknown=True)


def test_a_character_without_a_subword_stands_for_itself():
    tokens = learn_tokenizer("bpe", ["hello world", "hello there"] * 3, 60)
    assert isinstance(tokens, BytePairs)
    text = "hello 😀 wörld"
    surfaces = tokens.surfaces(text)
    assert "😀" in surfaces
    assert len(surfaces) == len(tokens.split(text))
