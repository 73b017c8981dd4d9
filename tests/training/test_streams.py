"""The trainer hands the state of a chunk to the next one of the epoch, and a checkpoint keeps it."""

import pytest
import torch

from seqkit.config import make_config
from seqkit.runs import find_task, resume, start
from seqkit.training import Callback, Stopped
from seqkit.training.checkpoint import read_tensors, write_tensors


class Watch(Callback):
    """Keeps the batches' states and what is carried on; stops at a step."""

    def __init__(self, stop=None):
        self.stop, self.carried, self.places = stop, [], []

    def on_step(self, trainer):
        self.carried.append({name: tensor.clone() for name, tensor in trainer.carried.items()})
        self.places.append((trainer.progress.epoch, trainer.progress.position))
        trainer.stopping = trainer.progress.step == self.stop


@pytest.fixture
def make(reviews, tmp_path):
    task = find_task("charlm")
    values = {"data": str(reviews), "hidden_size": 6, "embedding_size": 5, "epochs": 2, "streams": 4, "chunk": 64}

    def started(name, **changes):
        return start(task, make_config(task.config, {**values, **changes}), tmp_path / name, [])

    return started


def test_each_chunk_starts_from_the_state_of_the_one_before_and_each_epoch_from_zeros(make):
    session, watch, given = make("run"), Watch(), []
    batch = session.trainer.batches.batch
    session.trainer.batches.batch = lambda group, carried: given.append(carried) or batch(group, carried)
    session.train([watch])
    firsts = [number for number, (_, position) in enumerate(watch.places) if position == 1]
    assert len(firsts) == 2
    for number, carried in enumerate(given):
        if number in firsts:
            assert carried is None
        else:
            assert all(torch.equal(carried[name], tensor) for name, tensor in watch.carried[number - 1].items())
            assert all(tensor.abs().max() > 0 and not tensor.requires_grad for tensor in carried.values())


def stopped(make, name):
    session = make(name)
    with pytest.raises(Stopped):
        session.train([Watch(stop=4)])
    return session.run


def test_the_checkpoint_keeps_the_carried_state_and_what_follows_hangs_on_it(make):
    run = stopped(make, "kept")
    tensors, facts = read_tensors(run.checkpoint)
    names = {name for name in tensors if name.startswith("carried.")}
    assert names == {"carried.h", "carried.c"}
    lost = stopped(make, "lost")
    write_tensors(lost.checkpoint, {n: torch.zeros_like(t) if n in names else t for n, t in tensors.items()}, facts)
    weights = []
    for path in (run.path, lost.path):
        session = resume(path, [])
        session.train()
        weights.append(session.head.decoder.output.weight)
    assert not torch.equal(*weights)
