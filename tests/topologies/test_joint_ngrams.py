"""N-grams of aligned symbols: alignments, probabilities, files, and what they do to outputs."""

import itertools
import json
import math
import random

import numpy as np
import pytest
import torch

from seqkit.answers.searching import Hypothesis, length_penalty, reranked
from seqkit.config import make_config
from seqkit.data import DataError, SourceLocation
from seqkit.data.inputs.joint_ngrams import END, ROOT, START, JointNgrams
from seqkit.data.joint import Aligner, learn_joint_ngrams
from seqkit.data.pairs import Pair
from seqkit.scores.direction import Criterion
from seqkit.topologies.delayed import EncoderDecoderHead, PairCodec, Translated
from seqkit.topologies.delayed.export import export_encoder_decoder
from seqkit.topologies.delayed.reranking import JointWeight, tune_weight
from tasks.g2p import TASK, G2PConfig

# 0 is said 10, 1 is silent, 2 is said 12 13, and 3 is said 14 before 0 and 15 elsewhere.
SOUNDS = {0: (10,), 1: (), 2: (12, 13)}


def pronounced(source):
    target = []
    for symbol, following in itertools.zip_longest(source, source[1:]):
        target += SOUNDS.get(symbol, (14,) if following == 0 else (15,))
    return tuple(target)


def words(count, seed=0, longest=7):
    generator = random.Random(seed)
    sources = [tuple(generator.choices(range(4), k=generator.randint(2, longest))) for _ in range(count)]
    return [(source, pronounced(source)) for source in sources]


def test_each_symbol_gets_the_target_symbols_that_it_stands_for():
    pairs = words(300)
    for (source, _), graphones in zip(pairs, Aligner(pairs).align(pairs), strict=True):
        assert [symbol for symbol, _ in graphones] == list(source)
        for symbol, targets in graphones:
            assert targets == SOUNDS.get(symbol, targets)
            assert symbol != 3 or targets in {(14,), (15,)}


def test_the_graphones_of_a_pair_are_its_symbols_in_order_also_of_pairs_that_were_not_learned():
    aligner, others = Aligner(words(50)), words(50, seed=1, longest=12)
    others.append(((0, 9, 0), (10, 77, 10)))
    for (source, target), graphones in zip(others, aligner.align(others), strict=True):
        assert [symbol for symbol, _ in graphones] == list(source)
        assert tuple(itertools.chain.from_iterable(targets for _, targets in graphones)) == target


def test_a_pair_with_more_targets_than_its_symbols_can_take_is_not_aligned():
    aligner = Aligner(words(50))
    assert aligner.align([((0,), (10,) * (aligner.widest + 1)), ((0,), (10,)), ((), ())]) == [None, [(0, (10,))], None]


def test_symbols_that_stand_for_three_at_a_time_are_aligned():
    pairs = [(source, tuple(t for s in source for t in (3 * s, 3 * s + 1, 3 * s + 2))) for source, _ in words(60)]
    assert all(targets == (3 * s, 3 * s + 1, 3 * s + 2) for g in Aligner(pairs).align(pairs) for s, targets in g)


def test_large_vocabularies_and_long_pairs_are_aligned():
    generator = random.Random(0)
    pairs = []
    for length in (1, 5, 60, 100):
        source = [generator.randrange(60_000) for _ in range(length)]
        pairs.append((source, [59_999 - symbol for symbol in source for _ in range(2)]))
    found = Aligner(pairs * 2).align(pairs)
    for (source, _), graphones in zip(pairs, found, strict=False):
        assert [symbol for symbol, _ in graphones] == source


def test_a_pair_of_more_than_a_hundred_symbols_is_not_aligned():
    assert Aligner(words(50)).align([((0,) * 101, (10,) * 101)]) == [None]


