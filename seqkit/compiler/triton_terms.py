"""One expression as Triton, on some hidden units of a sequence, and where in memory things are.

The letters are those of ``triton.py``, which has the kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from seqkit.compiler.expressions import Binary, Constant, Expression, Step, Sum, Unary, Units, operands

_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==",
    "ne": "!=", "and": "&", "or": "|",
}  # fmt: skip
_CALLS = {
    "maximum": "tl.maximum({}, {}, propagate_nan=tl.PropagateNan.ALL)",
    "minimum": "tl.minimum({}, {}, propagate_nan=tl.PropagateNan.ALL)",
    "pow": "libdevice.pow({}, {})", "neg": "-{}", "abs": "tl.abs({})", "not": "{} == 0",
    "sigmoid": "1 / (1 + libdevice.exp(-{}))", "reciprocal": "1 / {}", "sqrt": "tl.sqrt({})",
    "round": "libdevice.rint({})",
    "sign": "tl.where({0} > 0, 1.0, tl.where({0} < 0, -1.0, {0}))",
}  # fmt: skip
"""Other functions are those of CUDA's library."""


def load(place: str) -> str:
    """What loads the numbers of the program's units from a place; 0 beyond the last unit."""
    return f"tl.load({place}, mask=real, other=0.0)"


def of_plane(array: str, plane: int) -> str:
    """Those of a time step, from an array (planes, places, H)."""
    return load(f"{array} + ({plane} * places + place) * H + unit")


def of_part(array: str, gate: int, gates: int) -> str:
    """Those of a time step, from an array (places, gates, H)."""
    return load(f"{array} + (place * {gates} + {gate}) * H + unit")


def of_row(array: str, plane: int) -> str:
    """Those of a sequence, from an array (planes, rows, H)."""
    return load(place_in_row(array, plane))


def place_in_row(array: str, plane: int) -> str:
    """Where they are in such an array."""
    return f"{array} + ({plane} * rows + row) * H + unit"


class Terms:
    """The lines that compute expressions, each once.

    Args:
        step: the step.
        leaves: how each leaf is loaded.
        known: how expressions that need not be computed are loaded, by their numbers.
    """

    def __init__(self, step: Step, leaves: Mapping[Expression, str], known: Mapping[int, str]) -> None:
        self.all, self.leaves, self.known = step.all, leaves, known

    def lines(self, roots: Sequence[int], there: Iterable[int] = ()) -> list[str]:
        """What gives ``v7`` the value of the expression 7, for all below the roots but those that are there."""
        below = self.all.below(roots, self.known)
        parts = {part for n in below if n not in self.known for part in operands(self.all[n])}
        used = {n for n in below if n not in self.known or n in parts or n in roots}
        return [f"v{n} = {self.text(n)}" for n in sorted(used - {*there})]

    def text(self, number: int) -> str:
        """What computes an expression of those before it, or loads it."""
        if number in self.known:
            return self.known[number]
        found = self.all[number]
        parts = [f"v{part}" for part in operands(found)]
        if isinstance(found, Constant):
            return f"tl.full((), {_literal(found.value)}, number)"
        if isinstance(found, Units):
            return "tl.full((), H, number)"
        if isinstance(found, Sum):
            return f"tl.sum(tl.where(real, {parts[0]}, 0.0), 0)"
        if isinstance(found, (Unary, Binary)):
            sign = _SIGNS.get(found.operator)
            call = _CALLS.get(found.operator, f"libdevice.{found.operator}({{}})")
            return f"{parts[0]} {sign} {parts[1]}" if sign else call.format(*parts)
        return f"tl.where({', '.join(parts)})" if parts else self.leaves[found]


def _literal(value: float) -> str:
    return repr(value) if abs(value) < float("inf") else f'float("{value}")'
