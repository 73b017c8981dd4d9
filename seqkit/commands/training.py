"""What ``run`` and ``resume`` have in common: a training under a bar, the scores at its end, and the report."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

from seqkit.cells import is_own
from seqkit.commands.output import echo
from seqkit.commands.profile import gather_events, show_profile, write_trace
from seqkit.commands.signals import stop_on_signal
from seqkit.commands.terminal import Reporter, passing_time, print_tables, print_verdict, wrapped
from seqkit.devices import describe_device
from seqkit.files import json_bytes
from seqkit.kernels import ensure, ensure_cells
from seqkit.layers import Recurrent
from seqkit.layers.noise import drawn_in_the_loop
from seqkit.machine import return_freed_memory
from seqkit.report.findings import gather
from seqkit.report.page import write_page
from seqkit.report.results import calibration_sentence, memory_sentence, scored_before
from seqkit.report.run_files import RunFiles
from seqkit.runs import RunOutcome, Session, Training
from seqkit.runs.follower import Follower
from seqkit.runs.model import open_run
from seqkit.runs.prepared import amount_of
from seqkit.tables import Table
from seqkit.topologies import Generates, LabelsSteps
from seqkit.training import Callback, Stopped
from seqkit.training.distributed import PeerLost, Processes, alone
from seqkit.training.trackers import Tracker, tracker

T = TypeVar("T")


def train(
    kernel: str,
    begin: Callable[[list[str]], Training],
    processes: Processes | None = None,
    callbacks: Sequence[Callback] = (),
) -> int:
    """Trains, scores and shows a run; returns the exit code.

    Args:
        kernel: the option of that name: the native kernels are built first if it needs them.
        begin: makes the session, or the training beside that of another process; it is handed the list that takes
            notes about the data.
        processes: those that train together, of which only the first one shows anything; None: this one alone.
        callbacks: further ones, such as trackers.
    """
    processes = processes or alone()
    say = Reporter().line if processes.first else _silent
    # A training is worth waiting for a build; a failing one costs a line, and torch's own kernels serve.
    native = kernel in ("auto", "native") and _in_turn(processes, lambda: ensure(say))
    began, notes = time.perf_counter(), list[str]()
    # Of a large file minutes pass until there is a step: it is read, its n-grams are counted, a regression is fitted.
    with passing_time("reading the data", processes.first):
        training = begin(notes)
    if native:
        layers = [module for module in training.head.modules() if isinstance(module, Recurrent)]
        _in_turn(processes, lambda: ensure_cells([layer.cell for layer in layers[:1]], say))
        if any(drawn_in_the_loop(layer.cell, layer.recurrent_dropout) for layer in layers):
            say("this training runs in the slower reference loop, which zoneout and recurrent dropout need")
    return_freed_memory()
    if not isinstance(training, Session):
        code = _train_until_stopped(training, _silent, [])
        gather_events(processes)
        return code or _help_to_score(training)
    # No other process may take the run up until its report is written.
    with training.run.writing():
        return _train(training, notes, began, callbacks)


def open_trackers(names: Sequence[str], run: Path) -> list[Tracker]:
    """The trackers that ``--log`` names; raises :class:`UsageError` for one whose package is not installed."""
    return [tracker(name, run, Reporter().prose) for name in dict.fromkeys(names)]


def _silent(line: str) -> None:
    """What the first process says need not be said twice."""


def _in_turn(processes: Processes, build: Callable[[], T]) -> T:
    """What is built once is there for the other processes of a machine."""
    if processes.size == 1:
        return build()
    if processes.local_rank:
        processes.wait()
        return build()
    built = build()
    processes.wait()
    return built


def _help_to_score(training: Training) -> int:
    try:
        if isinstance(training, Follower) and training.trainer.progress.history:
            training.finish()
    except KeyboardInterrupt:
        # The first process says what that means.
        return 130
    return 0


def _train(session: Session, notes: Sequence[str], began: float, callbacks: Sequence[Callback]) -> int:
    reporter = Reporter(session.run.log)
    _show_opening(session, notes, reporter)
    advice = f"resume with: seqkit resume {_named(session)}"
    code = _train_until_stopped(session, reporter.line, [reporter, *callbacks], advice)
    write_trace(session)
    if code:
        show_profile(session)
        return code
    if not session.trainer.progress.history:
        return 0
    if unread := session.unread():
        reporter.prose(f"note: {unread}")
    reporter.line("scoring the best model and the baseline on the test split")
    try:
        outcome = session.finish()
    except KeyboardInterrupt:
        reporter.line(f"stopped while scoring; resume with: seqkit resume {_named(session)}")
        return 130
    # First, as the reader of what is shown may have gone.
    written = write_findings(session, outcome, notes, reporter)
    _show_outcome(outcome, session, time.perf_counter() - began)
    if written:
        echo(f"Its report: {session.run.report}")
    show_profile(session)
    return 0


def _example_input(session: Session) -> str:
    """What stands for an input in a command."""
    task = session.task
    if isinstance(task, LabelsSteps) or task.topology == "one to one":
        return "--input FILE"
    return "FILE" if isinstance(task.parse_input("x"), Path) else '"…"'


def _named(session: Session) -> str:
    """The run as a command takes it, with the file of its cell if that is one of a person's own."""
    cell = getattr(session.config, "cell", "")
    return shlex.join([str(session.run.path), *(["--cell-file", cell] if is_own(cell) else [])])


