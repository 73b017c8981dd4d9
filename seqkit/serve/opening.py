"""Opens what a folder holds for a service: a run, or what was exported of one."""

from __future__ import annotations

from pathlib import Path

from seqkit.errors import UsageError
from seqkit.runtime.manifest import is_exported
from seqkit.serve.limits import Limits
from seqkit.serve.served import Served


def open_served(path: Path, limits: Limits, device: str | None = None, cell: str | None = None) -> Served:
    """A folder, ready to answer: what was exported without torch, a run with it.

    Raises :class:`UsageError` and :class:`SeqkitError` as :func:`seqkit.load` and :func:`seqkit.runtime.load` do.
    """
    if is_exported(path):
        from seqkit.serve.exported import open_exported

        return open_exported(path, limits)
    try:
        from seqkit.serve.runs import open_run
    except ModuleNotFoundError:
        raise UsageError(
            f"{path} is not an exported model, and serving a run takes all of seqkit, with torch; where that is "
            "installed, `seqkit export RUN` writes a folder that can be served here"
        ) from None
    return open_run(path, limits, device, cell)
