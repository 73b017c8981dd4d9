"""One run of the suite, in a process of its own so that its time and its memory are its own.

python -m benchmarks.suite.single JSON
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqkit.commands.run import config_values
from seqkit.commands.training import build_kernels, give_memory_back
from seqkit.config import make_config, options_of
from seqkit.data import Splits
from seqkit.errors import SeqkitError
from seqkit.runs import find_task, start
from seqkit.topologies import AnyTask


def run(task_name: str, files: Mapping[str, str], settings: Sequence[str], seed: int, out: Path) -> None:
    """Trains a task with its defaults and scores it, as ``seqkit run`` does.

    Args:
        task_name: the task.
        files: by option (``data`` or ``text``, ``test_data``, ``valid_data``), the files of the splits.
        settings: other options, ``name=value``.
        seed: of the run.
        out: the folder of the run.
    """
    task = find_task(task_name)
    known = options_of(task.config)
    flags = {name: path for name, path in files.items() if name in known}
    if "test_data" not in known:
        task = with_given_splits(task, files["test_data"], files.get("valid_data"))
    values = config_values(task, None, tuple(settings), {**flags, "seed": str(seed)})
    config = make_config(task.config, values)
    build_kernels(config.kernel)
    session = start(task, config, out, [])
    give_memory_back()
    session.train()
    session.finish()


def with_given_splits(task: AnyTask, test: str, valid: str | None) -> AnyTask:
    """The task with a test file, and perhaps a validation file, where it has no options for them.

    Without a validation file the validation split is the one that the task splits off; the training split is the rest.
    """

    class GivenSplits(type(task)):  # type: ignore[misc]
        def read(self, config: Any, notes: list[str]) -> Splits[Any]:
            def examples(path: str) -> list[Any]:
                found: list[Any] = self.read_source(replace(config, data=path), notes)
                return found

            if valid:
                return Splits(examples(config.data), examples(valid), examples(test))
            own = super().read(config, notes)
            return Splits([*own.train, *own.test], own.valid, examples(test))

    changed: AnyTask = GivenSplits()
    return changed


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    try:
        run(**{**asked, "out": Path(asked["out"])})
    except SeqkitError as error:
        sys.exit(f"error: {error}")
