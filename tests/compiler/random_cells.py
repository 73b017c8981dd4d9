"""Cells whose step is drawn at random: expressions of tame operators, so that results stay finite and smooth."""

import torch
from hypothesis import strategies as st

from seqkit.cells import Cell

UNARY = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "sin": torch.sin, "silu": torch.nn.functional.silu,
    "square": lambda a: torch.tanh(a).square(), "exp": lambda a: torch.exp(-a.abs()),
    "root": lambda a: (a * a + 1).sqrt(), "relu": lambda a: torch.relu(a + 0.3), "neg": torch.neg,
}  # fmt: skip
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": lambda a, b: a * torch.tanh(b), "div": lambda a, b: a / (1.5 + b * b),
    "max": torch.maximum, "where": lambda a, b: torch.where(a > 0.2, a, b),
}  # fmt: skip


class Drawn(Cell):
    """A step that is made of expressions, which are nested tuples of an operator's name and its operands."""

    gate_names = ("a", "b")
    state_names = ("h", "c")

    def __init__(self, expressions):
        self.expressions = expressions

    def own_parameters(self, hidden_size):
        return {"p": torch.ones(hidden_size)}

    def step(self, x, r, state, *, p):
        (x_a, x_b), (r_a, r_b) = x.chunk(2, -1), r.chunk(2, -1)
        leaves = {"xa": x_a, "xb": x_b, "ra": r_a, "rb": r_b, "h": state[0], "c": state[1], "p": p.expand_as(x_a)}

        def value(expression):
            if isinstance(expression, str):
                return leaves[expression]
            operator, *parts = expression
            return {**UNARY, **BINARY}[operator](*map(value, parts))

        # Kept between -1 and 1, so that no sequence of steps grows beyond bounds.
        return tuple(torch.tanh(value(each)) for each in self.expressions)


def cells_of_expressions():
    """Cells of two states, each of a random expression."""
    leaves = st.sampled_from(["xa", "xb", "ra", "rb", "h", "c", "p"])
    grown = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from(sorted(UNARY)), inner), st.tuples(st.sampled_from(sorted(BINARY)), inner, inner)
        ),
        max_leaves=8,
    )
    return st.tuples(grown, grown).map(Drawn)
