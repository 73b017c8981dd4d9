"""``seqkit lesson [NAME]``: pages to show in class."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from seqkit.commands.output import echo
from seqkit.errors import UsageError


def _complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    from seqkit.lessons import available_lessons

    return [CompletionItem(name) for name in available_lessons() if name.startswith(begun)]


@click.command()
@click.argument("name", required=False, shell_complete=_complete)
@click.option("--out", metavar="FILE", help="The page. [lesson-NAME.html]")
@click.option(
    "--seed", metavar="N", type=click.IntRange(0, 2**31 - 1), default=0, help="Seed of everything random. [0]"
)
def command(name: str | None, out: str | None, seed: int) -> None:
    """Make a page to show in class; without NAME, list the lessons.

    Each page trains the models that it shows, in less than a minute on two cores, and its numbers are those of this
    run. It needs no network and no script, and is light or dark as the browser is.
    """
    from seqkit.files import remove_drafts_of, write_atomic
    from seqkit.lessons import find_lesson, lesson_page

    if name is None:
        if out:
            raise UsageError("--out goes with the name of a lesson; `seqkit lesson` lists them")
        _list_lessons()
        return
    find_lesson(name)
    target = Path(out) if out else Path(f"lesson-{name}.html")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"cannot write {target}: there is no such folder; choose another file with --out")
    content = lesson_page(name, seed).encode("utf-8", "replace")
    remove_drafts_of(target)
    write_atomic(target, content)
    echo(target)


def _list_lessons() -> None:
    from seqkit.lessons import available_lessons, find_lesson

    width = max(map(len, available_lessons())) + 2
    for name in available_lessons():
        lesson = find_lesson(name)
        echo(f"{name:{width}}{lesson.title}")
        echo(textwrap.fill(lesson.question, 79, initial_indent=" " * width, subsequent_indent=" " * width))
    echo("\nMake one: seqkit lesson gradients")
