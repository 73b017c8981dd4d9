"""Clients of the application, and models of any task on the contract's tiny data."""

import base64
import importlib.util
import io
import re
from pathlib import Path

import torch
from starlette.testclient import TestClient

from seqkit.config import make_config, options_of
from seqkit.runs import Model, find_task
from seqkit.serve import make_app

# The tiny data and trials of every task are those of the contract.
_spec = importlib.util.spec_from_file_location("contract", Path(__file__).parents[1] / "contract" / "conftest.py")
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)


def client_of(limits=None, paths=("one",), **options):
    """A client of an application that serves what ``open_run`` gives, by these names."""
    app = make_app({name: Path(name) for name in paths}, limits, **options)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=True)


def tiny(name, folder, base, **options):
    """The model of a task on the contract's tiny data, with random weights."""
    task, family = find_task(name), contract.FAMILIES[base]
    options = {**contract.SMALL, **family.options, "data": str(family.write(folder)), **options}
    config = make_config(task.config, {key: options[key] for key in options_of(task.config) if key in options})
    splits = task.read(config, [])
    codec = task.learn_codec(config, splits.train)
    torch.manual_seed(0)
    return Model(task, config, codec, task.build_head(config, codec).eval())


def as_json(raw, kind):
    """An input of a task as a request has it."""
    if kind == "picture":
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(raw.values.squeeze(2)).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()
    if kind == "frames":
        return raw.features.tolist()
    if kind == "numbers":
        return [float(number) for number in re.findall(r"[^\s,;]+", raw)]
    if kind == "pair":
        return list(raw.sides)
    if kind == "words":
        return list(raw)
    return next(iter(raw.blocks())) if hasattr(raw, "blocks") else str(raw)
