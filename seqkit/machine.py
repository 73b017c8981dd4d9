"""This machine: the name of its processor, and how much memory this process takes, in megabytes (2**20 bytes)."""

from __future__ import annotations

import platform
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident() -> float:
    """What it holds now; where the system does not tell, the most it ever held."""
    return _told("VmRSS") or _most()


def peak() -> float:
    """The most it ever held."""
    # Before getrusage, whose figure starts at what the program that started this one held.
    return _told("VmHWM") or _most()


def _told(name: str) -> float | None:
    if not _STATUS.exists():
        return None
    found = (line.split() for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return next((int(words[1]) / 1024 for words in found), None)


def _most() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 1024)  # bytes there, kilobytes elsewhere


def processor() -> str:
    """The name of this machine's processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
