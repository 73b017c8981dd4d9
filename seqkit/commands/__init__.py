"""The command line. Nothing here imports torch; each command does when it runs."""

from __future__ import annotations

import atexit
import errno
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import click

from seqkit.commands.signals import stop_with_parent
from seqkit.errors import SeqkitError, UsageError, unknown
from seqkit.machine import is_out_of_memory, launched
from seqkit.signs import as_signs
from seqkit.version import __version__

_COMMANDS = {
    "list": "topologies, tasks, cells and data sets",
    "doctor": "check data before training",
    "prepare": "write data as a folder that runs read from disk",
    "run": "train a model and score it",
    "resume": "resume a run that was stopped",
    "evaluate": "score a run's model",
    "predict": "apply a run's model to texts",
    "report": "rebuild a run's report page",
    "runs": "list runs: scores, sizes, which are finished",
    "tune": "search for good options and train the best",
    "compare": "train several cells and seeds on one task, side by side",
    "ensemble": "combine runs: average their predictions",
    "inspect": "write a page of a model's gates and states",
    "new": "write a working cell or task to start from, with its test",
    "lesson": "make a page to show in class: gradients, gates, attention, ...",
    "generate": "continue a text with a language model",
    "vectors": "train word vectors on a text, or query them",
    "export": "write a run's model as ONNX, C or a torch.export archive",
    "serve": "answer over HTTP, with a page to try a run on",
    "kernels": "build, show or delete the native kernels",
    "bench": "benchmark recurrent layers against other engines",
}


_ANSWERING = ("predict", "generate")
"""Commands whose standard output is data: what it cannot hold is an error there, and a question mark elsewhere."""


_TOGETHER = ("run", "resume", "evaluate", "predict")
"""Commands whose work several processes share."""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What writing fails with, which names no file where it is a stream that was handed over"""


class ReaderGone(Exception):
    """Nobody reads our output any more."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used; the error for a wrong name has the nearest one."""

    def __init__(self, helps: Mapping[str, str], **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.helps = helps

    def list_commands(self, context: click.Context) -> list[str]:
        """The names, in the order in which people use them."""
        return [*self.helps]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in self.helps:
            raise unknown("command", name, self.helps)
        if name not in _TOGETHER and launched():
            raise UsageError(
                f"torchrun starts processes that share one work, and `seqkit {name}` has none to share; call it "
                "without torchrun"
            )
        module = f"seqkit.commands.{name}"
        try:
            command: click.Command = import_module(module).command
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            what = f"seqkit-runtime serves models, and has no `seqkit {name}`"
            raise UsageError(f"{what}; for all commands, install seqkit in its place") from None
        return command

    def invoke(self, context: click.Context) -> Any:
        """Runs the command; click itself would end with 1 where the reader of our output has gone."""
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise ReaderGone from None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([*self.helps.items()])


def _install_completion(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from seqkit.commands.completion import install_completion

        click.echo(install_completion(context.command))
        context.exit()


@click.group(
    cls=LazyGroup, helps=_COMMANDS, context_settings={"max_content_width": 80, "help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="seqkit")
@click.option("--debug", is_flag=True, help="Show a traceback when something fails.")
@click.option(
    "--install-completion",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_install_completion,
    help="Complete commands, tasks, options and runs in this shell.",
)
def program(debug: bool) -> None:
    """Train, inspect and ship recurrent sequence models.

    Start with: seqkit run sentiment --cell lstm
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits: 0 good, 1 the work failed, 2 the command was wrong."""
    # Not list(): once `seqkit list` has run, that name is its module here.
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    # --debug may stand anywhere, but what follows a bare -- is text.
    options = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in options
    words = [word for word in options if word != "--debug"] + words[len(options) :]
    _ready_streams(words)
    try:
        stop_with_parent()
        code = program.main(words, prog_name="seqkit", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, ReaderGone):
        # The reader has gone (`seqkit predict … | head`): it has what it wanted.
        _write_no_more()
        sys.exit(0)
    except click.exceptions.NoArgsIsHelpError as error:
        # The help, as it is laid out: nothing was requested yet, so nothing was wrong.
        sys.stdout.write(f"{error.format_message()}\n")
        sys.exit(0)
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        sys.exit(130)
    except Exception as error:
        if debug:
            sys.stderr.write(as_signs(traceback.format_exc()))
        _say(_sentence(error))
        if is_out_of_memory(error):
            _end_silently()
        if isinstance(error, OSError) and error.errno in _FULL:
            _write_no_more()
        sys.exit(_exit_code(error))
    sys.exit(code if isinstance(code, int) else 0)


def _exit_code(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        return 2
    return error.exit_code if isinstance(error, SeqkitError) else 1


def _sentence(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message().replace("\n", " ")
    if isinstance(error, SeqkitError):
        return str(error)
    if isinstance(error, UnicodeEncodeError):
        what = error.object[error.start : error.end][:20]
        if error.encoding.startswith("utf-"):
            return f"{what!a} is half of a surrogate pair, which no file can hold; correct the text that contains it"
        return f"the encoding of standard output, {error.encoding}, has no {what!a}; set PYTHONIOENCODING=utf-8"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"what is printed here cannot be written: {error.strerror}; free some space"
    if is_out_of_memory(error):
        return "not enough memory; use smaller sizes or batches, or a machine with more memory"
    detail = " ".join(str(error).split())
    detail = detail if len(detail) <= 300 else detail[:299] + "…"
    return f"unexpected {type(error).__name__}: {detail}; add --debug to see where, and please report it"


def _write_no_more() -> None:
    """What is left to be printed would fail again as the process ends, with an exit code of Python's own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end_silently() -> None:
    """Has nothing that is called as the process ends, and finds no memory, either, show a traceback."""
    atexit.register(setattr, sys, "unraisablehook", lambda unraisable: None)


def _say(text: str) -> None:
    if launched():
        from seqkit.training.distributed import first_to_fail

        # torchrun ends all processes when one has ended: not before one has said why.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # All end when one does, and its reason is theirs.
        if not first_to_fail():
            return
    # A reader that has gone changes nothing of what happened.
    with suppress(OSError):
        sys.stderr.write(f"seqkit: {as_signs(text)}\n")
        sys.stderr.flush()


def _ready_streams(words: Sequence[str]) -> None:
    """Standard streams that are there, and that show what they can."""
    # Or the next file that is opened would get the number of a closed stream, and whatever is printed there.
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if not {*words} & {*_ANSWERING} and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
