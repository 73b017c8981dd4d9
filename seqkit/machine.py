"""This machine and its processes: the processor and its quota, the memory taken in MB of 2**20 bytes, who runs."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_ROOM_FOR_THREAD = 1 << 20
"""Bytes; they are not touched, so asking for them takes microseconds."""
_NO_MEMORY = ("can't allocate memory",)
_NO_MEMORY_WHERE_LIMITED = (
    "failed to map segment from shared object",
    "error return without exception set",
    "without setting an exception",
    "can't start new thread",
)
"""Under ``ulimit -v``; without it, they have other reasons."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Names of glibc's settings."""
_LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun sets, and whatever else starts processes for torch.distributed."""


def resident() -> float:
    """What this process holds now; where the system does not say, the most it ever held."""
    return _status("VmRSS") or _most_resident()


def peak() -> float:
    """The most that this process ever held."""
    # Before getrusage, whose figure starts at what the program that started this one held.
    return _status("VmHWM") or _most_resident()


def check_room_for_thread() -> None:
    """Raises :class:`MemoryError` where the memory has ended, before a thread is started.

    Python waits for ever for a thread that finds no memory to say that it has begun (CPython issue 140746): seen with
    less than 24 kB left under ``ulimit -v``.
    """
    bytes(_ROOM_FOR_THREAD)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that the memory has ended, in the words of Python, torch or the loader of libraries."""
    limited = resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
    said = _NO_MEMORY + (_NO_MEMORY_WHERE_LIMITED if limited else ())
    return isinstance(error, MemoryError) or any(words in str(error) for words in said)


def return_freed_memory() -> None:
    """Has glibc give large blocks back to the system when they are freed, instead of keeping them for later.

    Batches are of many sizes, and the holes that they leave in the heap fit few of the next ones: two epochs of
    ``tag --data turkish-pos`` peak at 674 MB like this, and at 1,286 MB without.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_MMAP_THRESHOLD, 4 << 20)
        library.mallopt(_TRIM_THRESHOLD, 16 << 20)


def processor() -> str:
    """The name of this machine's processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


@cache
def cpu_quota() -> float | None:
    """The cores whose time this process's container may use, looked up once; None: no limit, or none that is known."""
    return quota_of_cgroups(_CGROUPS, _MEMBERSHIP)


def quota_of_cgroups(root: Path, membership: Path) -> float | None:
    """The smallest quota of the control groups (version 1 or 2) that a process is in, in cores.

    Args:
        root: where the system shows its control groups.
        membership: the file with the process's groups, lines of ``number:controllers:path``.
    """
    found = [_quota(folder) for folder in _cpu_groups(root, membership)]
    return min((quota for quota in found if quota is not None), default=None)


def _cpu_groups(root: Path, membership: Path) -> list[Path]:
    """The folders of a process's group and of those above it, as far as they are visible from inside a container."""
    try:
        lines = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return []
    folders = []
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has one tree; in version 1 the controller's tree is below its own name.
        tops = [root / name for name in (controllers, "cpu") if name] if controllers else [root, root / "unified"]
        below = [Path(path.lstrip("/")), *Path(path.lstrip("/")).parents]
        folders += [top / each for top in tops for each in below]
    return folders


def _quota(folder: Path) -> float | None:
    """What one group may use: ``cpu.max`` of version 2, the two files of version 1."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        return int(quota) / int(period) if quota != "max" and int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def cache_home() -> Path:
    """The folder of this user's caches: ``XDG_CACHE_HOME``, or ``~/.cache``.

    Raises :class:`FileNotFoundError` for a user without a home, as containers may run programs as.
    """
    named = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(named) if named else Path.home() / ".cache"
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "this user has no home folder; set XDG_CACHE_HOME", "~") from None


def launched() -> bool:
    """Whether torchrun, or something like it, has started this process as one of several."""
    return {*_LAUNCHED} <= {*os.environ}


def this_process() -> dict[str, Any]:
    """What names this process in a file, so that another one, on this machine or not, can ask whether it still runs."""
    process = os.getpid()
    return {"host": platform.node(), "machine": _machine(), "process": process, "started": _process_start(process)}


def has_ended(facts: Mapping[str, Any]) -> bool:
    """Whether a process, as :func:`this_process` has named it, is known to have ended; False where nobody can know."""
    process = facts.get("process")
    if facts.get("machine") != _machine() or not isinstance(process, int) or process <= 0:
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    # Numbers are given again: another start is another process, and one that only waits for its parent has ended.
    started = facts.get("started")
    return started is not None and _process_start(process) != started


def is_at_work(facts: Mapping[str, Any]) -> bool:
    """Whether a process, as :func:`this_process` has named it, is known to be there; False where nobody can know."""
    return facts.get("machine") == _machine() and not has_ended(facts)


def _machine() -> str:
    """This machine since it was started; containers, whose processes are numbered afresh, are machines of their own."""
    boot, spaces = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    since = boot.read_text().strip() if boot.exists() else ""
    return f"{platform.node()} {since} {spaces.readlink() if spaces.exists() else ''}"


def _process_start(process: int) -> int | None:
    """When a process started, in ticks since the machine did; None for one that has ended, or where nobody says."""
    try:
        # The name, in parentheses, may hold anything.
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return None if state in "ZX" else int(fields[18])


def _status(name: str) -> float | None:
    """A size in what Linux says of this process; None on another system."""
    if not _STATUS.exists():
        return None
    lines = (line.split() for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return next((int(words[1]) / 1024 for words in lines), None)


def _most_resident() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 1024)  # bytes there, kilobytes elsewhere
