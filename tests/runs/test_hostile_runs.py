"""Runs that somebody has edited, with the digests to match: an answer or one sentence, and never a code or a hang."""

import copy
import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from seqkit.errors import SeqkitError
from seqkit.files import read_json
from seqkit.runs import load
from seqkit.runs.model import open_run
from seqkit.runs.session import resume

RUNS = Path(__file__).parent / "made_by_0_1_0"
INPUTS = {"digit": "0.5 0.5", "sentiment": "a dull film", "g2p": "bat", "translate": "a film", "tag": "ann sings"}
WRONG = [None, True, -1, 10**6, 10**30, 0.5, float("nan"), "", "x", "../x", "\ud800", [], [[]], [None], {}, {"x": None}]


def sign(run):
    """Writes the digests of what the files hold now."""
    manifest = run / "run.json"
    facts = json.loads(manifest.read_text())
    for name in facts["digests"]:
        facts["digests"][name] = hashlib.blake2b((run / name).read_bytes(), digest_size=16).hexdigest()
    manifest.write_text(json.dumps(facts))


def copied(name, folder):
    shutil.copytree(RUNS / name, folder)
    # Kept with the paths of another checkout.
    sign(folder)
    return folder


def places(value, path=()):
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in [*inner][:12]:
        yield from places(each, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return value


def edits(file, count, seed):
    """Some ways to put a wrong value somewhere into a file of JSON."""
    draw, content = random.Random(seed), json.loads(file.read_text())
    for _ in range(count):
        yield json.dumps(replaced(content, draw.choice([*places(content)]), draw.choice(WRONG)))


@pytest.mark.parametrize("task", INPUTS)
def test_wrong_types_anywhere_give_an_answer_or_a_sentence_with_the_file(task, tmp_path):
    run, refused = copied(task, tmp_path / task), 0
    names = json.loads((run / "run.json").read_text())["codec"]
    for seed, name in enumerate([*names, "run.json"]):
        whole = (run / name).read_bytes(), (run / "run.json").read_bytes()
        for edited in edits(run / name, int(os.environ.get("SEQKIT_FUZZ", "12")), seed):
            (run / name).write_text(edited)
            if name != "run.json":
                sign(run)
            try:
                load(run).predict([INPUTS[task]])
            except SeqkitError as error:
                refused += 1
                # Names that nobody knows, and labels outside the scheme, are shown instead of the file.
                named = str(run) in str(error) or name in str(error)
                assert named or "unknown" in str(error) or "not of the scheme" in str(error), error
                assert "\n" not in str(error)
            (run / name).write_bytes(whole[0])
            (run / "run.json").write_bytes(whole[1])
    assert refused > 5


@pytest.fixture
def edited(tmp_path):
    """Copies an old run, replaces a text in one of its files, and signs it again."""

    def edit(name, old, new, run="sentiment", then=sign):
        folder = copied(run, tmp_path / "edited")
        content = (folder / name).read_text()
        assert old in content
        (folder / name).write_text(content.replace(old, new))
        then(folder)
        return folder

    return edit


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("num_layers = 1", "num_layers = 1000000000", r"num_layers must be below 1000"),
        ("hidden_size = 6", "hidden_size = 1000000", r"config\.toml asks for a tensor of .*, which its weights do not"),
        ("embedding_size = 6", "embedding_size = 2000000000", r"config\.toml asks for a tensor of"),
    ],
)
def test_sizes_that_the_weights_do_not_have_take_no_memory(edited, old, new, sentence):
    run = edited("config.toml", old, new)
    with pytest.raises(SeqkitError, match=sentence):
        load(run)


def test_a_million_threads_are_refused(edited):
    # torch would end the process.
    run = edited("run.json", '"threads": 1,', '"threads": 1000000,', "sentiment-stopped", lambda run: None)
    with pytest.raises(
        SeqkitError, match=r"run\.json is damaged: a whole number from 1 to 1024 is expected at threads"
    ):
        resume(run, [])


@pytest.mark.parametrize(
    ("name", "old", "words"),
    [
        # Each was the name of a file to open, a digest, or a text to print: that nothing can encode it blamed the
        # encoding of standard output.
        ("run.json", '"vocab.json",', ["predict", "a dull film"]),
        ("labels.json", '"bad",', ["predict", "a dull film"]),
        ("vocab.json", '"film",', ["predict", "a dull film"]),
        ("results.json", '"sentiment"', ["report"]),
    ],
)
def test_half_of_a_surrogate_pair_is_refused_with_the_name_of_its_file(edited, command, name, old, words):
    then = sign if name in ("labels.json", "vocab.json") else lambda run: None
    run = edited(name, old, old.replace(old.strip(","), '"\\ud800"'), then=then)
    done = command(words[0], run, *words[1:])
    assert done.returncode == 1
    assert f"{name} is damaged ('\\ud800' is half of a surrogate pair)" in " ".join(done.stderr.split())


@pytest.mark.parametrize("text", [r"\ud83d\ude00", r"\\ud800", "plain"])
def test_pairs_and_escaped_signs_are_texts_like_others(tmp_path, text):
    file = tmp_path / "file.json"
    file.write_text(f'["{text}"]')
    assert read_json(file) == json.loads(f'["{text}"]')


@pytest.mark.parametrize("name", ["../secret.json", "/etc/hostname", "a\\b", ""])
def test_a_run_names_no_file_outside_its_folder(edited, name):
    run = edited("run.json", '"vocab.json",', f"{json.dumps(name)},", then=lambda run: None)
    with pytest.raises(SeqkitError, match=r"the name of a file in the folder is expected at codec\[0\]"):
        open_run(run)


@pytest.mark.parametrize("name", ["run.json", "config.toml", "labels.json", "model.safetensors"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "endless"])
def test_what_is_not_an_ordinary_file_is_refused_before_it_is_opened(tmp_path, name, make):
    # Were it opened, this test would never end.
    run = copied("sentiment", tmp_path / "run")
    (run / name).unlink()
    make(run / name)
    with pytest.raises(SeqkitError, match=rf"{name} .*a pipe or a device|is not a run|cannot read .*{name}"):
        load(run)
