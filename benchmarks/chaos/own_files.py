"""Readers of what seqkit itself has written: files of new runs, studies, prepared data, exports, locks and notes.

Where a file has a digest, it is made to fit whatever is in the file: a hostile one would have it, too.
"""

from __future__ import annotations

import atexit
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.chaos.reader import Make, Read, Reader
from benchmarks.chaos.subjects import data_of, training
from benchmarks.chaos.targets import TARGETS
from seqkit.commands import main
from seqkit.commands.answer_files import open_answers
from seqkit.commands.shards import is_complete
from seqkit.config import make_config
from seqkit.data.prepared import open_prepared
from seqkit.data.prepared.forms import ExampleForms
from seqkit.data.prepared.rows import RowWriter
from seqkit.data.readers import read_records
from seqkit.errors import UsageError
from seqkit.files import digest_of, signed
from seqkit.report.comparison import compare_runs
from seqkit.report.comparison_page import comparison_page
from seqkit.runs import find_task, load
from seqkit.runs.directory import RunDirectory

_ASKED: dict[str, Any] = {
    "text: two labels, tuned": "a bad film",
    "text: sets of labels": "a bad film",
    "translate: with memory": "the cat runs now",
    "tag": "ann sings",
    "g2p": "bat",
}
"""What is asked of the runs"""


def _carry_out(words: list[str]) -> None:
    """A command in this process, which fuzzes it and must not fork."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            main(words)
        except SystemExit as stop:
            if stop.code:
                raise RuntimeError(f"{words[0]} fails: {said.getvalue()}") from None


@cache
def _made(name: str) -> Path:
    """The folder in which a command has worked, made once: ``run`` is a finished run."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-own-"))
    atexit.register(shutil.rmtree, folder, True)
    texts, small = str(data_of("sentiment")), ["--set", "epochs=2", "--set", "hidden_size=8"]
    commands: Mapping[str, Callable[[], list[list[str]]]] = {
        "prepare": lambda: [["prepare", "sentiment", texts, "--out", f"{folder}/made"]],
        "tune": lambda: [["tune", "sentiment", "--data", texts, "--trials", "2", "--out", f"{folder}/made", *small]],
        "export": lambda: [training("g2p")(folder), ["export", f"{folder}/run", "--out", f"{folder}/made"]],
    }
    if name in commands:
        words = commands[name]()
    else:
        words = [TARGETS[f"run {name}"].words(folder) if f"run {name}" in TARGETS else training(name)(folder)]
    for each in words:
        _carry_out(each)
    return folder


def _copied(name: str, scratch: Path) -> Path:
    return Path(shutil.copytree(_made(name), scratch / "copy"))


def _writing(place: Path, read: Callable[[], object], sign: Callable[[], object] = lambda: None) -> Read:
    """Puts a file into its place, has all digests fit, and reads."""

    def write_and_read(path: Path) -> object:
        shutil.copyfile(path, place)
        sign()
        return read()

    return write_and_read


def _resign(path: Path) -> None:
    """Has the digest of a file of its own fit; one that is no object has none."""
    with suppress(ValueError, RecursionError):
        facts = json.loads(path.read_bytes())
        if isinstance(facts, dict):
            path.write_bytes(signed(facts))


def _sign_run(run: Path) -> None:
    manifest = run / "run.json"
    facts = json.loads(manifest.read_text("utf-8"))
    for kind in ("digests", "changing", "files"):
        for name in facts.get(kind, {}):
            if isinstance(facts[kind], dict) and (run / name).is_file():
                facts[kind][name] = digest_of((run / name).read_bytes())
    manifest.write_bytes(signed(facts))


def _run_file(name: str, file: str) -> Make:
    """A file of a run: what loads it also answers."""

    def made(scratch: Path) -> Reader:
        run = _copied(name, scratch) / "run"
        seed = (run / file).read_bytes()
        read = lambda: load(run).predict([_ASKED[name]])  # noqa: E731
        return Reader(Path(file).suffix, [seed], _writing(run / file, read, lambda: _sign_run(run)))

    return made


