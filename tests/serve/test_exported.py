"""What was exported of a run is served as the run is, without torch."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from seqkit import runtime
from seqkit.errors import UsageError
from seqkit.export import write as exporting
from seqkit.files import signed
from seqkit.serve import Limits, open_served
from seqkit.serve.exported import ServedExport
from seqkit.serve.registry import Registry
from seqkit.serve.runs import ServedRun
from seqkit.topologies import Exports
from seqkit.topologies.delayed import Delayed
from seqkit.topologies.next_step import NextStep
from seqkit.topologies.synced.frames import SyncedFrames
from tests.answers import alike
from tests.serve.clients import as_json, client_of, tiny

pytest.importorskip("onnxruntime")


def exported(model, folder):
    """The folder that `seqkit export` writes of a model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "load", lambda path, device, cell=None: model)
        exporting.export(folder, "onnx", folder)
    return folder


@pytest.fixture(scope="module")
def pair(trial, tmp_path_factory):
    """The trial's model as a service of the run and of its export has it."""
    if not isinstance(trial.task, Exports):
        pytest.skip("the task exports nothing")
    folder = exported(trial.model, tmp_path_factory.mktemp("exported"))
    return ServedRun(trial.model, "v", Limits()), open_served(folder, Limits())


def test_every_task_is_answered_alike(trial, pair):
    values = [as_json(raw, pair[0].inputs.kind) for raw in trial.inputs(trial.examples[:8])]
    items = [[served.prepare(value) for value in values] for served in pair]
    wanted, found = (served.answer(items[n], {}) for n, served in enumerate(pair))
    if trial.task.name == "memory":
        # It shows only the answers that are asked for, which an export does not know.
        return
    assert alike(json.loads(json.dumps(found)), json.loads(json.dumps(wanted)))


def test_facts_and_schemas_are_those_of_the_run_but_for_what_is_explained(pair):
    (ours, theirs), schemas = (served.facts() for served in pair), [served.option_schemas() for served in pair]
    assert {**theirs, "version": "v", "explains": ours["explains"]} == ours
    assert not theirs["explains"]
    assert schemas[0] == schemas[1]
    assert pair[0].input_schema() == pair[1].input_schema()


def test_options_that_cannot_be_are_refused_as_for_the_run(pair):
    for options in (
        {"beem_size": 3},
        {"n_best": 0},
        {"n_best": 10**6},
        {"max_ratio": 0},
        {"beam_size": "3"},
        {"balance": True},
    ):
        said = []
        for served in pair:
            with pytest.raises(UsageError) as error:
                served.checked_options(options)
            said.append(str(error.value))
        assert said[0] == said[1]


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    model = tiny("frames", folder, SyncedFrames, bidirectional=False, delay=2)
    return model, exported(model, folder / "onnx")


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charlm")
    model = tiny("charlm", folder, NextStep)
    return model, exported(model, folder / "onnx")


def client(folder, key=b"k" * 32):
    return client_of(paths=(str(folder),), key=key)


def test_a_stream_of_frames_moves_between_two_servers_bit_equal(frames):
    model, folder = frames
    sequence = [[0.1 * n] * model.codec.layout.size for n in range(7)]
    stream = model.stream()
    wanted = [answer for frame in sequence if (answer := stream.push(frame))] + stream.finish()
    with client(folder) as one, client(folder) as other:
        whole = one.post("/stream", json={"steps": sequence, "end": True}).json()["answers"]
        found, token = [], {}
        for number, frame in enumerate(sequence):
            reply = (one, other)[number % 2].post("/stream", json={"steps": [frame], **token}).json()
            found, token = found + reply["answers"], {"token": reply["token"]}
        found += other.post("/stream", json={**token, "end": True}).json()["answers"]
    assert found == whole
    assert [answer["label"] for answer in whole] == [answer.label for answer in wanted]


