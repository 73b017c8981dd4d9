"""Tasks by their names: our own and those of installed packages."""

from __future__ import annotations

from seqkit.errors import unknown
from seqkit.plugins import available_tasks
from seqkit.topologies import AnyTask

__all__ = ["available_tasks", "find_task"]


def find_task(name: str) -> AnyTask:
    """The task of that name; raises :class:`UsageError` with the nearest name."""
    tasks = available_tasks()
    if name not in tasks:
        raise unknown("task", name, tasks)
    task: AnyTask = tasks[name]()
    return task
