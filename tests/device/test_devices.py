"""Which devices there are, and what moves to one."""

import dataclasses
from typing import NamedTuple

import pytest
import torch

import seqkit.devices as devices
from seqkit import UsageError, load
from seqkit.config import make_config
from seqkit.devices import find_device, placed, usable_device
from seqkit.layers import State
from seqkit.layers.label_loss import label_loss
from seqkit.layers.losses import linear_cross_entropy
from seqkit.runs import find_task, start
from tests.device.fake import Far, far_device


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu", "cuda:0", "cuda:1", "mps"])
    monkeypatch.setattr(devices, "_start", lambda device: None)


def test_names_mean_devices(two_gpus):
    names = {"auto": "cuda:0", "cpu": "cpu", "cuda": "cuda:0", "cuda:1": "cuda:1", "mps": "mps"}
    assert {name: str(find_device(name)) for name in names} == names


def test_auto_is_the_cpu_where_there_is_no_gpu_of_nvidia(monkeypatch):
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu", "mps"])
    assert find_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:2", "gpu", "cuda:x", "", "xpu"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(two_gpus, name):
    with pytest.raises(UsageError, match=r"no device '.*' on this machine; cpu, cuda:0, cuda:1, mps are there: choose"):
        find_device(name)


def test_what_a_run_was_trained_on_need_not_be_there(monkeypatch):
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu"])
    assert usable_device("cuda:1") == torch.device("cpu")


def test_a_device_that_is_not_there_is_reported_before_any_data_are_read(tmp_path):
    task = find_task("sentiment")
    config = make_config(task.config, {"data": str(tmp_path / "missing.csv"), "device": "cuda:99"})
    with pytest.raises(UsageError, match="no device 'cuda:99'"):
        start(task, config, tmp_path / "run", [])
    assert not (tmp_path / "run").exists()


def test_every_command_that_opens_a_run_takes_a_device(trained, command):
    run, _ = trained
    for arguments in (("evaluate", run), ("predict", run, "a film"), ("inspect", run, "a film"), ("generate", run)):
        done = command(*arguments, "--device", "cuda:99")
        assert done.returncode == 2 and "no device 'cuda:99' on this machine; cpu" in done.stderr, arguments
    done = command("predict", run, "a wonderful film", "--device", "cpu")
    assert done.returncode == 0 and done.stdout.startswith("good")


def test_a_run_on_a_device_that_is_not_there_is_refused_at_once(reviews, command, tmp_path):
    done = command("run", "sentiment", "--data", reviews, "--out", tmp_path / "run", "--device", "cuda:99")
    assert done.returncode == 2 and "no device 'cuda:99'" in done.stderr and not (tmp_path / "run").exists()


class Pair(NamedTuple):
    tokens: torch.Tensor
    words: tuple[tuple[str, ...], ...]
    state: State | None = None


@dataclasses.dataclass(frozen=True)
class Nested:
    pairs: tuple[Pair, ...]
    size: int


def test_all_tensors_of_a_batch_move_and_all_else_stays(monkeypatch):
    batch = Nested((Pair(torch.arange(3), (("a", "b"), ())), Pair(torch.ones(2), (), State(h=torch.ones(1)))), 7)
    assert placed(batch, torch.device("cpu")) is batch
    with far_device(monkeypatch) as far:
        moved = placed(batch, far)
    assert isinstance(moved.pairs[0].tokens, Far) and isinstance(moved.pairs[1].state, State)
    assert isinstance(moved.pairs[1].state.h, Far)
    assert moved.pairs[0].words == batch.pairs[0].words and moved.size == 7


def test_the_fake_device_sees_what_a_gpu_would_refuse(monkeypatch):
    with far_device(monkeypatch) as far:
        there = torch.ones(2, device=far)
        assert (there + torch.tensor(1.0)).tolist() == [2, 2]
        for mistake in (
            lambda: there + torch.ones(2),
            lambda: torch.cat([there, torch.ones(1)]),
            lambda: there.index_select(0, torch.tensor([0])),
            lambda: there.numpy(),
            lambda: torch.rand(2, device=far, generator=torch.Generator()),
        ):
            with pytest.raises((RuntimeError, TypeError), match=r"same device|numpy|generator"):
                mistake()


def test_a_run_loads_on_no_device_that_is_not_there(trained):
    with pytest.raises(UsageError, match="no device 'cuda:99'"):
        load(trained[0], "cuda:99")


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_loss_on_a_device_is_the_cpus_and_its_count_is_not_read(device, smoothing):
    torch.manual_seed(0)
    tensors, targets = (torch.randn(7, 3), torch.randn(5, 3), torch.randn(5)), torch.tensor([0, 4, -100, 2, 2, -1, 3])
    found = []
    for where in ("cpu", device):
        there = [tensor.to(where).requires_grad_() for tensor in tensors]
        loss = linear_cross_entropy(*there, targets.to(where), smoothing)
        found.append([t.detach().cpu() for t in (loss, *torch.autograd.grad(loss, there))])
    for one, other in zip(*found, strict=True):
        # float32: sums of 7 values up to 10 in another order.
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    logits = tensors[0].detach().to(device)
    some, padding = torch.tensor([0, 2, -1, 1, -1, 0, 2]), torch.full((7,), -1)
    few, none = (label_loss(logits, labels.to(device)) for labels in (some, padding))
    assert isinstance(few.count, torch.Tensor) and int(few.count) == 5
    assert float(few.mean) == pytest.approx(float(few.sum) / 5) and float(none.mean) == 0
