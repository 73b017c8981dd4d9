"""Equations as MathML."""

import re
from xml.etree import ElementTree

import pytest

from seqkit.cells import available_cells
from seqkit.pages import equation, from_plain
from seqkit.report.cells import equation_paragraphs


def shape(text):
    """The tags of an equation as nested lists, texts at the leaves."""

    def of(element):
        return [element.tag, *(map(of, element) if len(element) else [element.text])]

    return of(ElementTree.fromstring(equation(text).replace("&#160;", " "))[0])[1:]


def test_scripts_are_those_of_the_sign_before_them():
    assert shape("h_t") == [["msub", ["mi", "h"], ["mi", "t"]]]
    assert shape("h_k^2") == shape("h^2_k") == [["msubsup", ["mi", "h"], ["mi", "k"], ["mn", "2"]]]
    assert shape("a b_{t−1}")[1] == ["msub", ["mi", "b"], ["mrow", ["mi", "t"], ["mo", "−"], ["mn", "1"]]]


def test_limits_are_below_and_above_sums_and_products():
    assert [part[0] for part in shape("∏_{k=1}^T x")] == ["munderover", "mi"]
    assert shape("∑_k x")[0] == ["munder", ["mo", "∑"], ["mi", "k"]]


def test_fractions_hold_what_is_in_their_braces():
    assert shape("\\frac{a}{1 + b}") == [
        ["mfrac", ["mrow", ["mi", "a"]], ["mrow", ["mn", "1"], ["mo", "+"], ["mi", "b"]]]
    ]


def test_functions_and_words_are_not_products_of_letters():
    assert shape("tanh(x)")[0] == ["mi", "tanh"]
    assert shape("x for y")[1] == ["mtext", " for "]


def test_signs_of_html_are_text():
    assert shape("a < b")[1] == ["mo", "<"]


@pytest.mark.parametrize("text", ["a_", "h_{t", "a}", "\\frac{a}"])
def test_an_equation_that_is_not_complete_is_refused(text):
    with pytest.raises(ValueError, match="equation"):
        equation(text)


def text_of(plain):
    """All that is set of a docstring's equation, in order."""
    return "".join(ElementTree.fromstring(equation(from_plain(plain))).itertext())


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ("h' = (1 - z) ⊙ h + z ⊙ n", "h′=(1−z)⊙h+z⊙n"),
        ("k = σ(decay) ^ (8 r)", "k=σ(decay)8r"),
        ("h' = h + epsilon tanh(a - gamma h)", "h′=h+εtanh(a−γh)"),
        ("norm(v) = (v - mean v) / sqrt(var v + 1e-5)", "norm(v)=(v−meanv)/√(varv+10−5)"),
        ("M = W_h - W_hᵀ", "M=Wh−Wh⊤"),
        ("a = W v + b_a for each gate", "a=Wv+ba\xa0for\xa0\xa0each\xa0\xa0gate\xa0"),
    ],
)
def test_equations_of_docstrings_are_set_with_every_sign(plain, shown):
    assert text_of(plain) == shown


def test_a_name_of_several_letters_is_one_name_with_room_around_it():
    assert shape(from_plain("keep h"))[:3] == [["mi", "keep"], ["mspace", None], ["mi", "h"]]
    assert shape(from_plain("gain_x ⊙ a"))[0] == ["msub", ["mi", "gain"], ["mi", "x"]]
    assert shape(from_plain("dt z'"))[0] == ["mi", "dt"]


@pytest.mark.parametrize("name", available_cells())
def test_no_letter_of_a_cells_equations_is_lost(name):
    for _, lines in equation_paragraphs(available_cells()[name]()):
        for column in (column for line in lines for column in re.split(" {3,}", line.strip()) if '="' not in column):
            spelled = re.sub("alpha|beta|gamma|epsilon|zeta|nu|sqrt|1e-5", "", column)
            letters = sorted(re.findall("[A-Za-z]", spelled))
            assert sorted(re.findall("[A-Za-z]", text_of(column))) == letters, column
