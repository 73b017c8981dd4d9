"""Lessons: their pages, and that what they measure is what they say."""

import html
import re

import pytest

from seqkit.lessons import available_lessons, find_lesson, lesson_page
from seqkit.lessons.attention import sentence_pairs
from seqkit.lessons.gradients import cell_flow, radius_flow
from seqkit.lessons.temperature import known_words
from seqkit.lessons.truncation import echo_accuracy

QUICK = {"gradients"}


def test_without_input_the_gradient_is_a_power_of_the_spectral_radius():
    for radius in (0.5, 1.0, 1.5):
        flow = radius_flow(radius, 0.0, seed=3)
        assert flow == pytest.approx([radius**lag for lag in range(len(flow))], rel=1e-3)


def test_inputs_saturate_tanh_and_take_gradient_away():
    for radius in (0.5, 1.0, 1.5):
        assert radius_flow(radius, 1.0, seed=0)[40] < 0.5 * radius_flow(radius, 0.0, seed=0)[40]


def test_chrono_initialisation_lets_more_of_the_gradient_through():
    for cell in ("gru", "lstm"):
        assert cell_flow(cell, 100, seed=0)[-1] > 10 * cell_flow(cell, None, seed=0)[-1]


def test_what_lies_beyond_a_chunk_is_learned_only_where_chunks_are_longer_and_the_state_is_carried():
    assert echo_accuracy(2, False, 0) < 0.6
    assert echo_accuracy(8, True, 0) > 0.95 > echo_accuracy(8, False, 0)


def test_adjectives_follow_their_noun_in_its_gender_and_a_not_is_in_two_halves():
    splits = sentence_pairs(0)
    pairs = {pair.source: pair.references[0] for pair in [*splits.train, *splits.valid, *splits.test]}
    assert len(pairs) >= 1890
    for english, french in pairs.items():
        assert ("does not" in english) == (" ne " in french) == (french.split().count("pas") == 1)
        assert ("white cow" in english) == ("vache blanche" in french) and "vache blanc " not in f"{french} "


def test_known_words_are_counted_but_not_the_one_that_is_cut():
    assert known_words("the cat si th", {"the", "cat"}) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in available_lessons()]
)
def test_a_page_needs_nothing_else_and_shows_how_it_was_made(name):
    pytest.importorskip("matplotlib")
    page, lesson = lesson_page(name, seed=1), find_lesson(name)
    assert page.count("<h1>") == 1 and lesson.title in page
    assert f"seqkit lesson {name} --seed 1" in page
    assert all(f"def {function.__name__}(" in page for function in lesson.shown)
    assert "<math" in page and "<svg" in page and "<script" not in page
    assert not re.search(r'(src|href)="http', page)
    assert "nan" not in re.sub(r"<(svg|pre).*?</\1>", "", page, flags=re.DOTALL)


def test_the_same_seed_gives_the_same_page():
    pytest.importorskip("matplotlib")
    assert lesson_page("gradients", 2) == lesson_page("gradients", 2) != lesson_page("gradients", 3)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in available_lessons()]
)
def test_the_python_on_a_page_runs_as_it_is_shown_and_calls_its_functions(name, capsys):
    lesson = find_lesson(name)
    python = lesson.python(seed=1)
    assert html.escape(python) in lesson_page(name, seed=1)
    exec(compile(python, name, "exec"), {})
    assert capsys.readouterr().out.strip()
    assert any(function.__name__ in python for function in lesson.shown)
