"""A new version of a run takes the place of the old one, and no request notices but by its answer."""

import asyncio
import threading

import pytest

from seqkit.errors import SeqkitError, UsageError
from seqkit.serve import Limits
from seqkit.serve import registry as registry_module
from seqkit.serve.registry import Registry, named_runs
from seqkit.serve.runs import ServedRun
from seqkit.topologies.many_to_one import ManyToOne
from tests.serve.clients import client_of, tiny


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Two models of one task, which answer differently."""
    return {name: tiny("text", tmp_path_factory.mktemp(name), ManyToOne, cell=cell) for name, cell in PAIRS}


PAIRS = (("old", "gru"), ("new", "lstm"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run.json").write_text("old")
    return tmp_path


@pytest.fixture
def opener(versions):
    """Opens the version that the manifest names."""

    def open_run(path):
        name = (path / "run.json").read_text()
        if name not in versions:
            raise SeqkitError("it is damaged")
        return ServedRun(versions[name], name, Limits())

    return open_run


def test_a_reload_under_load_loses_no_request_and_answers_none_wrongly(folder, versions, opener, monkeypatch):
    monkeypatch.setattr(registry_module, "_EVERY", 0.05)
    texts = [" ".join("bdkaelmn"[n % 8 : n % 8 + 3]) for n in range(24)]
    expected = {
        name: [model.task.format_prediction(p)[1]["probabilities"] for p in model.predict(texts)]
        for name, model in versions.items()
    }
    seen, wrong = set(), []

    def ask(client, number):
        for turn in range(40):
            index = (number + turn) % len(texts)
            found = client.post("/predict", json={"input": texts[index]})
            version = found.json()["version"]
            seen.add(version)
            if found.json()["answer"]["probabilities"] != pytest.approx(expected[version][index], abs=1e-5):
                wrong.append((version, index))
            if turn == 5:
                (folder / "run.json").write_text("new")

    with client_of(None, (str(folder),), open_run=opener) as client:
        client.app  # noqa: B018
        threads = [threading.Thread(target=ask, args=(client, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        while client.get("/runs").json()["runs"][0]["version"] != "new":
            pass
    assert not wrong
    assert "old" in seen


def test_a_version_that_cannot_be_read_leaves_the_one_before(folder, opener, caplog):
    registry = Registry({"one": folder}, opener)
    (folder / "run.json").write_text("half of it")
    asyncio.run(registry.look("one"))
    assert registry.find("one")[1].version == "old"
    assert "the previous version is still served: it is damaged" in caplog.text
    (folder / "run.json").unlink()
    asyncio.run(registry.look("one"))
    assert registry.find("one")[1].version == "old"
    (folder / "run.json").write_text("new")
    asyncio.run(registry.look("one"))
    assert (registry.find("one")[1].version, registry.reloads) == ("new", 1)


def test_a_new_version_of_a_member_of_an_ensemble_takes_the_place_of_the_old(folder, opener):
    member = folder / "members/1/run.json"
    member.parent.mkdir(parents=True)
    member.write_text("old")
    registry = Registry({"one": folder}, lambda path: opener(path / "members/1"))
    asyncio.run(registry.look("one"))
    assert (registry.find("one")[1].version, registry.reloads) == ("old", 0)
    member.write_text("new")
    asyncio.run(registry.look("one"))
    assert (registry.find("one")[1].version, registry.reloads) == ("new", 1)


def test_runs_are_named_by_their_folders_or_by_hand(tmp_path):
    found = named_runs([str(tmp_path / "a"), f"b={tmp_path}/a", "runs/c=d/e"])
    assert {name: str(path) for name, path in found.items()} == {
        "a": str(tmp_path / "a"),
        "b": f"{tmp_path}/a",
        "e": "runs/c=d/e",
    }


@pytest.mark.parametrize("arguments", [["a/x", "b/x"], ["a b"], ["runs/ü"]])
def test_names_that_cannot_be_are_refused(arguments):
    with pytest.raises(UsageError, match="NAME="):
        named_runs(arguments)
