"""A run's report in a notebook."""

from __future__ import annotations

import html
import os
from pathlib import Path

from seqkit.report.page import page
from seqkit.report.run_files import read_run_files


class Report:
    """The report of a finished run, which a notebook shows: ``Report("runs/mine")`` at the end of a cell.

    Raises as :func:`~seqkit.report.page.write_report` does; nothing is written.
    """

    def __init__(self, run: str | os.PathLike[str]) -> None:
        self._files = read_run_files(Path(run))

    def __repr__(self) -> str:
        results = self._files.results
        metric = results["metric"]
        return f"Report({results['task']}, {metric} {results['test'][metric]:.4f})"

    def _repr_html_(self) -> str:
        # In a frame of its own: neither the notebook's style nor the page's reaches into the other.
        content = html.escape(page(self._files), quote=True)
        return f'<iframe sandbox srcdoc="{content}" style="width: 100%; height: 640px; border: 0"></iframe>'
