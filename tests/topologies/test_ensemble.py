"""An ensemble answers with the average of its members' probabilities, whatever they predict."""

import itertools
import math

import numpy as np
import pytest
import torch

from seqkit import UsageError
from seqkit.config import make_config
from seqkit.data import Example, SourceLocation, Vocabulary, tokenizer
from seqkit.data.frames.clip import LabelledClip, clip_of
from seqkit.data.pairs import Pair
from seqkit.data.tagged import Sentence
from seqkit.layers import Decoder
from seqkit.runs import Model, find_task
from seqkit.runs.model import join_models
from seqkit.topologies.ensemble import EnsembleCodec
from seqkit.topologies.next_step import LanguageModelHead, StreamCodec

HERE = SourceLocation("test", 1)
SMALL = {"hidden_size": 5, "embedding_size": 4, "min_count": 1}


def made(name, examples, seed, **options):
    """A model of a task with random weights, as sharp as trained ones."""
    task = find_task(name)
    known = {field: value for field, value in {**SMALL, **options}.items() if hasattr(task.config(), field)}
    config = make_config(task.config, known)
    codec = task.learn_codec(config, examples)
    torch.manual_seed(seed)
    head = task.build_head(config, codec).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.mul_(3)
    return Model(task, config, codec, head)


def texts(words):
    return [Example(f"{word} film", label, HERE) for word, label in zip(words, ("bad", "good"), strict=True)]


def test_the_probability_of_a_label_is_the_average_of_the_members_though_they_read_differently():
    members = [
        made("sentiment", texts(["dull", "fine"]), 0),
        made("sentiment", texts(["awful", "moving"]), 1, cell="gru", tokenizer="char"),
        made("sentiment", texts(["dull", "moving"]), 2, ngrams=False),
    ]
    inputs = ["a dull film", "moving", "?"]
    ensemble = join_models(members)
    assert isinstance(ensemble.codec, EnsembleCodec)
    rows = zip(*(member.predict_proba(inputs) for member in members), strict=True)
    for found, expected in zip(ensemble.predict_proba(inputs), rows, strict=True):
        assert found["good"] == pytest.approx(sum(row["good"] for row in expected) / 3, abs=1e-6)


def test_members_that_read_alike_share_a_codec_so_that_inputs_are_read_once():
    members = [made("sentiment", texts(["dull", "fine"]), seed) for seed in (0, 1)]
    assert join_models(members).codec is members[0].codec


def test_thresholds_are_averaged_and_a_member_without_one_has_a_half():
    members = [made("sentiment", texts(["dull", "fine"]), seed, threshold=t) for seed, t in ((0, "0.9"), (1, None))]
    ensemble = join_models(members)
    inputs = [f"{word} {other}" for word in ("dull", "fine", "film", "new") for other in ("dull", "fine", "film")]
    for prediction in ensemble.predict(inputs):
        assert prediction.label == ("good" if prediction.probabilities["good"] >= 0.7 else "bad")
    assert float(members[0].head.decision.threshold) == 0.9


def sentences():
    return [Sentence(("Ada", "Lovelace", "wrote"), ("B-P", "I-P", "O"), HERE), Sentence(("so",), ("O",), HERE)]


def test_words_have_the_average_probabilities_and_the_average_balance():
    members = [
        made("tag", sentences(), seed, data="names.conll", balance=balance) for seed, balance in ((0, 0.0), (1, 0.6))
    ]
    inputs = [["Ada", "wrote", "so"], ["Lovelace"]]
    ensemble = join_models(members)
    rows = [member.predict(inputs, all_probabilities=True) for member in members]
    for number, found in enumerate(ensemble.predict(inputs, all_probabilities=True)):
        average = np.mean([member[number].probabilities for member in rows], axis=0)
        np.testing.assert_allclose(found.probabilities, average, atol=1e-6)
        adjusted = np.log(average) - 0.3 * members[0].head.frequency.log().numpy()
        assert found.tags == tuple(members[0].codec.labels[label] for label in adjusted.argmax(1))


def test_crfs_give_a_labelling_the_geometric_mean_of_its_probabilities_and_keep_the_limits():
    members = [made("tag", sentences(), seed, data="names.conll", crf=True) for seed in (0, 1, 2)]
    inputs, count = [["Ada", "wrote", "so"]], 200
    ensemble = join_models(members)
    # With so many labellings asked for, those that the limits allow are all there.
    (found,) = ensemble.predict(inputs, n_best=count)
    alone = [dict(member.predict(inputs, n_best=count)[0].n_best) for member in members]
    assert {labels for labels, _ in found.n_best} == set(alone[0])
    logs = {labels: sum(row[labels] for row in alone) / 3 for labels in alone[0]}
    total = math.log(sum(math.exp(value) for value in logs.values()))
    for labels, log_probability in found.n_best:
        assert log_probability == pytest.approx(logs[labels] - total, abs=1e-4)
    assert not any(a == "O" and b == "I-P" for labels, _ in found.n_best for a, b in itertools.pairwise(labels))


def clips(delays, bidirectional=False):
    clip = clip_of("clip", np.random.default_rng(0).normal(size=(9, 3)))
    examples = [LabelledClip(clip, tuple("abcabcabc"), HERE)]
    return clip, [
        made("frames", examples, seed, bidirectional=bidirectional, delay=delay) for seed, delay in enumerate(delays)
    ]


