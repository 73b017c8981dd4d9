"""What the figures of the README come from."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

from seqkit.bench.measure import processor


def machine() -> str:
    """Processor, cores and versions, in one line."""
    return f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, torch {version('torch')}"