def _manifest(scratch: Path) -> Reader:
    """``run.json``, read by all that reads a run."""
    run = _copied("text: two labels, tuned", scratch) / "run"
    read = lambda: RunDirectory.open(run)  # noqa: E731
    seed = (run / "run.json").read_bytes()
    return Reader(".json", [seed], _writing(run / "run.json", read, lambda: _resign(run / "run.json")))


def _compared(file: str) -> Make:
    """A file of a run that is set beside another."""

    def made(scratch: Path) -> Reader:
        one, other = (_copied("text: two labels, tuned", scratch / name) / "run" for name in ("one", "other"))
        other = other.rename(other.with_name("other"))
        read = lambda: comparison_page(compare_runs([one, other]))  # noqa: E731
        return Reader(".json", [(one / file).read_bytes()], _writing(one / file, read, lambda: _sign_run(one)))

    return made


def _prepared_manifest(scratch: Path) -> Reader:
    place = _copied("prepare", scratch) / "made/prepared.json"
    kinds = find_task("sentiment").example_types
    read = lambda: open_prepared(place.parent, "sentiment").splits(kinds, 1)  # noqa: E731
    return Reader(".json", [place.read_bytes()], _writing(place, read, lambda: _resign(place)))


def _prepared_file(scratch: Path) -> Reader:
    place = _copied("prepare", scratch) / "made/train.safetensors"
    manifest, kinds = place.with_name("prepared.json"), find_task("sentiment").example_types

    def sign() -> None:
        facts = json.loads(manifest.read_text("utf-8"))
        facts["splits"]["train"]["size"] = place.stat().st_size
        manifest.write_bytes(signed(facts))

    read = lambda: open_prepared(place.parent, "sentiment").splits(kinds, 1)  # noqa: E731
    return Reader(".safetensors", [place.read_bytes()], _writing(place, read, sign))


def _prepared_row(task: str) -> Make:
    """One example as bytes, whose checksum fits."""

    def made(scratch: Path) -> Reader:
        kind = find_task(task)
        examples = kind.read(make_config(kind.config, {"data": str(data_of(task).resolve())}), []).train
        forms = ExampleForms(kind.example_types, names := list[str]())
        seeds = [forms.write(example) for example in examples[:3]]
        folder = _copied("prepare", scratch) / "made"
        manifest, kinds = folder / "prepared.json", [each.__name__ for each in kind.example_types]

        def read(path: Path) -> object:
            (place := folder / "train.safetensors").unlink()
            writer = RowWriter(place)
            writer.add(path.read_bytes())
            facts = json.loads(manifest.read_text("utf-8")) | {"kinds": kinds, "files": names, "task": task}
            one = {**writer.close(), "file": place.name}
            facts["splits"] = {name: split | one for name, split in facts["splits"].items()}
            manifest.write_bytes(signed(facts))
            return open_prepared(folder, task).splits(kind.example_types, 1)

        return Reader(".row", seeds, read)

    return made


def _study(file: str) -> Make:
    """A file of a study, which is joined and shown."""

    def made(scratch: Path) -> Reader:
        folder = _copied("tune", scratch) / "made"
        from seqkit.tuning.opening import Wanted, open_plan
        from seqkit.tuning.page import write_page
        from seqkit.tuning.study import Study
        from seqkit.tuning.workers import Worker

        asked = {"data": str(data_of("sentiment").resolve()), "epochs": 2, "hidden_size": 8}

        def read() -> object:
            plan = open_plan(folder, find_task("sentiment"), Wanted(asked, asked), [])
            with Worker(folder) as worker:
                study = Study(folder, plan, worker)
                if (best := study.best()) is not None:
                    study.keep_best(best)
                return write_page(study)

        place = folder / file
        sign = (lambda: None) if place.suffix == ".jsonl" else lambda: _resign(place)
        return Reader(place.suffix, [place.read_bytes()], _writing(place, read, sign))

    return made


