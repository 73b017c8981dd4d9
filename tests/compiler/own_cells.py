"""Cells of somebody's own, of the kinds that a compiler has to know."""

import torch

from seqkit.cells import Cell, make_cell
from seqkit.cells.gru import GRU
from seqkit.cells.independent.min_gru import MinGRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.lstm.lstm_coupled import CoupledLSTM
from seqkit.cells.lstm.lstm_layer_norm import LayerNormLSTM
from seqkit.cells.lstm.lstm_peephole import PeepholeLSTM
from seqkit.cells.rnn import RNN


class MinimalGated(Cell):
    """A GRU of two gates, whose candidate has a recurrent bias of its own."""

    gate_names = ("f", "n")
    recurrent_bias = ("n",)

    def step(self, x, r, state):
        (h,) = state
        (x_f, x_n), (r_f, r_n) = x.chunk(2, -1), r.chunk(2, -1)
        f = torch.sigmoid(x_f + r_f)
        return ((1 - f) * h + f * torch.tanh(x_n + f * r_n),)


class Odd(Cell):
    """What no cell of ours has: a state of another name, gates that share their sum, division by a parameter, a branch.

    Padding units would divide 0 by 0.
    """

    gate_names = ("n", "a", "b")
    state_names = ("h", "memory")

    def own_parameters(self, hidden_size):
        return {"scale": 2 * torch.ones(2, hidden_size)}

    def step(self, x, r, state, *, scale):
        h, memory = state
        n, a, b = (x + r).view(*x.shape[:-1], 3, -1).unbind(-2)
        share = torch.stack([a, b, x.chunk(3, -1)[0]], -2).softmax(-2)
        memory = share[..., 0, :] * memory + share[..., 1, :] * torch.where(n > 0.1, n.sin(), n / scale[0])
        return torch.nn.functional.silu(memory / scale[1].square()) + 0.5 * h.clamp(-1, 1), memory


class Traces(Cell):
    """Three states of every unit for itself, and two parameters: no recurrent product."""

    gate_names = ("in", "out")
    state_names = ("h", "slow", "count")

    @property
    def stages(self):
        return ()

    def own_parameters(self, hidden_size):
        return {"rate": torch.zeros(hidden_size), "gain": torch.ones(hidden_size)}

    def step(self, x, r, state, *, rate, gain):
        h, slow, count = state
        a, out = x.chunk(2, -1)
        keep = torch.sigmoid(rate + 1)
        slow, count = keep * slow + (1 - keep) * a, 0.5 * count + 1
        return torch.sigmoid(out) * torch.tanh(gain * slow / (1 + count.abs()).sqrt() + 0.3 * h), slow, count


class OwnLSTM(LSTM):
    """A class of somebody's own is not in the library of kernels."""


class OwnPeepholeLSTM(PeepholeLSTM):
    """The same."""


class OwnCoupledLSTM(CoupledLSTM):
    """The same."""


class OwnGRU(GRU):
    """The same."""


class OwnRNN(RNN):
    """The same."""


class OwnLayerNormLSTM(LayerNormLSTM):
    """The same."""


class ThreeStates(Cell):
    """Three states, one of which the next step's gates read, with a recurrent bias of its own."""

    gate_names = ("f", "n", "o")
    state_names = ("h", "slow", "slower")
    recurrent_bias = ("n",)

    def step(self, x, r, state):
        (_, slow, slower), (x_f, x_n, x_o), (r_f, r_n, r_o) = state, x.chunk(3, -1), r.chunk(3, -1)
        f = torch.sigmoid(x_f + r_f)
        new = f * slow + (1 - f) * torch.tanh(x_n + f * r_n + slower)
        return torch.sigmoid(x_o + r_o + new) * new, new, 0.9 * slower + 0.1 * slow


class Chain(Cell):
    """Three recurrent products: of h, of what the first gave, and of what both gave and a state; one gate has none."""

    gate_names = ("a", "b", "c", "d", "out")
    state_names = ("h", "m")

    @property
    def stages(self):
        return (("a", "b"), ("c",), ("d",))

    def own_parameters(self, hidden_size):
        return {"p": torch.ones(hidden_size)}

    def operand(self, stage, x, r, state):
        hidden = state[0].shape[-1]
        if stage == 0:
            return state[0]
        first = torch.tanh(x[..., :hidden] + r[..., :hidden])
        return first if stage == 1 else first * state[1] + torch.sigmoid(r[..., 2 * hidden : 3 * hidden])

    def step(self, x, r, state, *, p):
        (h, m), (_, b, c, d), out = state, (x[..., : r.shape[-1]] + r).chunk(4, -1), x[..., r.shape[-1] :]
        m = torch.sigmoid(b) * m + p * torch.tanh(c)
        return torch.sigmoid(out) * torch.tanh(m + d) + 0.1 * h, m


class Normalised(Cell):
    """Sums over the units with no recurrent product: of the state, divided by their spread, and of a parameter's."""

    gate_names = ("a", "b")
    state_names = ("h", "c", "n")

    @property
    def stages(self):
        return ()

    def own_parameters(self, hidden_size):
        return {"gain": torch.ones(hidden_size)}

    def step(self, x, r, state, *, gain):
        (h, c, n), (a, b) = state, x.chunk(2, -1)
        centred = a + h - (a + h).mean(-1, keepdim=True)
        wide = centred / (centred.square().mean(-1, keepdim=True) + 0.1).sqrt()
        c = torch.sigmoid(b) * c + gain * wide
        return torch.tanh(c / (1 + (gain * c).square().sum(-1, keepdim=True)).sqrt()) + 0.1 * n, c, 0.5 * n + gain * b


class NormalisedStages(Chain):
    """A sum over the units of what the first product gave, before the second."""

    def operand(self, stage, x, r, state):
        value = super().operand(stage, x, r, state)
        return value if stage == 0 else value - value.mean(-1, keepdim=True)


OWN = [MinimalGated(), Odd()]
WITHOUT_PRODUCT = [MinGRU(), Traces()]
IN_PHASES = [
    ThreeStates(), Chain(), Normalised(), NormalisedStages(), OwnLayerNormLSTM(), OwnGRU("before"), make_cell("s-lstm"),
    make_cell("mgu"),
]  # fmt: skip
"""Several products, more than two states, sums over the units, gates without a product"""
STANDARD = {
    "lstm": OwnLSTM(), "lstm-peephole": OwnPeepholeLSTM(), "lstm-coupled": OwnCoupledLSTM(), "gru-after": OwnGRU(),
    "rnn-tanh": OwnRNN(), "rnn-relu": OwnRNN("relu"),
}  # fmt: skip
"""Standard cells as somebody's own, by their names in the library of kernels."""