def test_a_text_is_read_and_written_as_by_the_run(writer):
    model, folder = writer
    run = client_of(open_run=lambda path: ServedRun(model, "v", Limits()))
    options = {"prompt": "da", "length": 12, "temperature": 0}
    with client(folder) as ours, run as theirs:
        texts = [
            "".join(json.loads(line[6:]).get("text", "") for line in asked.text.splitlines() if line[:5] == "data:")
            for asked in (each.post("/generate", json=options) for each in (ours, theirs))
        ]
        steps = [each.post("/stream", json={"steps": ["da", "l"]}).json()["answers"] for each in (ours, theirs)]
        cut = ours.post("/stream", json={"steps": ["d", "al"]}).json()["answers"]
    assert texts[0] == texts[1]
    assert alike(*steps)
    assert cut[1]["next"] == steps[0][1]["next"]


def test_a_new_export_takes_the_place_of_the_old_one(writer, tmp_path):
    folder = writer[1]
    path = tmp_path / "model"
    path.mkdir()
    for file in folder.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    registry = Registry({"one": path}, lambda path: open_served(path, Limits()))
    before = registry.find("one")[1].version
    other = tiny("charlm", tmp_path, NextStep, cell="gru")
    exported(other, path)
    asyncio.run(registry.look("one"))
    served = registry.find("one")[1]
    assert served.version != before
    assert isinstance(served, ServedExport)


def test_an_export_that_is_written_while_it_is_read_is_not_served(writer, tmp_path, monkeypatch):
    folder = exported(writer[0], tmp_path / "onnx")

    def load(path):
        found = runtime.load(path)
        (path / "runtime.json").write_bytes((path / "runtime.json").read_bytes() + b"\n")
        return found

    monkeypatch.setattr("seqkit.serve.exported.load", load)
    with pytest.raises(UsageError, match="was written while it was read; try again"):
        open_served(folder, Limits())


def test_an_export_of_an_older_version_says_less_of_itself_and_answers(writer, tmp_path):
    _, folder = writer
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    facts = json.loads((tmp_path / "runtime.json").read_text())
    del facts["about"], facts["digest"]
    (tmp_path / "runtime.json").write_bytes(signed(facts))
    assert open_served(tmp_path, Limits()).facts()["task"] == "charlm"
    assert runtime.load(tmp_path).predict(["da"])


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "sklearn", "scipy"}:
            raise ModuleNotFoundError(name + " is not installed", name=name)

sys.meta_path.insert(0, Blocked())
from seqkit.commands import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("g2p")
    return exported(tiny("g2p", folder, Delayed), folder / "onnx")


def blocked(*arguments):
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", BLOCKED, "serve", "--port", "0", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env={name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"},
    )


@pytest.mark.command
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_command_serves_exports_where_torch_is_not_installed(workers, frames, writer, translator):
    model, folder = frames
    names = [f"frames={folder}", f"charlm={writer[1]}", f"g2p={translator}"]
    process = blocked(*names, "--workers", workers)
    try:
        address = process.stderr.readline().split()[-1]

        def post(path, value):
            headers = {"Content-Type": "application/json"}
            asked = urllib.request.Request(address + path, json.dumps(value).encode(), headers)
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.read().decode()

        features = [[0.5] * model.codec.layout.size] * 3
        assert len(json.loads(post("/runs/frames/predict", {"input": features}))["answer"]["labels"]) == 3
        assert json.loads(post("/runs/frames/stream", {"steps": features, "end": True}))["answers"]
        assert "event: done" in post("/runs/charlm/generate", {"prompt": "da", "length": 3})
        assert len(json.loads(post("/runs/g2p/predict", {"input": "bad", "options": {"n_best": 2}}))["answer"]) > 1
    finally:
        process.terminate()
        errors = process.communicate(timeout=60)[1]
    assert errors == ""


@pytest.mark.command
def test_a_run_where_torch_is_not_installed_is_refused_with_what_to_do(run):
    process = blocked(run)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert errors == (
        f"seqkit: {run} is not an exported model, and serving a run takes all of seqkit, with torch; where that is "
        "installed, `seqkit export RUN` writes a folder that can be served here\n"
    )


def test_options_of_runs_are_refused_for_exports(writer, command):
    done = command("serve", writer[1], "--device", "cpu")
    assert (done.returncode, done.stderr) == (
        2,
        "seqkit: --device is for runs, and an exported model has its cell and its place; leave it out\n",
    )