def _export(file: str) -> Make:
    def made(scratch: Path) -> Reader:
        from seqkit.runtime import load as load_export

        folder = _copied("export", scratch) / "made"
        manifest = folder / "runtime.json"

        def sign() -> None:
            if file != "runtime.json":
                facts = json.loads(manifest.read_text("utf-8"))
                facts["digests"][file] = digest_of((folder / file).read_bytes())
                manifest.write_bytes(signed(facts))
            else:
                _resign(manifest)

        read = lambda: load_export(folder).predict(["bat"])  # noqa: E731
        return Reader(".json", [(folder / file).read_bytes()], _writing(folder / file, read, sign))

    return made


def _lock(scratch: Path) -> Reader:
    """A lock, whose holder may be anybody: it is taken over, or said who has it."""
    folder = scratch / "held"
    folder.mkdir()
    with RunDirectory(folder).writing():
        seed = (folder / "lock.json").read_bytes()

    def read() -> None:
        with suppress(UsageError), RunDirectory(folder).writing():
            pass

    return Reader(".json", [seed], _writing(folder / "lock.json", read))


def _journal(scratch: Path) -> Reader:
    """What is noted of answers that are not complete."""
    output, partial = scratch / "answers.csv", scratch / "answers.csv.partial"
    facts = {"request": {"a": 1}, "done": 1, "read": "0", "bytes": 3, "writer": {}}

    def read() -> None:
        partial.write_text("one\ntwo\n", "utf-8")
        with open_answers(output, {"a": 1}) as answers:
            for value in answers.remaining(lambda: ["x", "y"], str):
                answers.stream.write(value)

    return Reader(".json", [json.dumps(facts).encode()], _writing(scratch / "answers.csv.partial.json", read))


def _shard_note(scratch: Path) -> Reader:
    output, facts = scratch / "answers.csv", {"part": "1/2", "prediction": "0a"}
    output.touch()
    note = scratch / ".answers.csv.shard.json"
    return Reader(".json", [json.dumps(facts).encode()], _writing(note, lambda: is_complete(output, facts)))


def _columns(ending: str) -> Make:
    """A file of Arrow's, which is read by pyarrow."""

    def made(scratch: Path) -> Reader:
        import pyarrow as arrow
        from pyarrow import feather, parquet

        table = arrow.table({"text": [f"film {n}" for n in range(20)], "label": ["a", "b"] * 10})
        write = parquet.write_table if ending == ".parquet" else feather.write_feather
        write(table, str(path := scratch / f"table{ending}"))
        return Reader(ending, [path.read_bytes()], lambda path: [*read_records(path)])

    return made


_TEXTS, _SETS, _MEMORY = "text: two labels, tuned", "text: sets of labels", "translate: with memory"
_FILES = {
    _TEXTS: ("vocab.json", "labels.json", "ngrams.json"),
    _MEMORY: ("memory.json", "source.json", "target.json"),
    "g2p": ("joint.json", "source.json", "target.json", "spacing.json"),
}
OWN_FILES: dict[str, Make] = {
    **{f"new {name} {file}": _run_file(name, file) for name, files in _FILES.items() for file in files},
    "new run.json": _manifest,
    **{f"compare {file}": _compared(file) for file in ("results.json", "report.json")},
    "prepared.json": _prepared_manifest,
    "prepared train.safetensors": _prepared_file,
    **{f"prepared row of {task}": _prepared_row(task) for task in ("sentiment", "tag", "frames")},
    **{f"study {file}": _study(file) for file in ("study.json", "journal.jsonl", "best/trial.json")},
    **{f"export {file}": _export(file) for file in ("runtime.json", "symbols.json")},
    "lock": _lock,
    "journal of answers": _journal,
    "note of a shard": _shard_note,
    **{f"table {ending}": _columns(ending) for ending in (".parquet", ".feather")},
}
