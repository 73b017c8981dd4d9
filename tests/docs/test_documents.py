"""Every command and every block of code in the README and in docs/ runs."""

import io
import json
import random
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from html import unescape
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from seqkit.runs import find_task
from seqkit.runtime.__main__ import main as answer

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WIDTH = 80
"""Characters of a line of code that the box around it shows beside both menus, without scrolling."""
DATA_LANGUAGES = {"text", "toml", "csv", "json", "conll"}
"""Of blocks that show what is in a file, or what a program prints."""
NOT_RUN = {
    "seqkit kernels build": "half a minute of compiling; tests/kernels do it",
    "pip install": "it asks the network",
    "seqkit serve": "it serves until it is stopped; tests/serve do it",
    "curl": "it asks a service",
}
"""What lines begin with that no test runs, and why."""
ENGINES = ("import dask", "import ray", "from pyspark")
"""What blocks begin with that tests/runs/test_engines.py runs, where the engine is installed."""
SMALLER = {
    "--length 0": "--length 20",
    "tail -f": "cat",
    "rnn,lstm,gru --seeds 3": "rnn,gru --seeds 1",
    "--trials 30": "--trials 1",
    "--trials 20": "--trials 1",
    "--trials 40": "--trials 2",
    "--minutes 60": "--minutes 0.01",
    "vectors my.txt": "vectors my.txt --size 5",
}
"""What would never end, or take long."""
OWN = {
    "sentiment": "my.csv",
    "translate": "pairs.tsv",
    "g2p": "words.tsv",
    "caption": "pictures",
    "charlm": "my.txt",
    "tag": "my.conll",
    "frames": "clips",
    "digit": "points.csv",
    "memory": "my.conll",
}
"""The small data that stand in for a task's own."""
QUICK = ["--set", "epochs=1", "--set", "hidden_size=8"]


class Block(NamedTuple):
    """A fenced block."""

    document: Path
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks_of(document):
    text = document.read_text("utf-8")
    for found in re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield Block(document, text[: found.start()].count("\n") + 1, found[1], found[2])


BLOCKS = [block for document in DOCUMENTS for block in blocks_of(document)]
PAGES = sorted({block.document for block in BLOCKS if block.language == "python"})


