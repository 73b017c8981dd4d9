"""What the figures of the README come from."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from seqkit.machine import processor


def machine() -> str:
    """Processor, cores and versions, in one line."""
    return f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, torch {version('torch')}"


class WholeRun(NamedTuple):
    """A run of the command line as a process of its own."""

    found: dict[str, Any]
    """results.json"""
    history: list[dict[str, Any]]
    """metrics.jsonl"""
    seconds: float


def whole_run(task: str, out: Path, options: Sequence[str]) -> WholeRun:
    """``seqkit run TASK --out OUT OPTIONS``, and what it left behind."""
    command = [sys.executable, "-m", "seqkit", "run", task, "--out", str(out), *options]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    history = [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
    return WholeRun(json.loads((out / "results.json").read_text("utf-8")), history, seconds)
