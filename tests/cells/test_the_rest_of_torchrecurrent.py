"""What torchrecurrent 0.2.5 has beside the cells that the other two files compare: every class of it is looked at."""

import pytest
import torch

from seqkit import Recurrent
from tests.cells.test_against_torchrecurrent import CELLS
from tests.cells.test_families_against_torchrecurrent import CASES

theirs = pytest.importorskip("torchrecurrent")

SIZE, INPUTS, BATCH = 5, 3, 4
DIFFERENT = {
    "LEMCell": "its last product takes the old z, where the paper has the new one",
    "NASCell": "it adds in the fourth sum, where the authors' code multiplies",
}


def ours(cell, **options):
    torch.manual_seed(0)
    layer = Recurrent(cell, INPUTS, SIZE, **options)
    with torch.no_grad():
        for value in layer.parameters():
            value.copy_(0.5 * torch.randn_like(value))
    return layer, layer.layers[0][0]


def copied(cell, **values):
    """Their cell with these values, and 0 in all other biases."""
    with torch.no_grad():
        for name, value in cell.named_parameters():
            if name in values:
                value.copy_(values[name].reshape(value.shape))
            elif "bias" in name:
                value.zero_()
    return cell


def reordered(tensor, given, wanted):
    rows = dict(zip(given, tensor.split(SIZE), strict=True))
    return torch.cat([rows[gate] for gate in wanted])


def test_every_cell_of_theirs_is_compared_or_its_difference_is_known():
    compared = {case[0] for case in (*CELLS.values(), *CASES.values())}
    compared |= {"PeepholeLSTMCell", "MUT2Cell", "TRNNCell"}
    assert {name for name in dir(theirs) if name.endswith("Cell")} == compared | {*DIFFERENT}


@torch.no_grad()
def test_peepholes_give_their_numbers():
    layer, direction = ours("lstm-peephole")
    own = torch.cat([direction.own[name] for name in ("p_i", "p_f", "p_o")])
    gates = {"weight_ih": direction.weight_x, "weight_hh": direction.weight_h, "bias_ih": direction.bias}
    cell = copied(theirs.PeepholeLSTMCell(INPUTS, SIZE), weight_ph=own, **gates)
    x, state = torch.randn(BATCH, INPUTS), layer.initial_state(BATCH).map(torch.randn_like)
    _, after = layer.step(x, state)
    h, c = cell(x, (state["h"][:, 0], state["c"][:, 0]))
    torch.testing.assert_close((after["h"][:, 0], after["c"][:, 0]), (h, c))


@torch.no_grad()
def test_the_second_mutant_is_a_gru_that_resets_before_the_product():
    layer, direction = ours("gru", reset="before")
    names = {"weight_ih": direction.weight_x, "weight_hh": direction.weight_h, "bias_ih": direction.bias}
    cell = copied(theirs.MUT2Cell(INPUTS, SIZE), **{key: reordered(v, "zrn", "zrn") for key, v in names.items()})
    x, state = torch.randn(BATCH, INPUTS), layer.initial_state(BATCH).map(torch.randn_like)
    _, after = layer.step(x, state)
    torch.testing.assert_close(after["h"][:, 0], cell(x, state["h"][:, 0]))


@torch.no_grad()
def test_the_strongly_typed_network_is_min_gru_with_the_opposite_gate():
    layer, direction = ours("min-gru")
    weight, bias = (reordered(value, "zn", "nz") for value in (direction.weight_x, direction.bias))
    # Its gate keeps the state where ours replaces it.
    sign = torch.tensor([1.0, -1.0]).repeat_interleave(SIZE)
    cell = copied(theirs.TRNNCell(INPUTS, SIZE), weight_ih=weight * sign[:, None], bias_ih=bias * sign)
    x, state = torch.randn(BATCH, INPUTS), layer.initial_state(BATCH).map(torch.randn_like)
    _, after = layer.step(x, state)
    torch.testing.assert_close(after["h"][:, 0], cell(x, state["h"][:, 0]))