def commands_of(block):
    """The lines of a block of commands without their comments."""
    lines = [line.split("  #")[0].strip() for line in block.text.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


COMMANDS = [block for block in BLOCKS if block.language == ""]


def sentences(generator, count):
    words = ["the", "film", "a", "story", "actor", "scene", "with", "and", "its", "some"]
    ends = {"good": ["great", "moving", "charming"], "bad": ["dull", "awful", "boring"]}
    for number in range(count):
        label = ("good", "bad")[number % 2]
        yield " ".join([*generator.choices(words, k=5), generator.choice(ends[label])]), label


def write_files(folder):
    """The files that the documents speak of."""
    generator = random.Random(0)
    rows = list(sentences(generator, 60))
    table = "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)
    for name in ("my.csv", "new.csv", "reviews.csv"):
        (folder / name).write_text(table)
    topics = [sorted(generator.sample(["billing", "bug"], number % 3)) for number in range(60)]
    tickets = [{"text": text, "labels": labels} for (text, _), labels in zip(rows, topics, strict=True)]
    (folder / "tickets.jsonl").write_text("".join(json.dumps(ticket) + "\n" for ticket in tickets))
    cells = [f"{t['text']},{'|'.join(t['labels'])},{n % 2},{n % 3 // 2},1\n" for n, t in enumerate(tickets)]
    (folder / "tickets.csv").write_text("text,topics,urgent,billing,bug\n" + "".join(cells))
    prices = [f"{text},{generator.gauss(9, 1):.2f},{n % 7},{n % 5}\n" for n, (text, _) in enumerate(rows)]
    (folder / "offers.csv").write_text("text,price,days,hours\n" + "".join(prices))
    answers = [f"{text}\t{other}\t{label}\n" for (text, label), (other, _) in zip(rows, rows[::-1], strict=True)]
    (folder / "answers.tsv").write_text("question\tanswer\tlabel\n" + "".join(answers))
    for name in ("my.txt", "log.txt"):
        (folder / name).write_text("".join(f"{text}.\n" for text, _ in rows * 3))
    (folder / "more.txt").write_text("".join(f"{text} indeed\n" for text, _ in rows))
    words = ["red", "old", "big", "new", "cat", "dog", "box"]
    pairs = [(f"{a} {b}", f"{b.upper()} {a.upper()}") for a in words for b in words if a != b]
    (folder / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
    spelled = [a + b + c for a in "bdk" for b in "aeo" for c in "bdk"]
    (folder / "words.tsv").write_text("".join(f"{word}\t{' '.join(word.upper())}\n" for word in spelled))
    people = ["Ann B-PER", "Bob B-PER\nLee I-PER", "Eve B-PER"]
    lines = [f"{a}\n{verb} O\nRome B-LOC\n" for a in people for verb in ("left", "likes", "saw", "sees") for _ in "ab"]
    (folder / "my.conll").write_text("\n".join(lines))
    points = [(generator.gauss(side, 0.3), generator.gauss(0, 1), side) for side in (-1, 1) for _ in range(40)]
    (folder / "points.csv").write_text("x,y,class\n" + "".join(f"{x:.3f},{y:.3f},{c}\n" for x, y, c in points))
    names = [("Virtanen", "Finnish"), ("Korhonen", "Finnish"), ("Novák", "Czech"), ("Dvořák", "Czech")]
    rows = [(f"{name}{end}", language) for name, language in names for end in ("", "a", "ek", "inen", "ova")]
    (folder / "names.csv").write_text("name,language\n" + "".join(f"{a},{b}\n" for a, b in rows), encoding="utf-8")
    (folder / "clips").mkdir()
    for number in range(12):
        frames = [generator.choice((-1, 1)) for _ in range(20)]
        text = "".join(f"{x + generator.gauss(0, 0.1):.3f},{('left', 'right')[x > 0]}\n" for x in frames)
        (folder / f"clips/{number}.csv").write_text("place,label\n" + text)
    (folder / "pictures").mkdir()
    captions = ["file\tcaption"]
    for number in range(24):
        pixels = np.random.default_rng(number).integers(0, 60, (16, 16), np.uint8)
        pixels[:, 8 * (number % 2) : 8 * (number % 2) + 8] += 150
        Image.fromarray(pixels).save(folder / f"pictures/{number}.png")
        captions.append(f"{number}.png\tbright on the {('left', 'right')[number % 2]}")
    (folder / "pictures/captions.tsv").write_text("\n".join(captions) + "\n")


@pytest.fixture(scope="session")
def place(command, tmp_path_factory):
    """A folder with the files and the runs that the documents speak of."""
    folder = tmp_path_factory.mktemp("documents")
    write_files(folder)
    further = {"frames": ["--bidirectional", "false"], "charlm": ["--chunk", "16", "--streams", "2"]}
    for task, data in OWN.items():
        done = command(
            "run", task, "--data", folder / data, "--out", folder / f"runs/{task}-1", *QUICK, *further.get(task, [])
        )
        assert done.returncode == 0, (task, done.stderr)
    words = ["--tokenizer", "word", "--chunk", "16", "--out", folder / "runs/reviews"]
    assert command("run", "charlm", "--data", folder / "my.txt", *words, *QUICK).returncode == 0
    for name in ("RUN", "runs/my-run"):
        shutil.copytree(folder / "runs/sentiment-1", folder / name)
    members = (folder / "runs/sentiment-1", folder / "runs/my-run")
    assert command("ensemble", *members, "--out", folder / "runs/both").returncode == 0
    assert command("export", folder / "runs/my-run").returncode == 0
    return folder


@pytest.fixture(scope="session")
def installed_task(tmp_path_factory):
    """The folder of an installed package with the task that docs/write-a-task.md shows, as pip would leave it."""
    folder = tmp_path_factory.mktemp("site-packages")
    page = next(document for document in DOCUMENTS if document.name == "write-a-task.md")
    (folder / "language.py").write_text(next(b.text for b in blocks_of(page) if b.language == "python"), "utf-8")
    facts = folder / "language-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: language\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[seqkit.tasks]\nlanguage = language:TASK\n")
    return folder


@pytest.fixture
def here(place, installed_task, tmp_path, monkeypatch):
    """A copy of that folder to stand in, beside an installed package with a task of its own."""
    monkeypatch.syspath_prepend(installed_task)
    # Some commands start others.
    monkeypatch.setenv("PYTHONPATH", str(installed_task))
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small(words, folder, own_data=True):
    """The words of a command that trains, on less data for less long; the others as they are."""
    if words[0] == "bench":
        return [*words, "step", "--cells", "gru", "--seconds", "0.001"]
    if words[0] == "ensemble" and "--out" in words:
        shutil.rmtree(folder / words[words.index("--out") + 1], ignore_errors=True)
    if words[0] not in ("run", "compare", "tune") or len(words) < 2 or "--help" in words:
        return words
    task, made = words[1], list(words)
    if not {"--source", "--text"} & set(made) and own_data and task in OWN:
        if made[2:3] and not made[2].startswith("-"):
            made[2:3] = ["--data", made[2]]
        if "--data" not in made:
            made += ["--data", OWN[task]]
        place = made.index("--data") + 1
        if made[place] in find_task(task).data_sets:
            made[place] = OWN[task]
    if "--out" in made:
        shutil.rmtree(folder / made[made.index("--out") + 1], ignore_errors=True)
    if words[0] == "tune" and not {"--trials", "--minutes"} & set(made):
        made += ["--trials", "1"]
    return [*made, *QUICK] if own_data else [*made, "--set", "epochs=1"]


def run_line(line, folder, command, monkeypatch, own_data=True):
    """Runs one command; gives back what went wrong, if anything did."""
    for long, short in SMALLER.items():
        line = line.replace(long, short)
    if "|" in line or "--input -" in line:
        file = "clips/0.csv" if "frames" in line else "my.txt"
        seqkit = f"{shlex.quote(sys.executable)} -m seqkit"
        line = re.sub(r"\bseqkit (?=[a-z])", f"{seqkit} ", line) + ("" if "|" in line else f" < {file}")
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, timeout=60)
        return "" if done.returncode == 0 else done.stderr
    words = shlex.split(line)
    if words[0] == "make":
        done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stderr
    if words[:3] == ["python", "-m", "seqkit.runtime"]:
        with redirect_stdout(io.StringIO()):
            code = answer(words[3:])
        return f"exit code {code}" if code else ""
    if words[:2] == ["python", "-m"]:
        assert words[2].startswith("benchmarks."), line
        monkeypatch.setattr(sys, "argv", [words[2], *words[3:], "--help"])
        monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
        with redirect_stdout(io.StringIO()) as shown, pytest.raises(SystemExit) as stop:
            runpy.run_module(words[2], run_name="__main__", alter_sys=True)
        strange = [word for word in words[3:] if word.startswith("-") and word not in shown.getvalue()]
        return f"exit code {stop.value.code}" if stop.value.code else " ".join(strange)
    assert words[0] == "seqkit", f"'{line}' is no command that this test knows"
    with monkeypatch.context() as patch:
        if words[1] == "kernels":
            patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        done = command(*small(words[1:], folder, own_data))
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("block", COMMANDS, ids=str)
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_commands_run_on_small_data(block, here, command, monkeypatch):
    for line in commands_of(block):
        if not any(line.startswith(begin) for begin in NOT_RUN):
            wrong = run_line(line, here, command, monkeypatch)
            assert not wrong, f"{block}: {line}\n{wrong}"