def test_a_stream_labels_frames_as_the_whole_sequence_whatever_each_member_looks_ahead():
    clip, members = clips((0, 3, 1))
    ensemble = join_models(members)
    (whole,) = ensemble.predict([clip])
    stream = ensemble.stream()
    for _ in range(2):
        pushed = [stream.push(frame) for frame in clip.features]
        assert pushed[:3] == [None] * 3
        labels = [*pushed[3:], *stream.finish()]
        assert [label.frame for label in labels] == list(range(1, 10))
        assert tuple(label.label for label in labels) == whole.labels
        assert [label.confidence for label in labels] == pytest.approx(whole.confidences, abs=1e-6)


def test_a_frame_that_cannot_be_read_leaves_every_member_as_it_was():
    clip, members = clips((0, 1))
    stream, other = join_models(members).stream(), join_models(members).stream()
    found = []
    for frame in clip.features:
        with pytest.raises(Exception, match="a frame has 3 features"):
            stream.push([1.0])
        found.append(stream.push(frame))
    assert found == [other.push(frame) for frame in clip.features]


def test_one_member_that_reads_from_the_end_is_enough_to_refuse_a_stream():
    members = [clips((0,))[1][0], clips((0,), bidirectional=True)[1][0]]
    with pytest.raises(UsageError, match="reads each sequence from its end"):
        join_models(members).stream()


@torch.no_grad()
def read_probabilities(member, source, symbols):
    """What a member gives each symbol of an output and its end, as it reads the whole of it: no search is involved."""
    head, codec = member.head, member.codec
    batch = codec.collate([codec.encode(source)])
    read = torch.tensor([[codec.target.vocabulary.special("<s>"), *symbols]])
    decoded = head.decoder(read, head.decoder.start(head.encoder(batch.tokens, batch.lengths)))
    return torch.softmax(head.decoder.logits(decoded.features), 2)[0]


def test_a_translation_has_the_average_probability_of_each_symbol_and_the_search_finds_the_best():
    pairs = [Pair("a b", ("A B",), HERE), Pair("b", ("B",), HERE)]
    members = [
        made("translate", pairs, seed, tokenizer="word", source_tokenizer=kind, input_feeding=feeding)
        for seed, kind, feeding in ((0, "word", True), (1, "char", False))
    ]
    options = {"length_penalty": 0.0, "max_ratio": 0.0, "max_extra": 3}
    # Three symbols at most of two: so wide a beam keeps all fifteen outputs.
    (found,) = join_models(members).predict(["a b"], beam_size=30, n_best=15, **options)
    target = members[0].codec.target.vocabulary
    scores = {}
    for symbols in itertools.chain(*(itertools.product("AB", repeat=length) for length in range(4))):
        numbers = [target.index(symbol) for symbol in symbols]
        average = torch.stack([read_probabilities(member, "a b", numbers) for member in members]).mean(0)
        ends = [*numbers, target.special("</s>")]
        scores[" ".join(symbols)] = sum(math.log(average[place, number]) for place, number in enumerate(ends))
    assert len(found.n_best) == len(scores) == 15
    for text, score in found.n_best:
        assert score == pytest.approx(scores[text], abs=1e-4)
    assert found.text == max(scores, key=scores.get)
    (greedy,) = join_models(members).predict(["a b"], beam_size=1, **options)
    assert greedy.score == pytest.approx(scores[greedy.text], abs=1e-4)


def test_a_coverage_penalty_is_the_average_of_the_members_penalties():
    pairs = [Pair("a b", ("A B",), HERE), Pair("b", ("B",), HERE)]
    members = [made("translate", pairs, seed, tokenizer="word") for seed in (0, 1)]
    options = {"beam_size": 4, "length_penalty": 0.0}
    free, charged = (join_models(members).predict(["a b"], **options, coverage_penalty=p)[0] for p in (0.0, 5.0))
    assert charged.score < free.score
    alone = [Model(m.task, m.config, m.codec, m.task.ensemble([m.head])) for m in members]
    for member, single in zip(members, alone, strict=True):
        expected = member.predict(["a b"], **options, coverage_penalty=5.0)[0]
        assert single.predict(["a b"], **options, coverage_penalty=5.0)[0].score == pytest.approx(expected.score)


def test_a_text_costs_what_the_average_probabilities_say_however_long_it_is():
    codec = StreamCodec(tokenizer("char"), Vocabulary.build(["abc\n"]))
    torch.manual_seed(0)
    heads = [LanguageModelHead(Decoder(len(codec.vocabulary), 4, hidden_size=size), codec.start) for size in (5, 7)]
    task = find_task("charlm")
    members = [Model(task, task.config(), codec, head.eval()) for head in heads]
    ensemble = join_models(members)
    for text in ("abcab", "ab" * 700):
        (found,) = ensemble.predict([text])
        tokens = torch.from_numpy(codec.encode(text).tokens)
        read = torch.cat([torch.tensor([codec.start]), tokens[:-1]]).unsqueeze(0)
        rows = [torch.softmax(h.decoder.logits(h.decoder(read, h.decoder.start()).features), 2)[0] for h in heads]
        chosen = torch.stack(rows).mean(0).gather(1, tokens.unsqueeze(1))
        assert found.nats == pytest.approx(float(-chosen.log().sum().detach()), rel=1e-5)
    texts = ["".join(ensemble.generate("ab", length=20, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_an_ensemble_cannot_be_trained():
    members = [made("sentiment", texts(["dull", "fine"]), seed) for seed in (0, 1)]
    with pytest.raises(UsageError, match="train its members"):
        join_models(members).head.loss(None)
