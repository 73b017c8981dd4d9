"""What each process does: it trains every case of a JSON file, each a task with its options, into folders.

Started by torchrun or alone: ``python -m tests.distributed.together CASES.json OUT``.
"""

import json
import sys
from pathlib import Path

from seqkit.config import make_config
from seqkit.runs import find_task, start
from seqkit.runs.follower import follow
from seqkit.training.distributed import joined


def main(cases, out):
    with joined({}) as processes:
        for name, (task_name, values) in json.loads(Path(cases).read_text()).items():
            task = find_task(task_name)
            config = make_config(task.config, values)
            if processes.first:
                start(task, config, Path(out) / name, [], processes).train()
            else:
                follow(task, config, processes).train()


if __name__ == "__main__":
    main(*sys.argv[1:])
