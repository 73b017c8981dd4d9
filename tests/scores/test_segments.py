from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.scores.segments import Segment, edit_score, segment_f1, segments

LABELS = st.text("abc", max_size=12)
TEN = "aaaaabbbbb"


def test_segments_are_stretches_of_one_label():
    assert segments("aabccc") == [Segment("a", 0, 2), Segment("b", 2, 3), Segment("c", 3, 6)]
    assert segments("aabccca", background="a") == [Segment("b", 2, 3), Segment("c", 3, 6)]
    assert segments([]) == []


@given(LABELS)
def test_segments_tell_every_label_again(labels):
    found = segments(labels)
    assert "".join(segment.label * (segment.stop - segment.start) for segment in found) == labels
    assert all(one.stop == other.start and one.label != other.label for one, other in pairwise(found))


# Truth aaaaabbbbb. aabbbbbbbb: a shares 2 of 5, b 5 of 8. abaaabbbbb: a (1 of 5), b (none), a (3 of 5), b (5 of 5).
@pytest.mark.parametrize(
    ("found", "overlap", "right", "found_segments"),
    [
        (TEN, 1.0, 2, 2),
        ("aabbbbbbbb", 0.4, 2, 2),
        ("aabbbbbbbb", 0.5, 1, 2),
        ("aabbbbbbbb", 0.625, 1, 2),
        ("aabbbbbbbb", 0.63, 0, 2),
        ("abaaabbbbb", 0.5, 2, 4),
        ("cccccccccc", 0.1, 0, 1),
        ("bbbbbaaaaa", 0.1, 0, 2),
        ("bbbbbaaaaa", 0.0, 0, 2),
    ],
)
def test_f1_of_segments_by_hand(found, overlap, right, found_segments):
    assert segment_f1([TEN], [found], overlap) == pytest.approx(2 * right / (2 + found_segments))


def test_a_true_segment_is_matched_once_however_often_it_is_found():
    # Three pieces of one segment: 2, 2 and 3 steps of 9, all of them enough at 0.2; one is right and two are too many.
    assert segment_f1(["aaaaaaaaa"], ["aabaabaaa"], 0.2) == pytest.approx(2 * 1 / (1 + 5))


def test_f1_counts_segments_over_all_sequences():
    # Two right of two, and none of one against three: 2·2 / (2·2 + 3 + 1), not the mean of 1 and 0.
    assert segment_f1([TEN, "a"], [TEN, "b"], 0.5) == pytest.approx(2 * 2 / (2 + 2 + 1 + 1))


def test_the_edit_score_looks_at_the_order_of_segments_alone():
    assert edit_score(["abbbbbbc"], ["aaaabccc"]) == 1
    # a b c against a c, and a b against c a b a: 1 of 3 and 2 of 4 are wrong.
    assert edit_score(["aabbcc", "ab"], ["aaaccc", "caba"]) == pytest.approx((1 - 1 / 3 + 1 - 2 / 4) / 2)


def test_the_background_counts_nowhere():
    truth, found = ["__aa__bb"], ["aaaa__bb"]
    # The a shares 2 of 4 steps and the b all of them; with the background there are 4 segments against 3.
    assert segment_f1(truth, found, 0.5, background="_") == 1
    assert segment_f1(truth, found, 0.5) == pytest.approx(2 * 3 / (4 + 3))
    assert edit_score(truth, found, background="_") == 1
    assert edit_score(truth, found) == pytest.approx(1 - 1 / 4)


def test_nothing_scores_nothing_and_two_empty_sequences_agree():
    assert segment_f1([], [], 0.5) == edit_score([], []) == 0
    assert edit_score([""], [""]) == 1


@given(st.lists(st.tuples(LABELS, LABELS), max_size=4), st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_scores_lie_between_nothing_and_the_truths_own(pairs, overlap):
    truth, found = [one for one, _ in pairs], [other for _, other in pairs]
    assert 0 <= segment_f1(truth, found, overlap) <= segment_f1(truth, truth, overlap) <= 1
    assert 0 <= edit_score(truth, found) <= edit_score(truth, truth) <= 1


def test_as_many_sequences_must_be_found_as_are_true():
    with pytest.raises(ValueError, match="zip"):
        segment_f1(["a"], ["a", "b"], 0.5)
