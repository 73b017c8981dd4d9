"""More epochs for a run, finished or not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from seqkit.config import options_of, write_toml
from seqkit.errors import UsageError
from seqkit.files import read_json, write_json
from seqkit.runs.directory import RunDirectory
from seqkit.runs.model import open_run
from seqkit.runs.schemas import RESULTS
from seqkit.training.checkpoint import read_tensors, write_tensors


def extend(path: Path, epochs: int) -> None:
    """Gives a run that many epochs in all, so that resuming it trains on; the scores that it has are remembered.

    It can be interrupted anywhere and called again. The schedule of the learning rate is that of the new number of
    epochs, from the place where the run stands.

    Raises :class:`UsageError` for a run that has had as many epochs, and for one that was saved without its data.
    """
    run, facts, task, config, _ = open_run(path)
    if facts["data"] is None:
        raise UsageError(f"{path} was saved without the data of its training, so it cannot go on; fit it anew")
    epochs = options_of(type(config))["epochs"].check(epochs, "--epochs")
    tensors, saved = read_tensors(run.checkpoint)
    progress = saved["progress"]
    if epochs <= progress["epoch"]:
        raise UsageError(
            f"{path} has had {progress['epoch']} epochs; --epochs counts them all, so give a larger number"
        )
    _remember_scores(run, facts)
    run.replace_file("config.toml", write_toml(task.name, dataclasses.replace(config, epochs=epochs)).encode(), facts)
    progress.update(finished=False, waited=0 if progress["finished"] else progress["waited"])
    write_tensors(run.checkpoint, tensors, saved)
    # Last: until then the run is still the finished one.
    run.results.unlink(missing_ok=True)


def _remember_scores(run: RunDirectory, facts: dict[str, Any]) -> None:
    """Keeps the scores on the test split in ``run.json``: a split that was scored before is not quite unseen."""
    if not run.results.exists():
        return
    results, scored = read_json(run.results, RESULTS), facts.setdefault("scored", [])
    entry = {"epochs": results["epochs"], "test": results["test"]}
    if entry not in scored:
        scored.append(entry)
        write_json(run.manifest, facts)
