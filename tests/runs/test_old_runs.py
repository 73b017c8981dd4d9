"""Runs made by earlier versions still load, predict, and resume to the weights that they would have had.

The runs in ``made_by_0_1_0`` were made by seqkit 0.1.0, each once to its end and once stopped in its second epoch.
"""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from seqkit.runs import load, resume
from seqkit.training.checkpoint import read_tensors

OLD = Path(__file__).with_name("made_by_0_1_0")
UNDONE = {"encoder.layers.8.bias", "encoder.layers.12.running_mean"}
"""Of caption: the offset of a channel, which the next batch normalisation takes away again, and the average that this
subtracts. The offset's gradient is rounding, of which Adam makes steps of 1e-3: other processors take others."""
TASKS = ["caption", "charlm", "digit", "frames", "g2p", "sentiment", "tag", "translate"]


def copied(name, folder):
    """A copy whose configuration finds the data where this checkout has them."""
    run = shutil.copytree(OLD / name, folder / name)
    config = (run / "config.toml").read_bytes()
    config = config.replace(b"/runs-of-0-1-0/data", str(OLD / "data").encode())
    (run / "config.toml").write_bytes(config)
    facts = json.loads((run / "run.json").read_text())
    facts["digests"]["config.toml"] = hashlib.blake2b(config, digest_size=16).hexdigest()
    (run / "run.json").write_text(json.dumps(facts))
    return run


@pytest.mark.parametrize("task", TASKS)
def test_a_run_of_an_earlier_version_predicts_what_it_predicted(task, tmp_path):
    model = load(copied(task, tmp_path))
    splits = model.task.read(model.config, [])
    predictions = model.predict([model.task.input_of(example) for example in splits.test])
    expected = [json.loads(line) for line in (OLD / task / "predictions.jsonl").read_text().splitlines()]
    assert len(predictions) == len(expected)
    for prediction, line in zip(predictions, expected, strict=True):
        shown = json.loads(json.dumps(model.task.format_prediction(prediction)[1]))
        assert_alike(shown, {name: value for name, value in line.items() if name != "input"})


@pytest.mark.parametrize("task", [task for task in TASKS if task not in ("digit", "frames")])
def test_a_run_made_before_normal_forms_reads_texts_as_they_are(task, tmp_path):
    model = load(copied(task, tmp_path))
    assert model.config.normal_form == "none"
    assert "normal_form" not in str(model.codec.to_json())


@pytest.mark.parametrize("task", TASKS)
def test_a_run_that_an_earlier_version_began_ends_with_the_same_weights(task, tmp_path):
    run = copied(f"{task}-stopped", tmp_path)
    session = resume(run, [])
    session.train()
    session.finish()
    found, expected = (read_tensors(folder / "model.safetensors")[0] for folder in (run, OLD / task))
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        # Another processor sums in another order; over these few steps of float32 that stays far below 1e-3.
        torch.testing.assert_close(tensor, expected[name], rtol=1e-3, atol=1e-2 if name in UNDONE else 1e-4)


def assert_alike(found, expected):
    """Equal, numbers but for rounding."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_alike(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
    else:
        assert found == expected
