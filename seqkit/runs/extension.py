"""More epochs for a run, finished or not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from seqkit.config import TrainingConfig, options_of, write_toml
from seqkit.errors import UsageError
from seqkit.files import read_json
from seqkit.runs.directory import RunDirectory
from seqkit.runs.model import open_run
from seqkit.runs.own_cell import GivenCell
from seqkit.runs.schemas import RESULTS
from seqkit.topologies import AnyTask
from seqkit.training.checkpoint import tensor_bytes


def extend(path: Path, epochs: int, cell: GivenCell = None) -> None:
    """Gives a run that many epochs in all, so that resuming it trains on; the scores that it has are remembered.

    It can be interrupted anywhere and called again, also when the run has its epochs. The schedule of the learning rate
    is that of the new number of epochs, from the place where the run is.

    Raises :class:`UsageError` for a run that has had more epochs, and for one that was saved without its data.
    """
    run, facts, task, config, _ = open_run(path, cell)
    if facts["data"] is None:
        raise UsageError(f"{path} was saved without its training data, so it cannot be resumed; fit it again")
    epochs = options_of(type(config))["epochs"].check(epochs, "--epochs")
    with run.writing():
        _extend(run, facts, task, config, epochs)


def _extend(run: RunDirectory, facts: dict[str, Any], task: AnyTask, config: TrainingConfig, epochs: int) -> None:
    run.check_found(facts, run.results.name)
    tensors, saved = run.read_tensors(run.checkpoint)
    progress = saved["progress"]
    ended = run.results.exists() and not run.missing(facts)
    if epochs == progress["epoch"] and (epochs == config.epochs or not ended):
        # The command was killed after its last epoch: resuming makes the rest, if anything is missing.
        return
    if epochs <= progress["epoch"]:
        raise UsageError(
            f"{run.path} has had {progress['epoch']} epochs; --epochs counts them all, so give a larger number"
        )
    _remember_scores(run, facts)
    progress.update(finished=False, waited=0 if progress["finished"] else progress["waited"])
    extended = write_toml(task.name, dataclasses.replace(config, epochs=epochs)).encode()
    checkpoint = str(run.checkpoint.relative_to(run.path))
    run.replace_files({"config.toml": extended, checkpoint: tensor_bytes(tensors, saved)}, facts)
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
        run.write_facts(facts)
