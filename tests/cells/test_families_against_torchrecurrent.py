"""Values of cells with several products, or with inputs in their state, against those of torchrecurrent 0.2.5.

What differs on purpose is set to what both have: our ``lstm-residual`` has no peepholes, our ``lstm-working-memory`` no
biases inside its tanh, nor our ``sgu`` and ``dsgu``; their ``scrn`` hands its output on where the paper hands on the
fast units, which is no difference in one step.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest
import torch

from seqkit import Recurrent
from seqkit.cells import make_cell

theirs = pytest.importorskip("torchrecurrent")

SIZE, BATCH = 5, 4


class Case(NamedTuple):
    kind: str
    """Their class"""
    weights: dict
    """Their weights, and the gates of ours that each of them stacks"""
    given: str
    """Our states, in the order in which theirs are handed in"""
    found: str
    """Our states, in the order in which theirs come back"""
    options: Mapping = MappingProxyType({})
    ours: Mapping = MappingProxyType({})


CASES = {
    "antisymmetric": Case(
        "AntisymmetricRNNCell", {"weight_ih": "n", "weight_hh": "n"}, "h", "h", {"epsilon": 0.1, "gamma": 0.1}
    ),
    "antisymmetric-gated": Case(
        "GatedAntisymmetricRNNCell", {"weight_ih": "z n", "weight_hh": "n"}, "h", "h", {"epsilon": 0.1, "gamma": 0.1}
    ),
    "co-rnn": Case("coRNNCell", {"weight_ih": "a", "weight_hh": "a", "weight_ch": "v"}, "h z", "h z"),
    "intersection-rnn": Case("IntersectionRNNCell", {"weight_ih": "y n k g", "weight_hh": "y n k g"}, "s", "h s"),
    "lstm-controller": Case("MCLSTMCell", {"weight_ih": "f i o m g", "weight_hh": "f i o m g"}, "v c", "h v c"),
    "lstm-residual": Case(
        "ResLSTMCell",
        {"weight_ih": "i f g o", "weight_hh": "i f g o", "weight_proj": "p", "weight_res": "s"},
        "h c",
        "h c",
    ),
    "lstm-working-memory": Case(
        "WMCLSTMCell", {"weight_ih": "i f g o", "weight_hh": "i f g o", "weight_mh": "v_i v_f v_o"}, "h c", "h c"
    ),
    "minimal-rnn": Case("MinimalRNNCell", {"weight_ih": "n", "weight_hh": "u", "weight_mm": "v"}, "h", "h"),
    "mi-ru": Case("MiRU2Cell", {"weight_ih": "n", "weight_hh": "n"}, "h", "h"),
    "mi-ru-gated": Case("MiRU1Cell", {"weight_ih": "r n", "weight_hh": "r n"}, "h", "h"),
    "scrn": Case("SCRNCell", {"weight_ih": "s u", "weight_hh": "u o", "weight_ch": "p v"}, "u s", "h s"),
    "sgu": Case("SGUCell", {"weight_ih": "g z", "weight_hh": "g z"}, "h", "h"),
    "dsgu": Case("DSGUCell", {"weight_ih": "g z", "weight_hh": "g z", "weight_ho": "o"}, "h", "h"),
    "tau-gru": Case("tauGRUCell", {"weight_ih": "u z g w", "weight_hh": "u z g w"}, "h d1", "h", {}, {"delay": 1}),
    "t-gru": Case("TGRUCell", {"weight_ih": "z f o", "weight_hh": "v_z v_f v_o"}, "h", "h"),
    "t-lstm": Case("TLSTMCell", {"weight_ih": "z f o", "weight_hh": "v_z v_f v_o"}, "c", "h c"),
}
ALONE = {"tau-gru"}
"""Whose states are arguments of their own"""


def rows_of(direction):
    """The rows of each gate: of the input part, and of the recurrent products, where the cell has such."""
    cell = direction.cell
    outer = dict(zip(cell.gate_names, direction.weight_x.split(SIZE), strict=True))
    recurrent = [gate for stage in cell.stages for gate in stage]
    inner = dict(zip(recurrent, direction.weight_h.split(SIZE), strict=True)) if recurrent else {}
    return outer, inner


@torch.no_grad()
def their_cell(name, direction):
    case, (outer, inner) = CASES[name], rows_of(direction)
    cell = getattr(theirs, case.kind)(SIZE, SIZE, **case.options)
    for key, value in cell.named_parameters():
        if "bias" in key or key == "weight_ph":
            value.zero_()
    for key, names in case.weights.items():
        rows = outer if key in ("weight_ih", "weight_res") or not inner else inner
        getattr(cell, key).copy_(torch.cat([rows[gate] for gate in names.split()]))
    biases = dict(zip(direction.cell.gate_names, direction.bias.split(SIZE), strict=True))
    cell.bias_ih.copy_(torch.cat([biases[gate] for gate in case.weights["weight_ih"].split()]))
    if name == "minimal-rnn":
        cell.bias_hh.copy_(direction.own["c"])
    if name == "scrn":
        cell.alpha.fill_(direction.cell.alpha)
    return cell


@torch.no_grad()
def random_layer(name):
    layer = Recurrent(make_cell(name, **CASES[name].ours), SIZE, SIZE, kernel="reference")
    for value in layer.parameters():
        value.copy_(0.5 * torch.randn_like(value))
    (direction,) = layer.layers[0]
    outer, _ = rows_of(direction)
    biases = dict(zip(direction.cell.gate_names, direction.bias.split(SIZE), strict=True))
    for gate in ("d", "s") if name in ("intersection-rnn", "lstm-residual") else ():
        if gate in outer:
            biases[gate].zero_()
    if name == "intersection-rnn":
        # Theirs adds the input itself.
        outer["d"].copy_(torch.eye(SIZE))
    return layer


def flat(found):
    return [found] if isinstance(found, torch.Tensor) else [each for part in found for each in flat(part)]


@pytest.mark.parametrize("name", CASES)
def test_a_step_gives_the_numbers_of_torchrecurrent(name):
    torch.manual_seed(0)
    layer, case = random_layer(name), CASES[name]
    (direction,) = layer.layers[0]
    cell = their_cell(name, direction)
    x, before = torch.randn(BATCH, SIZE), torch.randn(BATCH, SIZE)
    state = layer.initial_state(BATCH).map(torch.randn_like)
    given = [state[key][:, 0] for key in case.given.split()]
    if name in ("t-gru", "t-lstm"):
        # What V makes of the input before is the state of ours.
        outer, _ = rows_of(direction)
        biases = dict(zip(direction.cell.gate_names, direction.bias.split(SIZE), strict=True))
        made = {key: before @ outer[key].T + biases[key] for key in ("v_z", "v_f", "v_o")}
        state = type(state)({**state, **{key: value.unsqueeze(1) for key, value in made.items()}})
        with torch.no_grad():
            cell.bias_hh.copy_(torch.cat([biases[key] for key in made]))
        given.append(before)
    found = cell(x, *given) if name in ALONE else cell(x, given[0] if len(given) == 1 else tuple(given))
    _, after = layer.step(x, state)
    for key, other in zip(case.found.split(), flat(found), strict=name not in ("t-gru", "t-lstm")):
        torch.testing.assert_close(after[key][:, 0], other)
