"""Generated text ends before the first text to stop at, wherever tokens begin and end."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqkit import Decoder, UsageError
from seqkit.answers.continuing import after_last, before_first
from seqkit.config import make_config
from seqkit.data.corpus import Corpus, stretch
from seqkit.search import Sampling
from seqkit.topologies.next_step import LanguageModelHead, NextStepOptions, StreamCodec
from seqkit.topologies.next_step.generation import generate_text

TEXT = "The cat sat on the mat. The dog lay on the log; né à Orléans.\n" * 20


def cut(text, places):
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(edges)]


@given(
    st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3), st.lists(st.integers(0))
)
def test_where_it_stops_never_depends_on_the_pieces(text, stops, places):
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    expected = text[: min(ends)[1]] if ends else text
    assert "".join(before_first(iter(cut(text, places)), stops)) == expected


def test_nothing_is_drawn_after_the_stop():
    drawn = []

    def pieces():
        for piece in ("one ", "tw", "o th", "ree", " four"):
            drawn.append(piece)
            yield piece

    assert "".join(before_first(pieces(), ["two"])) == "one "
    assert drawn == ["one ", "tw", "o th"]


def test_text_that_cannot_belong_to_a_stop_comes_at_once():
    pieces = before_first(iter(["ab", "c", "\n", "d"]), ["\n\n"])
    assert [next(pieces), next(pieces)] == ["ab", "c"]
    # The line break is held back until it is clear that no other follows.
    assert next(pieces) == "\nd"


def test_a_text_written_from_its_end_stops_there_too():
    assert after_last("one. two. three", [". "]) == "three"
    assert after_last("one", ["two"]) == "one"


def model(tokenizer="char", **options):
    torch.manual_seed(0)
    config = make_config(NextStepOptions, {"data": "x", "tokenizer": tokenizer, "normal_form": "NFC", **options})
    codec = StreamCodec.learn(config, [stretch(Corpus("text", (TEXT.encode(),)))])
    head = LanguageModelHead(Decoder(len(codec.vocabulary), 8, hidden_size=8), codec.start, (0, 1)).eval()
    return head, codec


def written(head, codec, notes=None, **options):
    sampling = Sampling(length=300, seed=1, **options)
    return "".join(generate_text(head, codec, "The", sampling, [] if notes is None else notes))


@pytest.mark.parametrize("tokenizer", ["char", "byte", "word"])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_text_is_the_same_up_to_the_stop(tokenizer, reverse):
    head, codec = model(tokenizer, reverse=reverse)
    whole = written(head, codec)
    stop = whole[150:153].strip()
    end = written(head, codec, stop=stop)
    assert stop not in end
    assert whole.endswith(stop + end) if reverse else whole.startswith(end + stop)


def test_a_stop_in_another_form_of_unicode_or_in_capitals_is_found():
    head, codec = model("word")
    assert written(head, codec, stop="ORLE\u0301ANS") == written(head, codec, stop="orléans")
    assert "orléans" not in written(head, codec, stop="ORLE\u0301ANS")


def test_words_say_that_they_never_stop_at_a_line_break():
    notes = []
    written(*model("word"), notes, stop="\n")
    assert notes == [r"the text will not stop at '\n': a model of words writes no white space but spaces"]


def test_an_empty_stop_is_refused():
    with pytest.raises(UsageError, match="the text to stop at is empty"):
        Sampling(stop="")


def test_no_ngram_of_the_prompt_is_written_again():
    head, codec = model()
    tokens = codec.tokenizer.split("The" + written(head, codec, no_repeat_ngram=2, temperature=0.01))
    pairs = list(pairwise(tokens))
    assert len(pairs) == len(set(pairs)) == 302
