"""One file in the four commands, and what each of them said."""

import json
import re
import shutil
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from tests.data.wild.packing import PACKERS

FILES = Path(__file__).parent / "files"
PLAIN = {
    "sentiment": "plain.csv", "translate": "plain.tsv", "g2p": "plain.tsv", "tag": "two.conll",
    "charlm": "plain.txt", "digit": "plain.csv", "frames": "plain", "caption": "plain-tsv",
}  # fmt: skip
"""The file of each task that the model learns which then answers the others."""
TINY = ["--epochs", "1", "--batch-size", "16"]
SMALL = {
    "sentiment": ["--hidden-size", "4", "--embedding-size", "4", "--min-count", "1"],
    "translate": ["--hidden-size", "4", "--embedding-size", "4", "--tokenizer", "char"],
    "g2p": ["--hidden-size", "4", "--embedding-size", "4"],
    "tag": ["--hidden-size", "4", "--embedding-size", "4", "--spelling-size", "4", "--character-size", "4",
            "--valid-fraction", "0.2", "--test-fraction", "0.2"],
    "charlm": ["--hidden-size", "4", "--embedding-size", "4", "--chunk", "8"],
    "digit": ["--hidden-size", "4"],
    "frames": ["--hidden-size", "4"],
    "caption": ["--hidden-size", "4", "--embedding-size", "4"],
}  # fmt: skip
OF_THE_FILE = ("encoding", "columns", "text_column", "label_column", "source_column", "target_column", "word_column",
               "tag_column")  # fmt: skip
"""Options of `run` that `evaluate` has, too."""


@dataclass
class Said:
    """What a command said of a file: its exit code, its sentences, and how many answers or examples there were."""

    code: int
    sentences: list = field(default_factory=list)
    count: str = ""


def picture(color):
    """A PNG of 4 x 4 pixels."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + bytes(color) * 4 for _ in range(4))
    header = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def laid_out(task, file, made, folder):
    """The file or folder in a folder of its own, with the pictures that a folder of captions tells of."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if made:
        path.write_bytes(PACKERS[made[0]](FILES / task / made[1]))
    elif (FILES / task / file).is_dir():
        shutil.copytree(FILES / task / file, path)
    else:
        shutil.copyfile(FILES / task / file, path)
    if task == "caption":
        place = path / "pictures" if file == "pictures-in-a-folder" else path
        place.mkdir(exist_ok=True)
        for number, name in enumerate(("red", "green", "blue", *(["été"] if file == "decomposed" else []))):
            for shade in range(4):
                (place / f"{name}{shade}.png").write_bytes(picture([40 * number, 20 * shade, 90]))
    return path


def sentences(text, path):
    """The lines of an output that say something of the data, without the folder of the file."""
    text = re.sub(r"\n +(?=\S)", " ", text).replace(f"{path.parent}/", "")
    return re.findall(r"^(?:wrong|warning|note|seqkit): (.*)$", text, re.MULTILINE)


class Commands:
    """The four commands on one file."""

    def __init__(self, command, task, path, options, folder):
        self.command, self.task, self.path, self.folder = command, task, path, folder
        self.options = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
        known = {name: value for name, value in options.items() if name in OF_THE_FILE}
        self.of_the_file = [part for name, value in known.items() for part in (f"--{name.replace('_', '-')}", value)]
        told = {name: known[name] for name in ("encoding", "columns", "text_column") if name in known}
        self.of_the_input = [part for name, value in told.items() for part in (f"--{name.replace('_', '-')}", value)]

    def doctor(self):
        done = self.command("doctor", self.task, self.path, "--no-timing", *self.options, *SMALL[self.task])
        assert "seqkit-doctor-" not in done.stdout + done.stderr, "doctor names a file that nobody has"
        return Said(done.returncode, sentences(done.stdout + done.stderr, self.path))

    def run(self, out="run"):
        small = [*SMALL[self.task], *TINY[: 2 if self.task == "charlm" else 4]]
        done = self.command("run", self.task, "--data", self.path, "--out", self.folder / out, *small, *self.options)
        return Said(done.returncode, sentences(done.stderr, self.path))

    def predict(self, model):
        """An answer for each input; those without any keep their place."""
        output = self.folder / "answers"
        # Models of frames and pictures are given the names of files.
        kinds = {"frames": "*.[ct]sv", "caption": "*.png"}
        names = sorted(self.path.rglob(kinds[self.task])) if self.task in kinds and self.path.is_dir() else []
        inputs = [name for name in names if not name.name.startswith(".")] or ["--input", self.path]
        done = self.command("predict", model, *inputs, "--json", "--output", output, *self.of_the_input)
        count = ""
        if done.returncode == 0:
            rows = [json.loads(line) for line in output.read_text(encoding="utf-8").split("\n") if line]
            blank = sum(is_blank(row) for row in rows)
            count = f"{len(rows) - blank}" + (f" + {blank} blank" if blank else "")
        return Said(done.returncode, sentences(done.stderr, self.path), count)

    def evaluate(self, model):
        done = self.command("evaluate", model, "--data", self.path, "--json", *self.of_the_file)
        count = "" if done.returncode else str(json.loads(done.stdout)["examples"])
        return Said(done.returncode, sentences(done.stderr, self.path), count)


def is_blank(row):
    """Whether nothing was answered."""
    answers = [value for name, value in row.items() if name.startswith("predicted")]
    if not answers and "input" in row:
        answers = [value for name, value in row.items() if name not in ("input", "words")]
    return all(
        value in ("", None, [], {}) or (isinstance(value, dict) and not any(value.values())) for value in answers
    )
