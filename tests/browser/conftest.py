"""A page of every kind, made of data in which every text, label and name tries to become part of the page."""

import random
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

AXE = "axe-core@4.11.0"
WORD = "<script>hacked=1</script>"
EVIL = f"{WORD}</script><img src=x onerror=hacked=1>"
LONG = "a_very_long_word_without_any_blank" * 3
SMALL = ["--hidden-size", "8", "--epochs", "1", "--set", "batch_size=16"]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """The browser of all tests."""
    pytest.importorskip("websockets")
    from tests.browser.chromium import PATH, Chromium

    if PATH is None:
        pytest.skip("Chromium is not installed")
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The source of axe-core, which npm brings for these tests; nothing of it is part of this repository."""
    if shutil.which("npm") is None:
        pytest.skip("npm, which brings axe-core, is not installed")
    folder = tmp_path_factory.mktemp("axe")
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder]
    try:
        done = subprocess.run(["npm", "install", *options, AXE], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm could not download {AXE} within two minutes")
    if done.returncode:
        pytest.skip(f"npm could not download {AXE}: {done.stderr.strip()[-200:]}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")


@pytest.fixture(scope="session")
def runs(command, tmp_path_factory):
    """A finished run of every task, by its name."""
    folder = tmp_path_factory.mktemp("browser") / "<b>runs"
    folder.mkdir()
    found = {}
    for name, options in data_of(folder).items():
        done = command("run", name.partition(" ")[0], *options, "--out", folder / name)
        assert done.returncode == 0, done.stderr
        found[name] = folder / name
    return found


def data_of(folder):
    """For every task the options of a small run."""
    draw = random.Random(0)
    labels = ["good & <i>", f"bad {EVIL}"]
    words = {labels[0]: ["fine", "warm", "great"], labels[1]: ["dull", "weak", "poor"]}
    rows = [
        (f"{draw.choice([EVIL, LONG])} {draw.choice(words[label])}", label) for label in draw.choices(labels, k=120)
    ]
    (folder / "texts.csv").write_text("text,label\n" + "".join(f'"{text}","{label}"\n' for text, label in rows))
    (folder / "rows.csv").write_text(
        f"label,x,{WORD}\n" + "".join(f'"{draw.choice(labels)}",{draw.random()},{draw.random()}\n' for _ in range(60))
    )
    sentences = ["\n".join(f"{word} {tag}" for word, tag in ((WORD, "<i>N"), (f"w{n % 7}", "O"))) for n in range(60)]
    (folder / "words.conll").write_text("\n\n".join(sentences) + "\n")
    pairs = {f"the {a} <b> {n}": f"le {b} <b> {n}" for a, b in (("red", "rouge"), ("big", "grand")) for n in range(20)}
    (folder / "pairs.tsv").write_text("English\tFrench\n" + "".join(f"{a}\t{b}\n" for a, b in pairs.items()))
    (folder / "sets.csv").write_text("text,labels\n" + "".join(f'"{text}","{label}|<b>both"\n' for text, label in rows))
    (folder / "prices.csv").write_text(
        f"text,{WORD}\n" + "".join(f'"{text}",{draw.random():.3f}\n' for text, _ in rows)
    )
    (folder / "text.txt").write_text(f"{EVIL} and so on, {LONG}.\n" * 60)
    return {
        "sentiment": ["--data", folder / "texts.csv", *SMALL],
        "sentiment gru": ["--data", folder / "texts.csv", *SMALL, "--cell", "gru", "--pooling", "attention"],
        "text labels": ["--data", folder / "sets.csv", "--target", "labels", "--label-column", "labels", *SMALL],
        "text number": ["--data", folder / "prices.csv", "--target", "number", "--label-column", WORD, *SMALL],
        "digit": ["--data", folder / "rows.csv", "--epochs", "1"],
        "digit drawn": ["--epochs", "1"],
        "tag": ["--data", folder / "words.conll", *SMALL],
        "frames": ["--data", clips(folder / "clips"), *SMALL],
        "frames sets": ["--data", set_clips(folder / "sets"), "--label-column", "late,<u>odd", *SMALL],
        "translate": ["--data", folder / "pairs.tsv", *SMALL, "--tokenizer", "word"],
        "g2p": ["--data", folder / "pairs.tsv", *SMALL],
        "caption": ["--data", pictures(folder / "pictures"), *SMALL],
        "charlm": ["--data", folder / "text.txt", "--hidden-size", "8", "--epochs", "1", "--streams", "2"],
        "memory": ["--problem", "parity", "--length", "8", *SMALL],
        "memory gru": ["--problem", "parity", "--length", "8", *SMALL, "--cell", "gru"],
    }


def clips(folder):
    """Tables of frames with two features and a label each."""
    folder.mkdir()
    for number in range(15):
        rows = [f"{number},{step},{'<u>a' if step > 3 else LONG}" for step in range(5 + number % 3)]
        (folder / f"clip{number}.csv").write_text("\n".join([f"{WORD},width,label", *rows]) + "\n")
    return folder


def set_clips(folder):
    """Tables of frames with two features, and two labels that each frame may have."""
    folder.mkdir()
    for number in range(15):
        rows = [f"{number},{step},{int(step > 3)},{number % 2}" for step in range(5 + number % 3)]
        (folder / f"clip{number}.csv").write_text("\n".join([f"{WORD},width,late,<u>odd", *rows]) + "\n")
    return folder


def pictures(folder):
    """Pictures of one grey each, with captions."""
    image = pytest.importorskip("PIL.Image")
    folder.mkdir()
    lines = ["file\tcaption"]
    for number in range(20):
        image.new("L", (16, 16), 10 * number).save(folder / f"{number}.png")
        lines.append(f"{number}.png\ta {'dark' if number < 10 else 'light'} {WORD}")
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n")
    return folder


INPUTS = {
    "sentiment": f"{EVIL} {LONG} fine",
    "sentiment gru": f"{EVIL} fine",
    "tag": f"{WORD} w1",
    "translate": "the red <b> 3",
    "g2p": "the red",
    "charlm": f"{EVIL} and",
}


@pytest.fixture(scope="session")
def pages(runs, command, tmp_path_factory):
    """The address of a page of each kind, by its name; that of a service is made when it is asked for."""
    folder, found = (
        tmp_path_factory.mktemp("pages"),
        {f"report of {name}": run / "report.html" for name, run in runs.items()},
    )

    def make(kind, *arguments):
        found[kind] = folder / f"{kind}.html"
        done = command(*arguments, found[kind])
        assert done.returncode == 0, done.stderr

    data = next(iter(runs.values())).parent
    inputs = {**INPUTS, "frames": data / "clips/clip1.csv", "caption": data / "pictures/3.png"}
    for name, text in inputs.items():
        make(f"inspect of {name}", "inspect", runs[name], text, "--out")
    beside = ["--gradient-flow", "--beside", runs["sentiment gru"]]
    make("inspect of gradients", "inspect", runs["sentiment"], *beside, "--out")
    make("compare", "compare", runs["sentiment"], runs["sentiment gru"], "--page")
    make("compare by length", "compare", runs["memory"], runs["memory gru"], "--page")
    return found


@pytest.fixture(scope="session")
def tuned(runs, command, tmp_path_factory):
    """The page of a search."""
    pytest.importorskip("optuna")
    data, out = next(iter(runs.values())).parent / "rows.csv", tmp_path_factory.mktemp("tune") / "search"
    options = ["--data", data, "--epochs", "1", "--trials", "3", "--out", out]
    done = command("tune", "digit", *options)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.html"))


@pytest.fixture(scope="session")
def served(runs):
    """The address of a service with runs of every kind of input, two of them of one."""
    if not all(map(find_spec, ("starlette", "uvicorn"))):
        pytest.skip("the extra 'serve' is not installed")
    names = ["sentiment", "sentiment gru", "text labels", "text number", "translate", "tag", "charlm", "digit"]
    names += ["digit drawn", "frames", "frames sets", "caption"]
    named = [f"{name.replace(' ', '-')}={runs[name]}" for name in names]
    command = [sys.executable, "-m", "seqkit", "serve", *named, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        line = next(line for line in process.stderr if "http://" in line)
        yield line[line.index("http://") :].split()[0]
        process.terminate()
