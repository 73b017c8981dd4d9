"""Every task with every kind of target, on small data of its own: runs that train in a second and end in all ways."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.chaos.subjects import TASKS, Subject, Words, options_of

_LETTERS = "bdklmnaeiou"
_SMALL = ("hidden_size=4", "epochs=3", "batch_size=8", "checkpoint_seconds=3600")
_WORDS = (*_SMALL, "embedding_size=4", "min_count=1", "valid_fraction=0.2", "test_fraction=0.2")
Write = Callable[[Path], Path]
"""Makes data in a folder; what ``--data`` takes"""


def _texts(folder: Path) -> Path:
    """Texts with a column for each kind of target."""
    generator = random.Random(1)
    rows = []
    for _ in range(80):
        words = ["".join(generator.choices(_LETTERS, k=3)) for _ in range(generator.randint(2, 6))]
        text, letters = " ".join(words), " ".join(words).count
        topics = [letter for letter in "abd" if letter in text]
        rows.append(
            {"text": text, "other": words[0] if letters("e") else "no", "mood": ["dull", "good"][letters("a") > 1]}
            | {"kind": "aei"[letters("k") % 3], "topics": topics, "size": len(text), "vowels": letters("a") + 0.5}
            | {"weight": 1 + letters("b")}
        )
    (path := folder / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _clips(folder: Path) -> Path:
    """Sequences whose frames have two labels that are on or off."""
    (clips := folder / "clips").mkdir()
    for number in range(16):
        rows = [f"{number},{step},{int(step > 3)},{number % 2}" for step in range(5 + number % 3)]
        (clips / f"clip{number}.csv").write_text("\n".join(["height,width,late,odd", *rows]) + "\n", "utf-8")
    return clips


def _phrases(folder: Path) -> Path:
    """Pairs, many of which have nearly the same source: answers come from the memory, too."""
    nouns, verbs = ("cat", "dog", "fox", "hen", "owl"), ("runs", "eats", "sings", "sleeps")
    lines = [f"the {n} {v} {end}\t{v.upper()} {n.upper()}\n" for n in nouns for v in verbs for end in ("now", "today")]
    (path := folder / "phrases.tsv").write_text("english\tfrench\n" + "".join(lines), "utf-8")
    return path


def _sentences(folder: Path) -> Path:
    generator = random.Random(2)
    lines = []
    for _ in range(40):
        words = ["".join(generator.choices(_LETTERS, k=generator.randint(2, 4))) for _ in range(4)]
        lines.append("".join(f"{word} {'B-V' if word[0] in 'aeiou' else 'O'}\n" for word in words))
    (path := folder / "sentences.conll").write_text("\n".join(lines), "utf-8")
    return path


def _generated(folder: Path) -> Path:
    return Path("generated")


def _of_target(task: str, write: Write, options: Sequence[str], folder: Path, name: str = "run") -> Words:
    (data := folder / "data").mkdir(exist_ok=True)
    made = [*data.glob(f"{write.__name__[1:]}*")] or [write(data)]
    settings = [word for option in options for word in ("--set", option.format(folder))]
    return ["run", task, str(made[0]), *settings, "--out", str(folder / name)]


def _run(name: str, task: str, write: Write, *options: str) -> Subject:
    return Subject(f"run {name}", lambda folder: _of_target(task, write, options, folder))


def _more(name: str, epochs: int, *options: str) -> Subject:
    """A finished run that gets more epochs, which need not make it better."""
    first = lambda folder: _of_target("text", _texts, options, folder)  # noqa: E731
    words = lambda folder: ["resume", str(folder / "run"), "--epochs", str(epochs)]  # noqa: E731
    return Subject(f"resume --epochs {name}", words, (first,))


def _taught(*options: str) -> Subject:
    teacher = lambda folder: _of_target("text", _texts, options, folder, "teacher")  # noqa: E731
    words = lambda folder: _of_target("text", _texts, (*options, "teacher={}/teacher"), folder)  # noqa: E731
    return Subject("run text with a teacher", words, (teacher,))


def _joined(name: str, task: str, write: Write, *options: str) -> Subject:
    members = [
        lambda folder, cell=cell: _of_target(task, write, (*options, f"cell={cell}", "split_seed=1"), folder, cell)
        for cell in ("gru", "rnn")
    ]
    words = lambda folder: ["ensemble", *(str(folder / cell) for cell in ("gru", "rnn")), "--out", f"{folder}/both"]  # noqa: E731
    return Subject(f"ensemble of {name}", words, tuple(members))


_NUMBER, _NUMBERS = ("target=number", "label_column=size"), ("target=number", "label_column=size,vowels")
_SETS = ("target=labels", "label_column=topics")


def _targets() -> list[Subject]:
    def plain(task: str) -> Subject:
        words = [*options_of(task), "--checkpoint-seconds", "3600"]
        return Subject(f"run {task}", lambda folder: ["run", task, *words, "--out", str(folder / "run")])

    return [
        *(plain(task) for task in TASKS),
        _run("text: two labels, tuned", "text", _texts, *_WORDS, "label_column=mood", "threshold=auto"),
        _run("text: three labels, weighted", "text", _texts, *_WORDS, "label_column=kind", "weight_column=weight"),
        _run("text: sets of labels", "text", _texts, *_WORDS, *_SETS),
        _run("text: sets, tuned for each", "text", _texts, *_WORDS, *_SETS, "threshold=auto"),
        _run("text: a number", "text", _texts, *_WORDS, *_NUMBER),
        _run("text: two numbers", "text", _texts, *_WORDS, *_NUMBERS),
        _run("text: pairs", "text", _texts, *_WORDS, "text_column=text,other", "label_column=kind"),
        _run("text: number of pairs", "text", _texts, *_WORDS, "text_column=text,other", *_NUMBER),
        _run("text: pretrained", "text", _texts, *_WORDS, *_NUMBER, "pretrain={}/data/texts.jsonl"),
        _run("frames: sets of labels", "frames", _clips, *_SMALL, "label_column=late,odd"),
        _run("tag: segments", "tag", _sentences, *_WORDS),
        _run("translate: with memory", "translate", _phrases, *_WORDS, "tokenizer=word"),
        _run("memory", "memory", _generated, *_SMALL, "sequences=64"),
        _taught(*_WORDS, "label_column=mood", "threshold=auto"),
        _more("of a number", 5, *_WORDS, *_NUMBER),
        _more("of sets of labels", 5, *_WORDS, *_SETS),
        _more("of two labels, tuned", 5, *_WORDS, "label_column=mood", "threshold=auto"),
        _joined("labels", "text", _texts, *_WORDS, "label_column=kind"),
        _joined("translations", "translate", _phrases, *_WORDS, "tokenizer=word"),
    ]


TARGETS = {subject.name: subject for subject in _targets()}