def enumerated(pairs, order):
    """Interpolated Kneser-Ney by dictionaries, from its definition; the probability of a graphone after graphones."""
    aligned = Aligner(pairs).align(pairs)
    sequences = [["<s>", *graphones, "</s>"] for graphones in aligned]
    raw = [{} for _ in range(order + 1)]
    for sequence in sequences:
        for end in range(1, len(sequence) + 1):
            for length in range(1, min(order, end) + 1):
                gram = tuple(sequence[end - length : end])
                raw[length][gram] = raw[length].get(gram, 0) + 1
    counts = [dict(level) for level in raw]
    for length in range(1, order):
        for gram in counts[length]:
            if gram[0] != "<s>":
                counts[length][gram] = sum(longer[1:] == gram for longer in raw[length + 1])
    counts[1][("<s>",)] = 0
    kinds = len(counts[1])

    def discounts(level):
        n = [max(1, sum(c == k for c in level.values())) for k in range(1, 5)]
        y = n[0] / (n[0] + 2 * n[1])
        found = [1 - 2 * y * n[1] / n[0], 2 - 3 * y * n[2] / n[1], 3 - 4 * y * n[3] / n[2]]
        return [0.0, *(min(max(0.1, d), k - 0.1) for k, d in enumerate(found, 1))]

    def probability(graphone, history):
        history = tuple(history)[max(0, len(history) - order + 1) :]
        lower = 1 / kinds if not history else probability(graphone, history[1:])
        level = counts[len(history) + 1]
        after = {gram: c for gram, c in level.items() if gram[:-1] == history}
        total = sum(after.values())
        if total == 0:
            return lower
        d = discounts(level)
        own = after.get((*history, graphone), 0)
        return (own - d[min(own, 3)] + sum(d[min(c, 3)] for c in after.values()) * lower) / total

    return sequences, probability


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_are_those_of_the_definition(order):
    pairs = words(40)
    model, (sequences, probability) = learn_joint_ngrams(pairs, order), enumerated(pairs, order)
    numbers = {"<s>": START, "</s>": END, **{g: n for n, g in enumerate(model.graphones) if n > END}}
    for sequence in sequences[:10]:
        state = model._after_start
        for place in range(1, len(sequence)):
            found, state = model._step(state, numbers[sequence[place]])
            assert found == pytest.approx(probability(sequence[place], sequence[:place]), rel=1e-5)


def test_the_probabilities_after_any_graphones_add_up_to_one():
    model = learn_joint_ngrams(words(200), 3)
    state, generator = ROOT, random.Random(0)
    for _ in range(30):
        after = [model._step(state, number) for number in range(len(model.graphones))]
        assert sum(probability for probability, _ in after) == pytest.approx(1.0, abs=1e-4)
        state = generator.choice(after[END + 1 :])[1]


def test_the_probability_of_a_pair_is_the_sum_over_its_alignments():
    # Nothing says which of the symbols is silent, so that both alignments count.
    pairs = [((0, 0), (10,)), ((0, 1), (10, 11)), ((0,), (10,))] * 5
    model, source, target = learn_joint_ngrams(pairs, 2), (0, 0), (10,)
    numbers = {graphone: number for number, graphone in enumerate(model.graphones)}
    whole = 0.0
    for widths in ((0, 1), (1, 0)):
        state, product, done = model._after_start, 1.0, 0
        for symbol, width in zip(source, widths, strict=True):
            number = numbers.get((symbol, target[done : done + width]))
            step = (1e-7, ROOT) if number is None else model._step(state, number)
            product, state, done = product * step[0], step[1], done + width
        whole += product * model._step(state, END)[0]
    assert model.log_probability(source, target) == pytest.approx(math.log(whole), rel=1e-6)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_an_alignment_is_the_likeliest_of_all(order):
    model = learn_joint_ngrams(words(80), order)
    numbers = {graphone: number for number, graphone in enumerate(model.graphones)}
    for source, target in words(40, seed=1):
        if len(source) > 5:
            continue
        best: tuple[float, list[int]] = (0.0, [-1] * len(source))
        for widths in itertools.product(range(model.widest + 1), repeat=len(source)):
            if sum(widths) != len(target):
                continue
            state, product, done, chosen = model._after_start, 1.0, 0, []
            for symbol, width in zip(source, widths, strict=True):
                number = numbers.get((symbol, target[done : done + width]), -1)
                factor, state = (1e-7, ROOT) if number < 0 else model._step(state, number)
                product, done, chosen = product * factor, done + width, [*chosen, number]
            best = max(best, (product * model._step(state, END)[0], chosen))
        assert model.align(source, target) == best[1]


def test_what_has_too_many_symbols_has_no_alignment():
    model = learn_joint_ngrams(words(50), 3)
    assert model.align((0, 1), (10,) * 9) == [-1, -1]
    assert model.align((), (10,)) == []
    assert model.align((77,), (10,)) == [-1]


def test_what_was_learned_is_likelier_than_what_was_not():
    model = learn_joint_ngrams(words(500), 4)
    for source, target in words(50, seed=1):
        other = tuple(15 if symbol == 14 else 14 if symbol == 15 else symbol for symbol in target)
        assert other == target or model.log_probability(source, target) > model.log_probability(source, other) + 1


@pytest.mark.parametrize(("source", "target"), [((0,), (10,) * 9), ((), (10,)), ((77, 78), (10, 12, 13, 12, 13, 10))])
def test_what_cannot_be_aligned_has_the_least_probability(source, target):
    assert learn_joint_ngrams(words(50), 3).log_probability(source, target) == -60.0


def test_long_pairs_do_not_run_out_of_small_numbers():
    model = learn_joint_ngrams(words(300), 3)
    source = (0, 1, 2, 3) * 100
    assert -600 < model.log_probability(source[:8], pronounced(source[:8])) < -1
    assert model.log_probability(source, pronounced(source)) == -60.0


