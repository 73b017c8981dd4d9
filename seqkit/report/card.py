"""``card.md``: a card to publish a model with, of what its run has found; what only people know is left to fill in.

After Mitchell et al. (2019), "Model Cards for Model Reporting", arXiv:1810.03993.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqkit.config import arguments_of
from seqkit.report.meanings import meanings
from seqkit.report.numbers import number, spaced
from seqkit.report.results import calibration_sentence, memory_sentence, scored_before
from seqkit.report.run_files import RunFiles

TO_FILL_IN = "## To fill in"
"""The heading of what people write; from here on, a card that is rebuilt keeps what it has."""
_QUESTIONS = (
    "Licence of the model",
    "Licence and origin of the data",
    "Intended use",
    "Uses it is not meant for",
    "Contact",
)
_FEWEST = 30
"""Test examples of a label below which its scores are called uncertain: a recall of 0.5 has an interval of ± 0.18."""
_MOST_LABELS = 40
"""Labels in the table, the most frequent; a card is to be read."""
_SIZES = ("hidden_size", "num_layers", "embedding_size")


def card(files: RunFiles) -> str:
    """The card of a finished run as Markdown.

    It has no times, speeds or folders in it: two runs with the same results and options have the same card.
    """
    parts = [_opening(files), _data(files), _scores(files), _labels(files.results), _limits(files), _to_fill_in(files)]
    return "\n\n".join(filter(None, parts)).rstrip() + "\n"


def _opening(files: RunFiles) -> str:
    results, versions = files.results, files.findings["versions"]
    made = ", ".join(f"{name} {versions[name]}" for name in ("seqkit", "torch") if name in versions)
    # Of a file its name: where it was on somebody's disk concerns nobody else.
    words = [Path(word).name if word.startswith("/") else word for word in arguments_of(files.config)]
    command = shlex.join(["seqkit", "run", results["task"], *words])
    return "\n\n".join(
        [
            f"# Model card: {_plain(results['task'])}",
            f"{_plain(_sentence(files.findings['summary']))} {_architecture(files)}",
            f"Made with {_plain(made)} by this command:",
            f"    {' '.join(command.split())}",
        ]
    )


def _architecture(files: RunFiles) -> str:
    """Topology, cell, sizes and the number of parameters."""
    if "members" in files.results:
        kind = f"average of {len(files.results['members'])} models"
    else:
        cell = getattr(files.config, "cell", None)
        ways = "bidirectional " if getattr(files.config, "bidirectional", False) else ""
        kind = f"{ways}{cell}" if cell else "network without recurrence"
    sizes = [f"{spaced(name)} {getattr(files.config, name)}" for name in _SIZES if hasattr(files.config, name)]
    shape = [files.findings["topology"], kind, *sizes, f"{files.results['parameters']:,} parameters"]
    return _plain(_sentence("; ".join(shape)))


def _data(files: RunFiles) -> str:
    sizes, about = files.findings["parts"], files.findings["data"]
    data = str(getattr(files.config, "data", "") or "")
    lines = [f"- Data: {_plain(about or Path(data).name)}"] if about or data else []
    purposes = {"train": "to train on", "valid": "to choose the model by", "test": "to score it on"}
    splits = ", ".join(f"{sizes[name][0]:,} {sizes[name][1]} {purpose}" for name, purpose in purposes.items())
    lines.append(f"- Splits: {_plain(splits)}")
    if digest := files.facts.get("data"):
        lines.append(f"- Digest of the data: `{_plain(digest)}`")
    lines += [f"- {_plain(_sentence(note))}" for note in files.findings["notes"]]
    return "\n".join(["## Data", "", *lines])


def _scores(files: RunFiles) -> str:
    """The scores of model and baseline on the test split, each with its interval."""
    results, intervals = files.results, files.findings["intervals"]
    columns = [(results["test"], intervals["limits"])]
    columns.append((results["baseline"], files.findings.get("baseline_intervals", {})))
    rows = [[spaced(name), *(_with_interval(name, *column) for column in columns)] for name in results["test"]]
    verdict = results.get("verdict", {})
    table = _table(["score", "model", verdict.get("baseline", "baseline")], rows)
    better = f"A {results['better']} {spaced(results['metric'])} is better."
    how = "In brackets: 95 % intervals, by resampling the test split." if intervals["resamples"] else ""
    explained = [f"- {_plain(name)}: {_plain(text)}" for name, text in meanings(results["test"]).items()]
    said = _plain(" ".join(filter(None, [verdict.get("sentence", ""), better, how])))
    return "\n\n".join(filter(None, ["## Scores on the test split", table, said, "\n".join(explained)]))


def _with_interval(name: str, values: Mapping[str, float], limits: Mapping[str, Sequence[float]]) -> str:
    if values.get(name) is None:
        return "–"
    return (
        f"{number(values[name])} ({' to '.join(map(number, limits[name]))})" if name in limits else number(values[name])
    )


def _labels(results: Mapping[str, Any]) -> str:
    """The scores of each label, the most frequent first."""
    labels = sorted(results.get("labels", {}).items(), key=lambda entry: (-entry[1]["support"], entry[0]))
    if not labels:
        return ""
    columns = ["precision", "recall", "f1", "support"]
    rows = [[label, *(number(score[column]) for column in columns)] for label, score in labels[:_MOST_LABELS]]
    more = f"\n\n{len(labels) - _MOST_LABELS:,} rarer labels are not shown." if len(labels) > _MOST_LABELS else ""
    return f"### By label\n\n{_table(['label', 'precision', 'recall', 'F1', 'test examples'], rows)}{more}"


def _limits(files: RunFiles) -> str:
    lines = "\n".join(f"- {_plain(line)}" for line in _limit_sentences(files))
    return f"## Limits\n\n{lines}"


def _limit_sentences(files: RunFiles) -> Iterator[str]:
    """What the run itself knows of where its model is weak, or its scores uncertain."""
    results, findings = files.results, files.findings
    examples, unit = findings["parts"]["test"]
    yield (
        f"The scores are those on the {examples:,} {unit} of the test split. How well the model does on data from "
        "another source, time or language is unknown."
    )
    yield from results.get("verdict", {}).get("remarks", [])
    few = [label for label, score in results.get("labels", {}).items() if score["support"] < _FEWEST]
    if few:
        named = ", ".join(sorted(few)[:8]) + (", …" if len(few) > 8 else "")
        yield f"Fewer than {_FEWEST} test examples, so that the label's own scores are uncertain: {named}."
    if calibration := findings["calibration"]:
        yield f"On average, confidence and accuracy differ by {calibration['error']:.3f}."
    if remembered := memory_sentence(results):
        yield remembered
    if calibrated := calibration_sentence(results):
        yield calibrated
    if scored := results.get("scored_before"):
        yield scored_before(results["metric"], scored)
    if tuning := results.get("tuning"):
        yield f"Its options are the best of {tuning['trials']} trials, by their scores on the validation split."
    yield "Errors and biases of the data are learned, too; whether it serves groups of people equally was not measured."


def _to_fill_in(files: RunFiles) -> str:
    """What somebody has written into the card before, else the questions."""
    path = files.run.card
    present = path.read_text("utf-8", errors="replace") if path.is_file() and not path.is_symlink() else ""
    _, heading, kept = present.replace("\r\n", "\n").partition(f"\n{TO_FILL_IN}\n")
    if heading:
        return f"{TO_FILL_IN}\n{kept}".rstrip()
    questions = "\n".join(f"- {name}: …" for name in _QUESTIONS)
    return f"{TO_FILL_IN}\n\nOnly people know these; this section is kept when the card is rebuilt.\n\n{questions}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    aligned = "| --- |" + " ---: |" * (len(columns) - 1)
    return "\n".join([_row(columns), aligned, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line: labels and notes come from people's data."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(str(text).encode("utf-8", "replace").decode().split()))