def _train_until_stopped(
    training: Training, say: Callable[[str], None], callbacks: Sequence[Callback], advice: str = ""
) -> int:
    """0 for a training that came to its end, else the exit code of one that a signal stopped."""
    with stop_on_signal(training.request_stop) as received:
        try:
            training.train(callbacks)
        except Stopped:
            say(f"stopped after step {training.trainer.progress.step}; {advice}")
            # It may have been another process that the signal reached.
            return 128 + (received or [signal.SIGTERM])[0]
        except PeerLost as error:
            raise PeerLost(f"{error}; {advice or 'resume with: seqkit resume RUN'}") from error
    return 0


def _show_opening(session: Session, notes: Sequence[str], reporter: Reporter) -> None:
    for note in notes:
        reporter.prose(f"note: {note}")
    splits = session.splits
    (train, unit), (valid, _), (test, _) = (
        amount_of(session.task, examples) for examples in (splits.train, splits.valid, splits.test)
    )
    # Lines of their own: the folder's name may be long, the sizes of the splits, too.
    reporter.line(f"{session.task.name} in {session.run.path}")
    reporter.line(f"{train:,} {unit} to train, {valid:,} to validate, {test:,} to test")
    if (counted := session.task.unit(session.config)) != unit:
        reporter.line(f"speed is in {counted} a second")
    if session.device.type != "cpu":
        reporter.line(f"on {describe_device(session.device)}")
    if minutes := session.config.minutes:
        reporter.line(f"{session.config.epochs} epochs, and more while it improves, for up to {minutes:g} minutes")


def _show_outcome(outcome: RunOutcome, session: Session, seconds: float) -> None:
    results = outcome.results
    print_verdict(results.get("verdict"), session.run.path)
    rows = [
        [name.replace("_", "-"), value, results["baseline"].get(name, "")] for name, value in results["test"].items()
    ]
    print_tables([Table(f"{results['task']}: test split", ["", "model", "baseline"], rows), *outcome.tables])
    echo(
        f"\n{results['parameters']:,} parameters; best epoch {results['best_epoch']} of {results['epochs']}; "
        f"{seconds:.0f} s in total; {results['peak_memory_mb']:,.0f} MB"
    )
    if tuned := results.get("threshold"):
        echo(wrapped(f"{tuned['label']} is predicted from a probability of {tuned['value']:.3f}, {_gain(tuned)}"))
    if remembered := memory_sentence(results):
        echo(wrapped(remembered))
    if calibrated := calibration_sentence(results):
        echo(wrapped(calibrated))
    if scored := results.get("scored_before"):
        echo(wrapped(scored_before(results["metric"], scored)))
    if tuned := results.get("thresholds"):
        values = sorted(set(tuned["values"].values()))
        reach = f"{values[0]:.3f}" + (f" to {values[-1]:.3f}" if len(values) > 1 else "")
        echo(wrapped(f"A label is predicted from a probability of {reach}, {_gain(tuned)}"))
    echo(f"The run is in {session.run.path}; try:")
    echo(f"  seqkit predict {_named(session)} {_example_input(session)}")
    if isinstance(session.task, Generates):
        echo(f'  seqkit generate {_named(session)} --prompt "…"')


def _gain(tuned: Mapping[str, Any]) -> str:
    """What tuning a threshold has gained on the validation split."""
    score = tuned["score"].replace("_", "-")
    return f"tuned on validation: {score} {tuned['tuned']:.3f} there, and {tuned['at_half']:.3f} with 0.5"


def write_findings(session: Session, outcome: RunOutcome, notes: Sequence[str], reporter: Reporter) -> bool:
    """Writes the report of a finished run; False if it could not be made, and a sentence says why."""
    run = session.run
    try:
        findings = gather(session.model(), session.splits, outcome, run.read_facts().get("notes", notes))
        run.replace_file(run.findings.name, json_bytes(findings), run.read_facts())
        history = session.trainer.progress.history
        # The configuration of the file: the session's says where this process trained, and the page would differ from
        # one that is rebuilt.
        config = open_run(run.path, getattr(session.config, "cell", None)).config
        write_page(RunFiles(run, run.read_facts(), config, outcome.results, history, findings))
    except Exception as error:
        # The run is finished and whole: nothing that fails here may make it look otherwise.
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        reporter.prose(f"the report could not be written ({reason}); try: seqkit report {quote(str(run.path))}")
        return False
    return True
