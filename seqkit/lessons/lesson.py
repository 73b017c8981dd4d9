"""What a lesson is, how it is found, and its page."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

from seqkit.errors import unknown
from seqkit.pages import document, equation, muted, safe, section
from seqkit.plugins import Loader, discover

_COMMAND = "seqkit lesson {name} --seed {seed}"


class Lesson(NamedTuple):
    """A page that shows one thing.

    Args:
        title: of the page.
        question: what it answers, in one sentence.
        sections: makes its cards as HTML from a seed; the numbers in them are those of this run.
        shown: the functions whose source is at the end of the page: the experiment, without the drawing of it.
        example: Python that calls them, with ``{seed}`` in place of the seed.
    """

    title: str
    question: str
    sections: Callable[[int], Sequence[str]]
    shown: Sequence[Callable[..., object]]
    example: str

    def python(self, seed: int) -> str:
        """The example with that seed, which runs as it is."""
        return self.example.format(seed=seed).strip()


def available_lessons() -> dict[str, Loader]:
    """The names of all lessons, each with a function that loads it."""
    return discover("seqkit.lessons", skip=("lesson", "training"), pick=lambda module: module.LESSON)


def find_lesson(name: str) -> Lesson:
    """The lesson of that name; raises :class:`UsageError` with the nearest name."""
    lessons = available_lessons()
    if name not in lessons:
        raise unknown("lesson", name, lessons)
    lesson: Lesson = lessons[name]()
    return lesson


def lesson_page(name: str, seed: int = 0) -> str:
    """The page of a lesson as HTML; it trains what it shows, usually in less than a minute on two cores.

    Raises :class:`UsageError` for an unknown name.
    """
    lesson = find_lesson(name)
    header = f"<header><h1>{safe(lesson.title)}</h1><p>{safe(lesson.question)}</p></header>"
    return document(lesson.title, "\n".join([header, *lesson.sections(seed), _making(name, lesson, seed)]), _STYLE)


def figure_beside(picture: str, beside: str) -> str:
    """A picture, and beside it (below it on a phone) its equation and what there is to see."""
    return f'<div class="pair"><figure>{picture}</figure><div>{beside}</div></div>'


def paragraphs(*texts: str) -> str:
    """Texts as paragraphs."""
    return "".join(f"<p>{safe(text)}</p>" for text in texts)


def mathematics(*equations: str) -> str:
    """Equations, one below the other, as :func:`seqkit.pages.equation` reads them."""
    return f'<div class="equation" tabindex="0">{"".join(map(equation, equations))}</div>'


def _making(name: str, lesson: Lesson, seed: int) -> str:
    command = _COMMAND.format(name=name, seed=seed)
    sources = "\n\n".join(textwrap.dedent(inspect.getsource(function)).strip() for function in lesson.shown)
    modules = ", ".join(dict.fromkeys(function.__module__ for function in lesson.shown))
    return section(
        "How this page was made",
        f"<p>The command:</p>{_code(command)}<p>In Python, to run and to change:</p>{_code(lesson.python(seed))}"
        f"<p>The functions that measured what the page shows:</p>{_code(sources)}"
        + muted(f"They are in {modules}. Another seed gives other weights and other data."),
    )


def _code(text: str) -> str:
    return f'<pre tabindex="0">{safe(text)}</pre>'


_STYLE = """
.pair { align-items: start; }
.equation { overflow: auto hidden; } .equation math { text-align: left; }
"""
