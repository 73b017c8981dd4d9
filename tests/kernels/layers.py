"""Layers with weights that are all their own, and all that a call of one gives."""

import torch

from seqkit import Recurrent


def make(cell, inputs, hidden, **options):
    torch.manual_seed(hidden)
    layer = Recurrent(cell, inputs, hidden, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return layer


def results(layer, x, lengths, start, kernel):
    x = x.clone().requires_grad_()
    initial = start.map(lambda s: s.clone().requires_grad_())
    out, state = layer(x, lengths, initial, kernel=kernel)
    loss = sum((value.sin() * (n + 1)).sum() for n, value in enumerate((out, *state.values())))
    wanted = [x, *initial.values(), *layer.parameters()]
    gradients = torch.autograd.grad(loss, wanted, materialize_grads=True)
    return [out, *state.values()], gradients
