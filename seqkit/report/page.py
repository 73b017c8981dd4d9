"""``report.html``: one page about a run, which needs nothing else and no network; ``card.md`` is written with it."""

from __future__ import annotations

from pathlib import Path

from seqkit.pages import document
from seqkit.report import answers, origin, results
from seqkit.report.card import card
from seqkit.report.mistakes import with_mistakes
from seqkit.report.run_files import RunFiles, read_run_files
from seqkit.runs.model import is_ensemble
from seqkit.runs.own_cell import GivenCell

_SECTIONS = (
    results.opening,
    results.scores,
    results.learning,
    answers.tables,
    answers.calibration,
    answers.pictures,
    answers.written,
    origin.model,
    origin.making,
    origin.repeating,
)

_ENSEMBLE_SECTIONS = (
    results.opening,
    results.scores,
    results.members,
    answers.tables,
    answers.calibration,
    answers.pictures,
    answers.written,
    origin.making,
)
"""An ensemble was not trained, and its members have a page of their own."""


def write_report(path: Path, cell: GivenCell = None, mistakes: int | None = None) -> Path:
    """Makes ``report.html`` and ``card.md`` of a finished run from what its folder holds; returns where the page is.

    With ``mistakes`` this many of the worst are listed. The data are only read for a run without ``report.json``.

    Raises :class:`UsageError` for a run that is unfinished, :class:`SeqkitError` for one that is damaged.
    """
    files = read_run_files(path, cell)
    return write_page(files if mistakes is None else with_mistakes(files, mistakes))


def write_page(files: RunFiles) -> Path:
    """Writes the page of a run into its folder, and its card; returns where the page is."""
    run = files.run
    with run.writing():
        contents = {run.report.name: page(files).encode(), run.card.name: card(files).encode()}
        run.replace_files(contents, run.read_facts())
    return run.report


def page(files: RunFiles) -> str:
    """The page as HTML; a section that has nothing to show is left out."""
    title = f"{files.results['task']}: {files.run.path.absolute().name}"
    sections = _ENSEMBLE_SECTIONS if is_ensemble(files.facts) else _SECTIONS
    return document(title, "\n".join(filter(None, (section(files) for section in sections))))
