"""``--profile``: where the time of a training goes, as a table and as a trace in the run's folder."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from seqkit.commands.output import echo
from seqkit.commands.terminal import print_tables, wrapped
from seqkit.devices import find_device
from seqkit.runs import Session
from seqkit.training.distributed import Processes
from seqkit.training.spans import Profile, trace_bytes


def profiled(processes: Processes, device: str) -> Processes:
    """The same processes, of which this one notes where its time goes."""
    asynchronous = find_device(processes.device(device)).type != "cpu"
    return dataclasses.replace(processes, spans=Profile(asynchronous))


def gather_events(processes: Processes) -> list[dict[str, Any]]:
    """The events of all processes, each of which calls this; none without ``--profile``."""
    if not isinstance(processes.spans, Profile):
        return []
    own = json.dumps(processes.spans.events(processes.rank)).encode()
    return [event for content in processes.gather(own) for event in json.loads(content)]


def write_trace(session: Session) -> None:
    """Writes the spans of all processes, if there are any."""
    if events := gather_events(session.processes):
        session.run.write(session.run.trace, trace_bytes(events))


def show_profile(session: Session) -> None:
    """Shows the table of this process, if there is one."""
    spans = session.processes.spans
    if isinstance(spans, Profile):
        print_tables([spans.table()])
        echo(wrapped(f"The trace is in {session.run.trace}; chrome://tracing and https://ui.perfetto.dev open it"))