def test_no_pairs_no_ngrams():
    assert learn_joint_ngrams([], 3) is None
    assert learn_joint_ngrams([((), (1,))], 3) is None


def test_the_same_pairs_give_the_same_file_and_the_file_the_same_probabilities():
    pairs = words(200)
    model = learn_joint_ngrams(pairs, 4)
    text = json.dumps(model.to_json())
    assert text == json.dumps(learn_joint_ngrams(pairs, 4).to_json())
    again = JointNgrams.from_json(json.loads(text))
    for pair in words(20, seed=1):
        assert again.log_probability(*pair) == model.log_probability(*pair)


@pytest.mark.parametrize(
    "change",
    [
        {"history": "!"},
        {"history": ""},
        {"symbols": [1]},
        {"targets": 5},
        {"targets": [[float("inf")]]},
        {"suffix": None},
        {"probability": "AAAAAA=="},
    ],
)
def test_a_damaged_file_is_refused(change):
    content = learn_joint_ngrams(words(50), 3).to_json()
    with pytest.raises(DataError, match=r"joint\.json"):
        JointNgrams.from_json({**content, **change})


def test_ngrams_that_come_before_their_own_histories_are_refused():
    content = learn_joint_ngrams(words(50), 3).to_json()
    with pytest.raises(DataError, match="do not fit together"):
        JointNgrams.from_json({**content, "history": content["suffix"][:16] + content["history"][16:][::-1]})


def test_hypotheses_are_ordered_by_both_scores():
    found = [Hypothesis((1,), -1.0, -1.0), Hypothesis((2, 2), -1.5, -1.5), Hypothesis((3,), -9.0, -9.0)]
    other = {(1,): -10.0, (2, 2): -1.0, (3,): -1.0}
    first, second = reranked(found, other.__getitem__, 0.5, 1.0, 2)
    assert (first.tokens, second.tokens) == ((2, 2), (1,))
    assert first.score == pytest.approx(-1.5 - 0.5 / length_penalty(3, 1.0))
    assert [h.tokens for h in reranked(found, other.__getitem__, 0.0, 1.0, 3)] == [(1,), (2, 2), (3,)]


def example(source, target):
    return Pair(source, (target,), SourceLocation("x", 1))


def built(joint_ngrams=3, tagging=0.5):
    texts = [("".join("abcd"[s] for s in source), " ".join(map(str, target))) for source, target in words(200)]
    codec = PairCodec.learn([t for t in texts if t[1]], ("char", "space"), 100, joint_ngrams=joint_ngrams)
    torch.manual_seed(0)
    config = make_config(G2PConfig, {"hidden_size": 8, "embedding_size": 4, "tagging": tagging})
    return codec, EncoderDecoderHead.build(config, codec).eval()


def test_a_head_asks_the_ngrams_once_they_have_a_weight():
    codec, head = built()
    batch = codec.collate([codec.encode(word) for word in ("abcd", "ca", "ddda")])
    alone = head.predict(batch, n_best=5)
    head.joint.set(used=True)
    both = head.predict(batch, n_best=5)
    assert [{text for text, _ in found.n_best} for found in both] == [
        {text for text, _ in found.n_best} for found in alone
    ]
    for word, found, before in zip(("abcd", "ca", "ddda"), both, alone, strict=True):
        scores, source = dict(before.n_best), codec.source.encode(word)
        for text, score in found.n_best:
            target = codec.target.encode(text)
            log_probability = codec.joint.log_probability(source, target)
            expected = scores[text] + 0.4 * log_probability / length_penalty(len(target) + 1, 1.0)
            assert score == pytest.approx(expected, abs=1e-5)
        assert [score for _, score in found.n_best] == sorted((score for _, score in found.n_best), reverse=True)
    assert [found.n_best for found in head.predict(batch, n_best=1)] == [found.n_best[:1] for found in both]


@torch.no_grad()
def test_the_encoder_is_taught_what_each_source_symbol_stands_for():
    codec, head = built()
    pairs = [example("abca", "10 11 12 10"), example("ca", "12 10")]
    batch = codec.collate([codec.encode(pair.source, pair) for pair in pairs])
    graphones = head.tagger.graphones(batch)
    assert graphones[0].tolist() == codec.joint.align(
        *(side.tolist() for side in (batch.tokens[0], batch.targets[0][:4]))
    )
    assert graphones[1, :2].tolist() == codec.joint.align(batch.tokens[1, :2].tolist(), batch.targets[1, :2].tolist())
    assert graphones[1, 2:].tolist() == [-1, -1]

    encoded = head.encoder(batch.tokens, batch.lengths)
    log_p = head.tagger.output(encoded.outputs).log_softmax(-1)
    expected = -sum(
        0.9 * log_p[row, place, graphones[row, place]] + 0.1 * log_p[row, place].mean()
        for row, place in (graphones >= 0).nonzero().tolist()
    )
    assert float(head.tagger.nats(encoded.outputs, batch, 0.1)) == pytest.approx(float(expected), rel=1e-5)


