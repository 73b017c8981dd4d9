"""Cells whose step is drawn at random: expressions of tame operators, so that results stay finite and smooth."""

import torch
from hypothesis import strategies as st

from seqkit.cells import Cell

UNARY = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "sin": torch.sin, "silu": torch.nn.functional.silu,
    "square": lambda a: torch.tanh(a).square(), "exp": lambda a: torch.exp(-a.abs()),
    "root": lambda a: (a * a + 1).sqrt(), "relu": lambda a: torch.relu(a + 0.3), "neg": torch.neg,
    "erf": torch.erf, "softplus": torch.nn.functional.softplus, "gelu": torch.nn.functional.gelu, "atan": torch.atan,
    "log": lambda a: torch.log1p(a.abs()), "elu": torch.nn.functional.elu, "cube": lambda a: torch.tanh(a) ** 3,
    "clamp": lambda a: a.clamp(-0.8, 1.5), "power": lambda a: (a * a + 0.5) ** 0.7,
    "cosh": lambda a: torch.tanh(a).cosh(),
}  # fmt: skip
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": lambda a, b: a * torch.tanh(b), "div": lambda a, b: a / (1.5 + b * b),
    "max": torch.maximum, "where": lambda a, b: torch.where(a > 0.2, a, b),
    "min": torch.minimum, "lerp": lambda a, b: torch.lerp(a, b, torch.sigmoid(a)),
    "hypot": lambda a, b: torch.hypot(a, b + 2), "logaddexp": torch.logaddexp,
    "share": lambda a, b: torch.stack([a, b], -1).softmax(-1)[..., 0] * b,
}  # fmt: skip


OVER_UNITS = {
    "centred": lambda a: a - a.mean(-1, keepdim=True),
    "scaled": lambda a: a / (a.square().mean(-1, keepdim=True) + 0.5).sqrt(),
    "spread": lambda a: torch.tanh(a.sum(-1, keepdim=True)) * a,
}


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
        leaves = {"xa": x_a, "xb": x_b, "ra": r_a, "rb": r_b, "p": p.expand_as(x_a), "h": state[0], "c": state[1]}
        # Kept between -1 and 1, so that no sequence of steps grows beyond bounds.
        return tuple(torch.tanh(value_of(each, leaves)) for each in self.expressions)


class DrawnWithoutProduct(Drawn):
    """No recurrent product, and a third state."""

    state_names = ("h", "c", "d")

    @property
    def stages(self):
        return ()

    def step(self, x, r, state, *, p):
        x_a, x_b = x.chunk(2, -1)
        leaves = {"xa": x_a, "xb": x_b, "p": p.expand_as(x_a)} | dict(zip(self.state_names, state, strict=True))
        return tuple(torch.tanh(value_of(each, leaves)) for each in self.expressions)


class DrawnInPhases(Drawn):
    """Two recurrent products, of which the second multiplies the first expression, and one gate that has none."""

    gate_names = ("a", "b", "out")
    state_names = ("h", "c", "d")

    @property
    def stages(self):
        return (("a",), ("b",))

    def operand(self, stage, x, r, state):
        if stage == 0:
            return state[0]
        h, c, d = state
        hidden = h.shape[-1]
        x_a, x_b, _ = x.chunk(3, -1)
        leaves = {"xa": x_a, "xb": x_b, "ra": r[..., :hidden], "rb": x_b, "h": h, "c": c, "d": d, "p": x_a}
        return torch.tanh(value_of(self.expressions[0], leaves))

    def step(self, x, r, state, *, p):
        (x_a, x_b, out), (r_a, r_b) = x.chunk(3, -1), r.chunk(2, -1)
        leaves = {"xa": x_a, "xb": x_b, "ra": r_a, "rb": r_b, "p": p.expand_as(out)}
        leaves |= dict(zip(self.state_names, state, strict=True))
        h, *others = (torch.tanh(value_of(each, leaves)) for each in self.expressions[1:])
        return torch.sigmoid(out) * h, *others


def value_of(expression, leaves):
    """What an expression is worth."""
    if isinstance(expression, str):
        return leaves[expression]
    operator, *parts = expression
    return {**UNARY, **BINARY, **OVER_UNITS}[operator](*(value_of(part, leaves) for part in parts))


def expressions(names, unary):
    """Random expressions of leaves of those names."""
    return st.recursive(
        st.sampled_from(names),
        lambda inner: st.one_of(
            st.tuples(st.sampled_from(sorted(unary)), inner), st.tuples(st.sampled_from(sorted(BINARY)), inner, inner)
        ),
        max_leaves=8,
    )


def cells_of_expressions():
    """Cells of two states, each of a random expression."""
    grown = expressions(["xa", "xb", "ra", "rb", "h", "c", "p"], UNARY)
    return st.tuples(grown, grown).map(Drawn)


def cells_in_phases():
    """Cells of three states and a second recurrent product of a random expression, with sums over the units in all."""
    grown = expressions(["xa", "xb", "ra", "rb", "h", "c", "d", "p"], {**UNARY, **OVER_UNITS})
    return st.tuples(grown, grown, grown, grown).map(DrawnInPhases)


def cells_without_product():
    """Cells of three states and no recurrent product."""
    grown = expressions(["xa", "xb", "h", "c", "d", "p"], UNARY)
    return st.tuples(grown, grown, grown).map(DrawnWithoutProduct)
