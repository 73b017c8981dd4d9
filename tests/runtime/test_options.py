"""Answers without torch under the options that decide them: thresholds, CRFs, searches, memories, streams."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from seqkit.data import DataError
from seqkit.data.inputs import windows
from seqkit.data.sources.strips import strips
from seqkit.errors import UsageError
from seqkit.runtime.texts import classified
from tests.answers import alike


@pytest.mark.parametrize("threshold", ["0.001", "0.4999", "0.999"])
def test_the_threshold_of_two_labels_holds(threshold, opened, texts):
    model, ours = opened("sentiment", texts, threshold=threshold)
    inputs = [example.text for example in texts]
    assert alike(ours.predict(inputs), model.predict(inputs))


def test_a_probability_that_reaches_the_threshold_is_enough():
    found = classified(("bad", "good"), np.array([[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]), 0.5)
    assert [each.label for each in found] == ["good", "bad", "good"]


def test_counts_of_ngrams_speak_as_they_do_in_the_run(opened, texts):
    model, ours = opened("sentiment", texts, ngrams=True)
    inputs = ["fine and fine", "dull dull film", "nothing known", "a fine film, truly"]
    assert model.head.prior is not None
    assert alike(ours.predict(inputs), model.predict(inputs))


@pytest.mark.parametrize("options", [{"crf": True}, {"crf": True, "features": False}, {"crf": False, "balance": 0.7}])
def test_sentences_are_tagged_as_by_the_run(options, opened, sentences):
    model, ours = opened("tag", sentences, data="x.conll", **options)
    inputs = ["Ada wrote the note.", ["Lovelace", "wrote"], "extraordinarily long words in Ada", "note"]
    assert alike(ours.predict(inputs), model.predict(inputs))
    assert alike(ours.predict(inputs, all_probabilities=True), model.predict(inputs, all_probabilities=True))


def test_the_best_labellings_of_a_crf_are_the_run_s_in_order(opened, sentences):
    model, ours = opened("tag", sentences, data="x.conll", crf=True)
    inputs = [["Ada", "Lovelace", "wrote", "the", "note"], ["Ada"]]
    wanted = model.predict(inputs, n_best=4)
    assert len(wanted[0].n_best) == 4
    assert alike(ours.predict(inputs, n_best=4), wanted)


def test_more_than_one_labelling_needs_a_crf(opened, sentences):
    _, ours = opened("tag", sentences, data="x.conll", crf=False)
    with pytest.raises(UsageError, match="n_best above 1 needs a model with a CRF"):
        ours.predict(["Ada"], n_best=2)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_frames_are_labelled_as_they_come_however_far_the_model_looks_ahead(cell, opened):
    clips = strips((4, 1, 1), 1, 0).train
    model, ours = opened("frames", clips, bidirectional=False, delay=3, cell=cell, frame_size=5, hidden_size=8)
    theirs, stream = model.stream(), ours.stream()
    for clip in clips[:2]:
        features = clip.clip.features[:9]
        wanted = [theirs.push(row) for row in features] + theirs.finish()
        found = [stream.push(row) for row in features] + stream.finish()
        assert alike(found, wanted)
        whole = ours.predict([features])[0]
        assert whole.labels == tuple(each.label for each in found if each is not None)


SEARCHES = [
    {"beam_size": 1},
    {"beam_size": 4, "n_best": 3},
    {"beam_size": 3, "length_penalty": 0.0},
    {"beam_size": 4, "coverage_penalty": 0.3, "n_best": 2},
    {"no_repeat_ngram": 2},
    {"max_ratio": 0.5, "max_extra": 1},
]


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "gru"},
        {"cell": "lstm", "attention": "additive", "coverage": True, "input_feeding": True, "num_layers": 2},
        {"attention": "dot", "lexical": False},
    ],
    ids=["plain", "coverage", "no lexical path"],
)
def test_every_search_finds_what_the_run_finds(options, opened, pairs):
    # Of random weights long outputs are all but equally likely, and rounding would choose among them.
    model, ours = opened("g2p", pairs, max_extra=4, max_ratio=1.0, **options)
    words = ["badobe", "k", "dado", "zebra", "bob"]
    for search in SEARCHES:
        assert alike(ours.predict(words, **search), model.predict(words, **search)), search


def test_placeholders_are_written_and_unknown_words_copied(opened, phrases):
    model, ours = opened("translate", phrases, tokenizer="word", max_extra=20, min_count=1)
    inputs = ["save {name} now", "open the garden", "{x} of {y} saved", "%s"]
    for options in ({}, {"copy_unknown": True}, {"copy_unknown": True, "beam_size": 1}, {"n_best": 3}):
        assert alike(ours.predict(inputs, **options), model.predict(inputs, **options)), options
    assert "{name}" in ours.predict(["save {name} now"])[0].text


def test_ngrams_of_aligned_symbols_judge_as_many_outputs_as_in_the_run(opened, pairs):
    options = {"joint_ngrams": 3, "max_extra": 4, "max_ratio": 1.0}
    model, ours = opened("g2p", pairs, lambda head: head.joint.set(True), **options)
    words, alone = ["badobe", "dado", "bob"], []
    for search in ({"beam_size": 5}, {"beam_size": 4, "n_best": 2}, {"beam_size": 1}):
        wanted = model.predict(words, **search)
        assert alike(ours.predict(words, **search), wanted), search
        model.head.joint.set(False)
        alone.append(alike(model.predict(words, **search), wanted))
        model.head.joint.set(True)
    assert alone == [False, False, True]


@pytest.mark.parametrize("threshold", [0.5, 0.9, 2.0])
def test_the_memory_answers_where_it_answers_in_the_run(threshold, opened, phrases):
    model, ours = opened(
        "translate", phrases, lambda head: head.gate.threshold.fill_(threshold), memory=10, tokenizer="word"
    )
    inputs = ["open the file", "save the file", "save {thing}", "nothing like it"]
    wanted = model.predict(inputs, n_best=2)
    assert alike(ours.predict(inputs, n_best=2), wanted)
    assert any(each.recalled for each in wanted) == (threshold < 1)


def test_texts_are_drawn_with_the_model_s_probabilities(opened, prose):
    model, ours = opened("charlm", prose, noise=0.1)
    counts = [
        Counter("".join(asked.generate("the c", length=1, seed=seed)) for seed in range(400)) for asked in (model, ours)
    ]
    apart = sum(abs(counts[0][letter] - counts[1][letter]) for letter in {*counts[0], *counts[1]})
    # Two draws of 400 from one distribution over 12 letters differ by about 90 on average.
    assert apart < 160
    for options in ({"top_k": 1}, {"top_p": 1e-9}):
        assert [*ours.generate("the", length=20, **options)] == [*model.generate("the", length=20, temperature=0.0)]


def test_a_drawn_text_keeps_to_the_most_likely(opened, prose):
    model, ours = opened("charlm", prose)
    for seed in range(20):
        theirs = "".join(model.generate("the c", length=1, temperature=0.0))
        assert "".join(ours.generate("the c", length=1, temperature=1e-31, seed=seed)) == theirs


def test_a_long_text_costs_what_it_costs_the_run(opened, prose, monkeypatch):
    monkeypatch.setattr(windows, "STEPS", 16)
    model, ours = opened("charlm", prose, num_layers=2, cell="lstm")
    long = ["the cat sat on the mat. " * 25, "the", "\n"]
    assert alike(ours.answers(long), model.answers(long))


@pytest.mark.parametrize("start", ["first", "state", "grid"])
def test_captions_of_pictures_and_of_vectors(start, opened, pictures):
    model, ours = opened(
        "caption", pictures, start=start, picture_size=13, width=2, vector_size=5, encoder="convolutional"
    )
    inputs = [example.picture for example in pictures]
    for options in ({}, {"beam_size": 1}, {"beam_size": 4, "length_penalty": 1.0, "no_repeat_ngram": 1}):
        assert alike(ours.predict(inputs, **options), model.predict(inputs, **options)), options


def test_inputs_that_cannot_be_read_are_refused_as_by_the_run(opened, pictures):
    model, ours = opened("caption", pictures, start="state", picture_size=13, width=2, vector_size=5)
    wrong = dataclasses.replace(pictures[0].picture, values=np.zeros((9, 9, 1), np.uint8))
    for asked in (model, ours):
        with pytest.raises(DataError, match=r"this model reads \(13, 13, 1\)"):
            asked.predict([wrong])


EVERY = {"zoneout": 0.2, "residual": True, "learned_state": True, "num_layers": 2}


@pytest.mark.parametrize("cell", ["lstm", "s-lstm"])
def test_a_text_begins_with_the_state_that_was_learned(cell, opened, prose):
    model, ours = opened("charlm", prose, cell=cell, **EVERY)
    assert float(model.head.decoder.recurrent.initial_state(1).h.detach().abs().sum()) > 1
    inputs = ["the cat sat", "a mat.", "", "t"]
    assert alike(ours.predict(inputs), model.predict(inputs))


def test_frames_begin_with_the_state_that_was_learned(opened):
    clips = strips((4, 1, 1), 1, 0).train
    model, ours = opened("frames", clips, bidirectional=False, delay=1, hidden_size=8, **EVERY)
    theirs, stream = model.stream(), ours.stream()
    for clip in clips[:2]:
        features = clip.clip.features[:5]
        wanted = [theirs.push(row) for row in features] + theirs.finish()
        found = [stream.push(row) for row in features] + stream.finish()
        assert alike(found, wanted)


def test_captions_and_translations_are_written_with_all_options(opened, pictures, phrases, pairs):
    model, ours = opened("caption", pictures, start="first", picture_size=13, width=2, vector_size=5, **EVERY)
    values = [each.picture for each in pictures]
    assert alike(ours.predict(values), model.predict(values))
    model, ours = opened("g2p", pairs, **EVERY)
    inputs = [example.source for example in pairs]
    assert alike(ours.predict(inputs), model.predict(inputs))