@torch.no_grad()
def test_only_training_asks_the_tagger():
    codec, head = built()
    pairs = [example("abca", "10 11 12 10"), example("ca", "12 10")]
    batch = codec.collate([codec.encode(pair.source, pair) for pair in pairs])
    for module in (head.encoder, head.decoder):
        module.dropout = module.embedding_dropout = 0.0
    losses = {}
    for training in (False, True):
        head.train(training)
        for tagging in (0.0, 0.5):
            head.tagging = tagging
            losses[training, tagging] = float(head.loss(batch).sum)
    nats = float(head.tagger.nats(head.encoder(batch.tokens, batch.lengths).outputs, batch, head.label_smoothing))
    assert losses[False, 0.5] == losses[False, 0.0]
    assert losses[True, 0.5] == pytest.approx(losses[True, 0.0] + 0.5 * nats, rel=1e-5)
    assert nats > 1


def test_a_head_without_alignments_or_their_loss_has_no_tagger():
    assert built(joint_ngrams=0)[1].tagger is None
    assert built(tagging=0.0)[1].tagger is None


def test_greedy_search_and_a_head_without_ngrams_do_not_ask():
    codec, head = built()
    batch = codec.collate([codec.encode("abcd")])
    alone = head.predict(batch, beam_size=1)
    head.joint.set(used=True)
    assert head.predict(batch, beam_size=1) == alone
    codec, head = built(joint_ngrams=0)
    assert (codec.joint, head.joint) == (None, None)
    assert "joint.json" not in codec.to_json()
    assert not [name for name in head.state_dict() if "joint" in name]


def test_a_codec_with_ngrams_is_the_same_after_its_files():
    codec, _ = built()
    again = PairCodec.from_json(codec.to_json())
    assert again.to_json() == codec.to_json()


@pytest.mark.parametrize(("better", "kept"), [("both", True), ("alone", False), ("neither", True)])
def test_ngrams_are_kept_unless_they_make_outputs_clearly_worse(better, kept):
    weight, examples = JointWeight(), [example("a", "right")] * 40

    def write():
        correct = {"both": float(weight) > 0, "alone": float(weight) == 0, "neither": True}[better]
        return [Translated("right" if correct else "wrong", 0.0, ())] * 40

    def score(outputs, truth):
        return {"wer": float(np.mean([o.text != e.references[0] for o, e in zip(outputs, truth, strict=True)]))}

    tuned = tune_weight(weight, write, examples, score, Criterion("wer", False))
    assert (float(weight) > 0) == kept == (tuned.weight > 0)
    assert (tuned.both, tuned.alone) == {"both": (0.0, 1.0), "alone": (1.0, 0.0), "neither": (0.0, 0.0)}[better]


@pytest.mark.parametrize(("worse", "kept"), [(3, True), (7, False)])
def test_a_few_more_errors_among_fifty_words_may_be_luck(worse, kept):
    # A difference of 3 words has a standard deviation of 1.7 words, one of 7 words 2.5.
    weight, examples = JointWeight(), [example("a", "right")] * 50

    def write():
        wrong = 20 + (worse if float(weight) > 0 else 0)
        return [Translated("wrong", 0.0, ())] * wrong + [Translated("right", 0.0, ())] * (50 - wrong)

    def score(outputs, truth):
        return {"wer": float(np.mean([o.text != e.references[0] for o, e in zip(outputs, truth, strict=True)]))}

    tune_weight(weight, write, examples, score, Criterion("wer", False))
    assert (float(weight) > 0) == kept


def test_tuning_twice_chooses_the_same():
    codec, head = built()
    config, examples = make_config(G2PConfig, {}), [example("abcd", "10 12 13 15"), example("ca", "12 13 10")] * 5
    items = [codec.encode(pair.source, pair) for pair in examples]
    first = TASK.tune(config, codec, head, items, examples)
    assert set(first) == {"joint_ngrams"}
    assert TASK.tune(config, codec, head, items, examples) == first


def test_exported_files_have_the_ngrams_only_where_they_count():
    codec, head = built()
    assert "joint.json" not in export_encoder_decoder(head, codec, output="text", reads="text").symbols
    head.joint.set(used=True)
    exported = export_encoder_decoder(head, codec, output="text", reads="text")
    assert exported.symbols["joint.json"] == codec.to_json()["joint.json"]
    assert exported.symbols["joint_weight"] == 0.4