@pytest.mark.slow
@pytest.mark.parametrize("task", OWN)
def test_the_first_epoch_of_every_default_runs(task, here, command, monkeypatch):
    assert not run_line(f"seqkit run {task}", here, command, monkeypatch, own_data=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_runs_from_its_top_to_its_end(page, here):
    names = {"__name__": "page"}
    for block in blocks_of(page):
        if block.language == "python" and not block.text.startswith(ENGINES):
            exec(compile("\n" * block.line + block.text, str(page), "exec"), names)


def test_the_task_of_the_page_is_short(installed_task):
    assert len((installed_task / "language.py").read_text("utf-8").splitlines()) <= 60


def test_every_block_is_of_a_kind_that_is_run_or_shows_a_file():
    for block in BLOCKS:
        assert block.language in {"", "python", "equation", *DATA_LANGUAGES}, block


def test_the_lines_of_a_block_fit_its_box():
    """Equations are left out: those beside each other on a line go below each other where there is no room."""
    shown = [(block, line) for block in BLOCKS if block.language != "equation" for line in block.text.splitlines()]
    assert len(shown) > 1000
    wide = [f"{block}: {line}" for block, line in shown if len(line) > WIDTH]
    assert not wide, "\n".join(wide)


def test_what_is_not_run_is_still_written_somewhere():
    lines = [line for block in COMMANDS for line in commands_of(block)]
    for begin in NOT_RUN:
        assert any(line.startswith(begin) for line in lines), begin
    for long in SMALLER:
        assert any(long in line for line in lines), long


def test_every_command_of_seqkit_is_shown():
    from seqkit.commands import _COMMANDS as listed

    shown = {line.split()[1] for block in COMMANDS for line in commands_of(block) if line.startswith("seqkit ")}
    assert len(listed) > 10
    assert set(listed) <= shown, set(listed) - shown


def lines_of(block):
    """The lines that a block of a built page shows."""
    return unescape(re.sub("<[^>]+>", "", block)).splitlines()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8")):
        if "://" not in target and not target.startswith("results/"):
            assert (document.parent / target).exists(), target


def test_the_pages_are_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    process = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(process, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "benchmarks.html").read_text("utf-8")
    assert "against ONNX Runtime" in page
    assert "{{" not in page
    texts = [path.read_text("utf-8") for path in tmp_path.rglob("*.html")]
    assert not any(":class:" in text for text in texts)
    blocks = [lines_of(block) for text in texts for block in re.findall(r"<pre\b.*?</pre>", text, re.DOTALL)]
    assert len(blocks) > 100
    assert [line for lines in blocks for line in lines if len(line) > WIDTH] == []
