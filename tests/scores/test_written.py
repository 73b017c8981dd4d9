import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.errors import UsageError
from seqkit.scores.written import bleu, bleu_signature, chrf, chrf_signature, cider, edit_distance, error_rates

WORDS = st.lists(st.sampled_from("abc"), max_size=6)


def test_bleu_is_the_geometric_mean_of_precisions_with_the_brevity_penalty():
    # 6 tokens against 7: precisions 6/6, 4/5, 2/4, 1/3 and the penalty exp(1 - 7/6).
    hypothesis, reference = "the cat sat on a mat", "the cat sat on the old mat"
    one = [5 / 6, 3 / 5, 2 / 4, 1 / 3]
    expected = 100 * math.exp(1 - 7 / 6) * math.prod(one) ** 0.25
    assert bleu([hypothesis], [[reference]]) == pytest.approx(expected)


def test_each_hypothesis_may_have_as_many_references_as_it_likes():
    hypotheses = ["a b c d e", "f g h i j"]
    assert bleu(hypotheses, [["x y z", "a b c d e"], ["f g h i j"]]) == pytest.approx(100)
    assert chrf(hypotheses, [["x y z", "a b c d e"], ["f g h i j"]]) == pytest.approx(100)


def test_no_hypotheses_score_nothing():
    assert bleu([], []) == chrf([], []) == cider([], []) == 0
    assert error_rates([], []) == (0, 0)


def test_signatures_tell_the_number_of_references():
    assert bleu_signature([["a"], ["b"]]).startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert bleu_signature([["a", "c"], ["b"]]).startswith("nrefs:var|")
    assert chrf_signature([["a"]]).startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")


def test_a_missing_sacrebleu_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(UsageError, match=r"needs sacrebleu; install it with: pip install 'seqkit\[text\]'"):
        bleu(["a"], [["a"]])


@pytest.mark.parametrize(("one", "other", "distance"), [("kitten", "sitting", 3), ("", "abc", 3), ("ab", "ba", 2)])
def test_edit_distances_of_the_textbook(one, other, distance):
    assert edit_distance(one, other) == edit_distance(other, one) == distance


@given(WORDS, WORDS, WORDS)
def test_an_edit_distance_is_a_metric(a, b, c):
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


def test_error_rates_hold_each_hypothesis_against_its_nearest_reference():
    symbols, sequences = error_rates([list("abc"), list("xy")], [["abcd", "axxc"], ["xy", "zzzz"]])
    assert symbols == pytest.approx(1 / (4 + 2))
    assert sequences == 1 / 2


def test_cider_of_a_corpus_by_hand():
    references = [[["a", "b"]], [["a", "c"]]]
    assert cider([["a", "b"], ["a", "c"]], references) == pytest.approx(10 * (1 + 1 + 0 + 0) / 4)
    # "a" is everywhere and weighs nothing; "b" and "a b" weigh log 2 each. One token is missing: exp(-1/72).
    found = cider([["b"], ["a", "c"]], references)
    assert found == pytest.approx(10 * ((1 / 4) * math.exp(-1 / 72) + 2 / 4) / 2)


def test_cider_does_not_pay_for_a_word_said_twice():
    references = [[["a", "b", "c", "d"]], [["e", "f", "g", "h"]]]
    assert cider([["a", "b", "c", "d"], ["e"]], references) > cider([["a", "a", "b", "c", "d"], ["e"]], references)


SHORT = [["chat"], ["chien"], ["le chat"], ["merci"]]
CHINESE = [["这部电影非常好看，我很喜欢。"], ["太无聊了，不推荐给任何人。"]]
JAPANESE = [["この映画はとても面白かったです。"], ["退屈で長すぎると思いました。"]]
THAI = [["ภาพยนตร์เรื่องนี้สนุกมาก"], ["น่าเบื่อและยาวเกินไป"]]
KOREAN = [["이 영화는 정말 재미있었다 그리고 좋았다"], ["지루하고 너무 길었다 정말 그렇다"]]


@pytest.mark.parametrize("references", [SHORT, CHINESE, JAPANESE, THAI, KOREAN])
def test_texts_that_are_their_references_have_the_best_bleu_in_every_script_and_length(references):
    assert bleu([accepted[0] for accepted in references], references) == pytest.approx(100)


@pytest.mark.parametrize(
    ("references", "tokens"), [(CHINESE, "zh"), (JAPANESE, "char"), (THAI, "char"), (KOREAN, "13a")]
)
def test_the_signature_says_how_a_script_is_cut(references, tokens):
    assert f"|tok:{tokens}|" in bleu_signature(references)


def test_half_of_a_chinese_sentence_is_better_than_another_sentence():
    half, other = [["这部电影非常好看。"[:7], CHINESE[1][0][:6]], ["天气预报说明天会下雨", "他们昨天去了北京"]]
    assert bleu(half, CHINESE) > bleu(other, CHINESE) + 5


def test_short_references_are_scored_by_the_ngrams_that_they_have_and_the_signature_says_so():
    assert bleu_signature(SHORT).endswith("|order:2")
    right, wrong = ["chat", "chien", "le chat", "oui"], ["non", "non", "non", "non"]
    assert 50 < bleu(right, SHORT) < 100 > 10 > bleu(wrong, SHORT)


def test_references_of_four_tokens_are_scored_as_everywhere():
    usual = [["the cat sat on the mat"]] * 2 + [["yes"]] * 8
    assert "order" not in bleu_signature(usual)
