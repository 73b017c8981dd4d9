"""Layers in torch's data-parallel wrappers: two processes learn what one learns from both their batches."""

import subprocess
import sys

import pytest

PROGRAM = """
import copy
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from seqkit import Recurrent
from seqkit import nn as fast

rank, store, kind = int(sys.argv[1]), *sys.argv[2:]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)


class Whole(nn.Module):
    "A model that returns what its layer does, the state as it comes, and has a weight that is not always used."

    def __init__(self, uses_all):
        super().__init__()
        self.uses_all = uses_all
        if kind == "Recurrent":
            self.layer = Recurrent("lstm", 8, 16, num_layers=2)
        else:
            self.layer = getattr(fast, kind)(8, 16, num_layers=2, batch_first=True)
        self.spare = nn.Linear(2, 2, bias=False)

    def forward(self, x):
        out, state = self.layer(x)
        return (out + 0 * self.spare.weight.sum() if self.uses_all else out), state


def loss(result):
    out, state = result
    states = state.values() if isinstance(state, dict) else [state] if isinstance(state, torch.Tensor) else state
    return out.square().mean() + sum(each.mean() for each in states)


def learn(model, x):
    optimizer = torch.optim.SGD([p for p in model.parameters()], 0.5)
    for _ in range(3):
        optimizer.zero_grad()
        loss(model(x)).backward()
        optimizer.step()
    return {name.removeprefix("module."): value.detach() for name, value in model.named_parameters()}


def wrapped(model, wrapper):
    if wrapper == "fsdp":
        mesh = init_device_mesh("cpu", (2,))
        fully_shard(model.layer, mesh=mesh)
        return fully_shard(model, mesh=mesh)
    options = {"static": {"static_graph": True}, "unused": {"find_unused_parameters": True}}.get(wrapper, {})
    return DistributedDataParallel(model, **options)


for wrapper in ("plain", "static", "unused", "fsdp"):
    torch.manual_seed(0)
    model, x = Whole(wrapper != "unused"), torch.randn(8, 40, 8)
    alone = learn(copy.deepcopy(model), x)
    together = learn(wrapped(model, wrapper), x[4 * rank : 4 * rank + 4])
    for name, value in together.items():
        value = value.full_tensor() if hasattr(value, "full_tensor") else value
        torch.testing.assert_close(value, alone[name], rtol=1e-4, atol=1e-6, msg=lambda told: f"{wrapper}: {told}")
dist.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.command
@pytest.mark.parametrize("kind", ["Recurrent", "LSTM", "GRU", "RNN"])
def test_two_processes_learn_together_what_one_learns_alone(tmp_path, kind):
    commands = [[sys.executable, "-c", PROGRAM, str(rank), str(tmp_path / "store"), kind] for rank in (0, 1)]
    started = [subprocess.Popen(each, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for each in commands]
    ended = [process.communicate(timeout=300) for process in started]
    for process, (_, told) in zip(started, ended, strict=True):
        assert process.returncode == 0, told
