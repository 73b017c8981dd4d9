"""What the expressions of a traced step are worth, by torch: the meaning of the intermediate form."""

import operator

import torch

from seqkit.compiler.expressions import (
    Binary,
    Constant,
    Gradient,
    Input,
    OperandGradient,
    Parameter,
    Recurrent,
    State,
    Sum,
    Unary,
    Units,
    operands,
)

BINARY = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "pow": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum, "gt": torch.gt, "ge": torch.ge, "lt": torch.lt, "le": torch.le,
    "eq": torch.eq, "ne": torch.ne, "and": torch.logical_and, "or": torch.logical_or,
}  # fmt: skip


def leaves_of(cell, x, r, state, own, grads):
    """The values of the leaves of a step: x and r (B, G·H), states and gradients (B, H) each.

    Gradients are those of the new states, then of what recurrent products after the first multiply.
    """
    gates, states = len(cell.gate_names), len(state)
    rows = torch.cat([value.reshape(-1, state[0].shape[1]) for value in own.values()]) if own else []
    return {
        **{Input(n): value for n, value in enumerate(x.chunk(gates, -1))},
        **{Recurrent(n): value for n, value in enumerate(r.chunk(cell.recurrent_gates, -1) if cell.stages else ())},
        **{State(n): value for n, value in enumerate(state)},
        **{Gradient(n): value for n, value in enumerate(grads[:states])},
        **{OperandGradient(1 + n): value for n, value in enumerate(grads[states:])},
        **{Parameter(n): row for n, row in enumerate(rows)},
    }


def evaluate(step, numbers, leaves):
    """The values of the expressions with these numbers, (B, H) each."""
    some = next(iter(leaves.values()))
    values = {}
    for number in step.all.below(numbers):
        found = step.all[number]
        parts = [values[each] for each in operands(found)]
        if isinstance(found, Constant):
            values[number] = torch.full_like(some, found.value)
        elif isinstance(found, Units):
            values[number] = torch.full_like(some, some.shape[1])
        elif isinstance(found, Sum):
            values[number] = parts[0].sum(-1, keepdim=True).expand_as(some)
        elif isinstance(found, Unary):
            function = {"not": torch.logical_not}.get(found.operator) or getattr(torch, found.operator)
            values[number] = function(*parts)
        elif isinstance(found, Binary):
            values[number] = BINARY[found.operator](*parts)
        else:
            values[number] = torch.where(*parts) if parts else leaves[found].expand_as(some)
    return [values[number] for number in numbers]
