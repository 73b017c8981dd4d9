"""Spans as conlleval reads them, schemes recognised, repaired and converted, and what a CRF may do under them."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.schemes import allowed_transitions, broken, detect_scheme, repair, spans, written
from seqkit.errors import UsageError

SCHEMES = ["bio", "iob1", "bioes", "bilou"]
# Tjong Kim Sang and Veenstra (1999) give the base noun phrases of this sentence so.
GOLD = "In [early trading] in [Hong Kong] [Monday] , [gold]"
GOLD_TAGS = {
    "bio": "O B I O B I B O B",
    "iob1": "O I I O I I B O I",
    "bioes": "O B E O B E S O S",
    "bilou": "O B L O B L U O U",
}
# Valid sentences of types X and Y, each tag with a space after it.
VALID = {
    "bio": r"(O |B-X (I-X )*|B-Y (I-Y )*)*",
    "iob1": r"(O |(I-X )+(B-X (I-X )*)*|(I-Y )+(B-Y (I-Y )*)*)*",
    "bioes": r"(O |S-X |S-Y |B-X (I-X )*E-X |B-Y (I-Y )*E-Y )*",
    "bilou": r"(O |U-X |U-Y |B-X (I-X )*L-X |B-Y (I-Y )*L-Y )*",
}
any_tags = st.lists(st.sampled_from(["O", *(f"{letter}-{kind}" for letter in "BIESLU" for kind in "XY"), "B", "q-X"]))


def typed(letters, kind="NP"):
    return tuple(letter if letter == "O" else f"{letter}-{kind}" for letter in letters.split())


def labels_of(scheme):
    letters = {"bio": "BI", "iob1": "BI", "bioes": "BIES", "bilou": "BILU"}[scheme]
    return ["O", *(f"{letter}-{kind}" for letter in letters for kind in "XY")]


def test_the_chunks_of_the_conll_2000_sentence():
    text = "He reckons the current account deficit will narrow to only # 1.8 billion in September ."
    tags = "B-NP B-VP B-NP I-NP I-NP I-NP B-VP I-VP B-PP B-NP I-NP I-NP I-NP B-PP B-NP O"
    published = (
        "NP He|VP reckons|NP the current account deficit|VP will narrow|PP to|NP only # 1.8 billion|PP in|NP September"
    )
    words, ours = text.split(), spans(tags.split())
    assert "|".join(f"{kind} {' '.join(words[start:stop])}" for kind, start, stop in ours) == published


def test_the_entities_of_the_conll_2003_sentence():
    tags = "I-ORG O I-PER O O I-LOC O"  # U.N. official Ekeus heads for Baghdad .
    assert spans(tags.split()) == [("ORG", 0, 1), ("PER", 2, 3), ("LOC", 5, 6)]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-X B-X", [("X", 0, 1), ("X", 1, 2)]),
        ("I-X B-X I-X", [("X", 0, 1), ("X", 1, 3)]),
        ("O I-X I-X", [("X", 1, 3)]),
        ("B-X I-Y", [("X", 0, 1), ("Y", 1, 2)]),
        ("I-X I-Y I-Y O", [("X", 0, 1), ("Y", 1, 3)]),
        ("B-X O I-X", [("X", 0, 1), ("X", 2, 3)]),
        ("B-X E-X E-X", [("X", 0, 2), ("X", 2, 3)]),
        ("S-X I-X", [("X", 0, 1), ("X", 1, 2)]),
        ("B-X S-X", [("X", 0, 1), ("X", 1, 2)]),
        ("E-X O", [("X", 0, 1)]),
        ("B-X I-X B-Y", [("X", 0, 2), ("Y", 2, 3)]),
        ("B-X L-X U-X L-X", [("X", 0, 2), ("X", 2, 3), ("X", 3, 4)]),
        ("B-a-b I-a-b", [("a-b", 0, 2)]),
        ("B- B X q-X", []),
        ("", []),
    ],
)
def test_broken_spans_are_read_as_conlleval_reads_them(tags, expected):
    assert spans(tags.split()) == expected


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_published_sentence_in_every_scheme(scheme):
    tags = typed(GOLD_TAGS[scheme])
    assert spans(tags) == [("NP", 1, 3), ("NP", 4, 6), ("NP", 6, 7), ("NP", 8, 9)]
    assert broken(tags, scheme) == []
    for other in SCHEMES:
        assert repair(typed(GOLD_TAGS[other]), scheme) == tags
    assert detect_scheme([tags, ("O",)]) == scheme


@given(any_tags, st.sampled_from(SCHEMES))
def test_a_repair_is_valid_final_and_keeps_the_spans(tags, scheme):
    repaired = repair(tags, scheme)
    assert re.fullmatch(VALID[scheme], "".join(f"{tag} " for tag in repaired))
    assert repair(repaired, scheme) == repaired
    assert spans(repaired) == spans(tags)
    assert written(spans(tags), len(tags), scheme) == repaired


@pytest.mark.parametrize(
    ("scheme", "tags", "repaired", "indices"),
    [
        ("bio", "O I-X I-X", "O B-X I-X", [1]),
        ("bio", "B-X I-Y I-Y", "B-X B-Y I-Y", [1]),
        ("bio", "S-X B-Y E-Y PER", "B-X B-Y I-Y O", [0, 2, 3]),
        ("iob1", "B-X I-X B-X B-Y", "I-X I-X B-X I-Y", [0, 3]),
        ("bioes", "B-X I-X O E-Y", "B-X E-X O S-Y", [1, 3]),
    ],
)
def test_what_a_repair_changes(scheme, tags, repaired, indices):
    assert repair(tags.split(), scheme) == tuple(repaired.split())
    assert broken(tags.split(), scheme) == indices


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_valid_stays_and_nothing_else_does(scheme):
    for length in range(5):
        for tags in itertools.product(labels_of(scheme), repeat=length):
            valid = re.fullmatch(VALID[scheme], "".join(f"{tag} " for tag in tags)) is not None
            assert (not broken(tags, scheme)) == valid


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("drop", [(), ("O",), ("B-X", "O")])
def test_exactly_the_valid_sequences_are_allowed(scheme, drop):
    labels = [label for label in labels_of(scheme) if label not in drop]
    masks = allowed_transitions(labels, scheme)
    assert [mask.dtype for mask in masks] == [bool] * 3
    allowed, start, end = (mask.tolist() for mask in masks)
    for length in range(1, 5):
        for path in itertools.product(range(len(labels)), repeat=length):
            passes = start[path[0]] and end[path[-1]] and all(allowed[a][b] for a, b in itertools.pairwise(path))
            valid = re.fullmatch(VALID[scheme], "".join(f"{labels[label]} " for label in path)) is not None
            assert passes == valid


def test_a_label_outside_the_scheme_has_no_transitions():
    for scheme, label in (("bio", "S-X"), ("bio", "NOUN"), ("bilou", "E-X"), ("bioes", "O-X")):
        with pytest.raises(UsageError, match=f"label '{label}' is not of the scheme {scheme}"):
            allowed_transitions(["O", "B-X", label], scheme)
    with pytest.raises(UsageError, match="unknown scheme 'iob'"):
        allowed_transitions(["O"], "iob")


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (["NOUN VERB", "O"], None),
        (["O O"], None),
        ([], None),
        (["O B", "I-NP VERB"], None),
        (["B-X O", "B-Y B-Y"], "bio"),
        (["I-X O I-Y"], "iob1"),
        (["I-X B-X O", "O I-Y I-Y"], "iob1"),
        (["I-X B-X O", "B-Y O B-X I-X"], "bio"),
        (["B-X O", "B-Y", "O I-X"], "bio"),
        (["S-X O", "B-Y E-Y"], "bioes"),
        (["S-X O", "B-Y I-Y E-Y", "O I-X"], "bioes"),
        (["U-X O", "B-Y L-Y"], "bilou"),
    ],
)
def test_schemes_are_recognised(sentences, scheme):
    assert detect_scheme(sentence.split() for sentence in sentences) == scheme


def test_a_slip_of_the_pen_in_a_hundred_tags_does_not_hide_the_scheme():
    sentences = [("O", "B-X", "I-X")] * 50
    assert detect_scheme([*sentences, ("PER", "O")]) == "bio"
    assert detect_scheme([*sentences, ("S-X", "O")]) == "bio"
    assert detect_scheme([*sentences, *[("PER", "O")] * 10]) is None
