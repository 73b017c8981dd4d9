"""Chrono initialisation: gates that begin with memories of up to a number of steps."""

import pytest
import torch

from seqkit import Encoder, Recurrent, UsageError
from seqkit.cells import available_cells, cell_class
from seqkit.config import make_config
from seqkit.runs import find_task


def biases(cell, chrono, hidden_size=400):
    torch.manual_seed(0)
    direction = Recurrent(cell, 3, hidden_size, chrono=chrono).layers[0][0]
    names = direction.cell.gate_names
    return dict(zip(names, direction.bias.detach().chunk(len(names)), strict=True))


@pytest.mark.parametrize("cell", [name for name in available_cells() if cell_class(name).memory_gates])
def test_memories_are_uniform_between_one_step_and_the_longest(cell):
    found = biases(cell, 100)
    memories = [(sign * found[gate]).exp() for gate, sign in cell_class(cell).memory_gates.items()]
    assert all(torch.equal(memory, memories[0]) for memory in memories)
    assert memories[0].min() >= 1 and memories[0].max() <= 99 + 1e-3
    # The average of 400 draws from U(1, 99) has a standard deviation of 1.4.
    assert memories[0].mean() == pytest.approx(50, abs=5)
    others = found.keys() - cell_class(cell).memory_gates.keys()
    assert all(torch.equal(found[name], biases(cell, None)[name]) for name in others)


@pytest.mark.parametrize("cell", [name for name in available_cells() if cell_class(name).memory_gates])
def test_a_new_unit_keeps_as_much_as_its_memory_says(cell):
    """σ(log u) = u / (1 + u) of its state in each step, which takes about u steps to fade."""
    layer = Recurrent(cell, 3, 50, chrono=100)
    direction = layer.layers[0][0]
    x, r = direction.bias.unsqueeze(0), torch.zeros(1, len(direction.weight_h))
    own = dict(direction.own.items())
    state = (torch.zeros(1, 50),) * len(direction.cell.state_names)
    kept = direction.cell.kept(direction.cell.gates(x, r, state, **own))
    gate, sign = next(iter(direction.cell.memory_gates.items()))
    bias = dict(zip(direction.cell.gate_names, direction.bias.chunk(len(direction.cell.gate_names)), strict=True))[gate]
    torch.testing.assert_close(kept[0], torch.sigmoid(sign * bias))


def test_weights_are_those_of_a_layer_without_it():
    layers = []
    for chrono in (None, 30):
        torch.manual_seed(0)
        layers.append(Recurrent("gru", 3, 4, chrono=chrono).layers[0][0])
    assert torch.equal(layers[0].weight_x, layers[1].weight_x) and torch.equal(layers[0].weight_h, layers[1].weight_h)


def test_new_weights_are_drawn_anew_with_it():
    layer = Recurrent("gru", 3, 4, chrono=30)
    before = layer.layers[0][0].bias.clone()
    layer.reset_parameters()
    assert not torch.equal(before[:4], layer.layers[0][0].bias[:4]) and (layer.layers[0][0].bias[:4] <= 0).all()


def test_a_cell_without_such_a_gate_and_a_memory_of_one_step_are_refused():
    with pytest.raises(UsageError, match="RNN has no gate that chrono could set"):
        Recurrent("rnn", 3, 4, chrono=30)
    with pytest.raises(UsageError, match="2 at least, not 1"):
        Recurrent("gru", 3, 4, chrono=1)


def test_encoders_and_tasks_take_it():
    assert (Encoder(9, 4, cell="gru", hidden_size=4, chrono=30).recurrent.layers[0][0].bias[:4] <= 0).all()
    task = find_task("memory")
    config = make_config(task.config, {"cell": "gru", "chrono": 30, "sequences": 10, "length": 10})
    head = task.build_head(config, task.learn_codec(config, task.read(config, []).train))
    bias = head.encoder.recurrent.layers[0][0].bias[: config.hidden_size]
    assert (bias <= 0).all() and bias.std() > 0.3
