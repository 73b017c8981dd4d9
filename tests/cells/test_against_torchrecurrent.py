"""Values of cells against those of torchrecurrent 0.2.5, an independent implementation, where it is installed.

Left out is what differs on purpose. Of ``lem`` the last product takes the new z, as in the paper, there the old; of
``nas`` the fourth sum is a product, as in the authors' code; ``fast-rnn`` and ``fast-grnn`` are compared with the same
number for each unit, since theirs learn one for a layer; their ``ind-rnn`` and the
gate of their ``fast-grnn`` have tanh unless told; their ``ran`` has no bias of the candidate, so ours is 0.
"""

import pytest
import torch

from seqkit import Recurrent
from seqkit.cells import make_cell

theirs = pytest.importorskip("torchrecurrent")

HIDDEN, INPUTS, BATCH = 5, 3, 4
# Their class, and the gates of ours in the order of their weights: of the input, then of each recurrent product.
CELLS = {
    "mgu": ("MGUCell", "f n", {"weight_hh": "f n"}),
    "ugrnn": ("UGRNNCell", "n g", {"weight_hh": "n g"}),
    "janet": ("JANETCell", "f n", {"weight_hh": "f n"}),
    "li-gru": ("LiGRUCell", "z n", {"weight_hh": "z n"}),
    "atr": ("ATRCell", "p", {"weight_hh": "p"}),
    "sgrn": ("SGRNCell", "p", {"weight_hh": "p"}),
    "lstm-original": ("OriginalLSTMCell", "i g o", {"weight_hh": "i g o"}),
    "lstm-multiplicative": ("MultiplicativeLSTMCell", "m i f g o", {"weight_hh": "m", "weight_mh": "i f g o"}),
    "mut1": ("MUT1Cell", "z r n", {"weight_hh": "r n"}),
    "mut3": ("MUT3Cell", "z r n", {"weight_hh": "z r n"}),
    "cfn": ("CFNCell", "t e n", {"weight_hh": "t e"}),
    "light-ru": ("LightRUCell", "n f", {"weight_hh": "f"}),
    "star": ("STARCell", "n k", {"weight_hh": "k"}),
    "nbr": ("NBRCell", "k c n", {"weight_hh": "k c"}),
    "ran": ("RANCell", "n i f", {"weight_hh": "i f"}),
    "br": ("BRCell", "k c n", {}),
    "ind-rnn": ("IndRNNCell", "h", {}),
    "unicornn": ("UnICORNNCell", "a", {}),
    "fast-rnn": ("FastRNNCell", "n", {"weight_hh": "n"}),
    "fast-grnn": ("FastGRNNCell", "z", {"weight_hh": "z"}),
}
OWN = {"br": {"weight_hh": "w_k w_c"}, "ind-rnn": {"vector_u": "u"}, "unicornn": {"weight_hh": "w", "weight_ch": "c"}}
OPTIONS = {
    "ind-rnn": {"nonlinearity": "relu"},
    "fast-grnn": {"nonlinearity": "sigmoid"},
    "unicornn": {"dt": 0.1, "alpha": 1.0},
    "janet": {"beta": 1.0},
}


def random_layer(name):
    layer = Recurrent(make_cell(name), INPUTS, HIDDEN, kernel="reference")
    with torch.no_grad():
        for value in layer.parameters():
            value.copy_(0.5 * torch.randn_like(value))
    return layer


@torch.no_grad()
def their_cell(name, direction):
    kind, order, products = CELLS[name]
    cell, gates = getattr(theirs, kind)(INPUTS, HIDDEN, **OPTIONS.get(name, {})), direction.cell.gate_names
    for key, value in cell.named_parameters():
        if "bias" in key:
            value.zero_()

    def rows(tensor, names, of):
        return torch.cat([tensor.split(HIDDEN)[of.index(gate)] for gate in names.split()])

    cell.weight_ih.copy_(rows(direction.weight_x, order, gates))
    recurrent = [gate for stage in direction.cell.stages for gate in stage]
    for key, names in products.items():
        getattr(cell, key).copy_(rows(direction.weight_h, names, recurrent))
    for key, names in OWN.get(name, {}).items():
        value = getattr(cell, key)
        value.copy_(torch.cat([direction.own[own] for own in names.split()]).reshape(value.shape))
    if name.startswith("fast"):
        for key in ("alpha", "beta") if name == "fast-rnn" else ("zeta", "nu"):
            direction.own[key].fill_(direction.own[key][0])
            getattr(cell, key).fill_(direction.own[key][0])
    bias = rows(direction.bias, order, gates)
    if name == "ran":
        direction.bias.split(HIDDEN)[gates.index("n")].zero_()
        bias = rows(direction.bias, "i f", gates)
    elif name == "fast-grnn":
        bias = torch.cat([direction.bias, direction.bias + direction.own["d"]])
    cell.bias_ih.copy_(bias)
    return cell


@pytest.mark.parametrize("name", CELLS)
def test_a_step_gives_the_numbers_of_torchrecurrent(name):
    torch.manual_seed(0)
    layer = random_layer(name)
    (direction,) = layer.layers[0]
    cell = their_cell(name, direction)
    x, state = torch.randn(BATCH, INPUTS), layer.initial_state(BATCH).map(torch.randn_like)
    before = [value[:, 0] for value in state.values()]
    # Their JANET has a state c beside h, which is always equal to it.
    given = before * 2 if name == "janet" else before
    found = cell(x, given[0] if len(given) == 1 else tuple(given))
    found = [found] if isinstance(found, torch.Tensor) else list(found)
    _, after = layer.step(x, state)
    for ours, other in zip(after.values(), found, strict=name != "janet"):
        torch.testing.assert_close(ours[:, 0], other)
