"""``python -m seqkit.runtime FOLDER TEXT``: answers like ``seqkit predict``, without torch."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any

from seqkit.data.readers import has_nothing
from seqkit.errors import SeqkitError, UsageError
from seqkit.runtime.model import RuntimeModel, load

_LONGEST_PATH = 255
"""Bytes of a name, at most; asking about a longer one is an error on some systems"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Answers each text, or each line of standard input; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        model = load(options.folder)
        if options.stream:
            _stream(model, options.json)
        elif options.prompt is not None:
            _generate(model, options)
        else:
            for text in options.text:
                _check_text(model, text)
            for text in options.text or _lines():
                _answer(model, text, options.json)
    except SeqkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # What is left in the buffer would be written at the end of the process, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m seqkit.runtime", description="Answer with a model that `seqkit export` has written."
    )
    parser.add_argument("folder", help="the exported folder, RUN/onnx")
    parser.add_argument("text", nargs="*", help="texts, or names of files; none: the lines of standard input")
    parser.add_argument("--json", action="store_true", help="an object for each answer")
    parser.add_argument("--stream", action="store_true", help="label the frames of standard input as they come")
    parser.add_argument("--prompt", help="continue this text")
    parser.add_argument("--length", type=int, default=500, help="tokens to write [500]")
    parser.add_argument("--temperature", type=float, default=1.0, help="0: the most likely token each time [1.0]")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sampling [0]")
    return parser


def _answer(model: RuntimeModel, text: str, as_json: bool) -> None:
    if has_nothing(text):
        _print(json.dumps({"input": text}, ensure_ascii=False) if as_json else f"\t{text}")
        return
    (prediction,) = model.answers([model.task.parse_input(text)])
    line, facts = model.task.format_prediction(prediction)
    _print(json.dumps({"input": text, **facts}, ensure_ascii=False) if as_json else f"{line}\t{text}")


def _generate(model: RuntimeModel, options: argparse.Namespace) -> None:
    notes, prompt = list[str](), _encodable(options.prompt)
    sampling = {"length": options.length, "temperature": options.temperature, "seed": options.seed}
    pieces = model.generate(prompt, notes=notes, **sampling)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    for piece in chain(pieces, [prompt]) if model.task.backward else chain([prompt], pieces):
        print(piece, end="", flush=True)
    print()


def _stream(model: RuntimeModel, as_json: bool) -> None:
    stream = model.stream()
    for number, text in enumerate(_lines(), 1):
        try:
            answer = stream.push(text) if text.strip() else None
        except UsageError:
            raise
        except SeqkitError as error:
            raise SeqkitError(f"standard input:{number}: {error}") from None
        _show(model, stream.finish() if not text.strip() else [] if answer is None else [answer], as_json)
    _show(model, stream.finish(), as_json)


def _show(model: RuntimeModel, predictions: Iterable[Any], as_json: bool) -> None:
    for prediction in predictions:
        line, facts = model.task.format_prediction(prediction)
        _print(json.dumps(facts, ensure_ascii=False) if as_json else line)


def _print(line: str) -> None:
    print(_encodable(line), flush=True)


def _encodable(text: str) -> str:
    """The text, with the stand-ins for bytes of a command line that are no UTF-8 as question marks."""
    return text.encode("utf-8", "replace").decode()


def _lines() -> Iterator[str]:
    """Those of standard input."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("give a text after the folder, or lines on standard input")
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def _check_text(model: RuntimeModel, text: str) -> None:
    """Raises :class:`UsageError` for the name of a file, where the model takes texts: nobody means its letters."""
    names_file = "\n" not in text and len(text) < _LONGEST_PATH and Path(text).is_file()
    if names_file and not isinstance(model.task.parse_input(text), Path):
        raise UsageError(f"{text} is a file; for what is in it, line by line, give it on standard input: < {text}")


if __name__ == "__main__":
    sys.exit(main())
