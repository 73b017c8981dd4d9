"""A layer with its data, run by the reference, or by the native operators with as many threads as a test asks for."""

from dataclasses import dataclass

import pytest
import torch

from seqkit.kernels.base import Weights
from seqkit.kernels.layout import Layer, layer_of, pad_units, unpad_outputs, weights_of
from seqkit.kernels.operators import CELLS, Options, backward, forward
from seqkit.kernels.packed import tensors_of
from seqkit.kernels.reference import Reference

LENGTHS = (9, 0, 4, 9, 1, 6, 3)
STEPS, INPUTS, DIRECTIONS = 9, 5, 2


@dataclass
class Case:
    """A layer in two directions over a ragged batch, and the gradients of its output and final state."""

    name: str
    units: int
    lengths: torch.Tensor
    x: torch.Tensor
    weights: list[Weights]
    states: torch.Tensor
    grad_out: torch.Tensor
    grad_final: torch.Tensor

    def by_reference(self, dtype, cell=None):
        """Output, final states, and the gradients of x, of all weights and of the initial states."""

        def leaf(tensor):
            return tensor.detach().to(dtype).requires_grad_()

        x, states, weights = leaf(self.x), leaf(self.states), [map_weights(leaf, w) for w in self.weights]
        out, final = Reference().run(cell or CELLS[self.name], weights, x, self.lengths, states.unbind(0))
        outputs = [out, torch.stack(final)]
        grads = [self.grad_out.to(dtype), self.grad_final.to(dtype)]
        gradients = torch.autograd.grad(outputs, [x, *tensors_of(weights), states], grads)
        return [t.detach() for t in outputs] + list(gradients)

    def by_operators(self, slices, team, namespace="seqkit"):
        """The same; a batch is divided into slices for each direction, and each is run by a team of threads."""
        cell, units = CELLS[self.name], self.units
        options, layer = Options(units, False, slices, team), layer_of(self.weights)
        call = (self.name, self.x, self.lengths, layer)
        out, final, *kept = forward(*call, pad_units(self.states, units), options, namespace)
        grad_out = pad_units(self.grad_out.unflatten(2, (DIRECTIONS, units)), units).flatten(2)
        grads = (grad_out, pad_units(self.grad_final, units))
        grad_x, *grad_layer, grad_states = backward(*call, kept, grads, options, namespace=namespace)
        grad_weights = tensors_of(weights_of(cell, Layer(*grad_layer), units))
        outputs = [unpad_outputs(out, DIRECTIONS, units), final[..., :units]]
        return [*outputs, grad_x, *grad_weights, grad_states[..., :units]]


def map_weights(change, weights):
    own = {name: change(value) for name, value in weights.own.items()}
    return Weights(*(None if t is None else change(t) for t in weights[:4]), own)


@pytest.fixture(scope="session")
def make_case():
    """A case of a cell with so many units; ``draw_weight(rows, columns)`` gives matrices, ``draw(*shape)`` the rest."""

    def make(name, units, draw, draw_weight, steps=STEPS):
        cell = CELLS[name]
        rows, inner = len(cell.gate_names) * units, len(cell.recurrent_bias) * units
        weights = [
            Weights(
                draw_weight(rows, INPUTS),
                draw_weight(rows, units),
                draw(rows),
                draw(inner) if inner else None,
                {key: draw(*value.shape) for key, value in cell.own_parameters(units).items()},
            )
            for _ in range(DIRECTIONS)
        ]
        lengths = torch.tensor(LENGTHS).clamp(max=steps)
        states = (len(cell.state_names), len(lengths), DIRECTIONS, units)
        x, out = draw(len(lengths), steps, INPUTS), draw(len(lengths), steps, DIRECTIONS * units)
        return Case(name, units, lengths, x, weights, draw(*states), out, draw(*states))

    return make


@pytest.fixture
def threads():
    """Sets the number of threads, for the length of a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
