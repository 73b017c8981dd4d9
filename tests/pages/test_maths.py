"""Equations as MathML."""

from xml.etree import ElementTree

import pytest

from seqkit.pages import equation


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
