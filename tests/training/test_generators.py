"""Draws of several threads: each seed gives its own numbers, and nobody else's generators change."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from seqkit.training.checkpoint import digest_of_tensors, own_generators, seeded


def draw(seed):
    with seeded(seed):
        found = []
        for _ in range(5):
            found += [torch.rand(()).item(), np.random.rand()]
            time.sleep(0.002)  # another thread's turn, if it may have one
        return found


def test_threads_draw_what_their_seeds_give_and_leave_the_callers_generator_alone():
    expected = [draw(seed) for seed in range(4)]
    torch.manual_seed(7)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(4))) == expected
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("used", "copied"), [(False, []), (True, [0, 1])])
def test_the_generators_of_gpus_are_kept_too_unless_none_is_in_use(used, copied, monkeypatch):
    """To ask an unused one would make it ready, which takes a second and half a gigabyte."""
    asked, fork = [], torch.random.fork_rng
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: used)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: asked.extend(devices) or fork([]))
    with own_generators():
        assert asked == copied


def test_a_digest_of_tensors_is_of_their_names_types_shapes_and_values():
    one = {"a": torch.zeros(2, 3), "b": torch.ones(2)}
    others = (
        {"a": torch.zeros(3, 2), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3), "c": torch.ones(2)},
        {"a": torch.zeros(2, 3, dtype=torch.int32), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3), "b": torch.tensor([1.0, 1.0000001])},
    )
    assert digest_of_tensors(one) == digest_of_tensors(dict(reversed(one.items())))
    assert len({digest_of_tensors(each) for each in (one, *others)}) == 5
