"""``run.json``, which says what made a run and names its files with a digest of each, and has a digest of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqkit.errors import SeqkitError
from seqkit.files import read_json, without_digest
from seqkit.runs.schemas import RUN
from seqkit.schema import FileName, check_schema
from seqkit.version import __version__

FORMAT = 1
"""Of an ordinary run. Counts up when an older seqkit could not read the folder."""
ENSEMBLE_FORMAT = 2
"""Of an ensemble; the newest that this seqkit reads"""


def read_manifest(path: Path) -> dict[str, Any]:
    """What the file says; raises :class:`SeqkitError` for one that is damaged or newer."""
    facts: dict[str, Any] = read_json(path, RUN)
    for name in facts["digests"]:
        check_schema(name, FileName(), path)
    if facts["format"] > ENSEMBLE_FORMAT:
        raise SeqkitError(
            f"{path.parent} was made by a newer seqkit ({facts.get('seqkit', 'unknown')}, this is {__version__}); "
            "upgrade: pip install -U seqkit"
        )
    # Runs of 0.2.0 and before have neither a digest nor an identity.
    return without_digest(facts, path, needed="identity" in facts)
