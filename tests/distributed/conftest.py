"""Several processes on one machine, as torchrun starts them."""

import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def torchrun():
    """Runs a module in so many processes; gives back the finished process with texts."""

    def run(processes, *words, restarts=0, own=None, **options):
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | (own or {})
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--max-restarts", str(restarts)]
        command = [*launcher, "--nproc-per-node", str(processes), "-m", *map(str, words)]
        options = {"capture_output": True, "text": True, "timeout": 300, **options}
        return subprocess.run(command, env=environment, check=False, **options)

    return run
