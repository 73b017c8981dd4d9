"""The intermediate form: what one hidden unit computes in one step, as expressions over what comes in.

Expressions are numbered; an operand is the number of an earlier one. Equal expressions have one number, so that what a
step and its gradient share is there once. Every expression stands for one unit of one sequence; a :class:`Sum` is the
one kind that looks at the other units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

COMPARISONS = {"gt", "ge", "lt", "le", "eq", "ne"}
LOGICAL = {"and", "or"}
"""Of truth values, as comparisons give them"""
BINARY = {"add", "sub", "mul", "div", "pow", "maximum", "minimum"} | COMPARISONS | LOGICAL
UNARY = {
    "neg", "abs", "sign", "not", "sigmoid", "tanh", "exp", "expm1", "log", "log1p", "sqrt", "reciprocal", "erf", "sin",
    "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "floor", "round",
}  # fmt: skip
COMMUTATIVE = {"add", "mul", "maximum", "minimum", "and", "or"}


@dataclass(frozen=True)
class Input:
    """The input part of a gate, with its bias."""

    gate: int


@dataclass(frozen=True)
class Recurrent:
    """The recurrent part of a gate, with its bias if it has one of its own."""

    gate: int


@dataclass(frozen=True)
class State:
    """A state before the step; number 0 is h."""

    number: int


@dataclass(frozen=True)
class Parameter:
    """A row of the cell's own parameters, in the order in which it declares them."""

    row: int


@dataclass(frozen=True)
class Gradient:
    """The gradient of a state after the step."""

    number: int


@dataclass(frozen=True)
class OperandGradient:
    """The gradient of what the recurrent product of a stage multiplies."""

    stage: int


@dataclass(frozen=True)
class Units:
    """The number of hidden units."""


@dataclass(frozen=True)
class Constant:
    """A number."""

    value: float


@dataclass(frozen=True)
class Sum:
    """The sum of an expression over all hidden units of a sequence."""

    a: int


@dataclass(frozen=True)
class Unary:
    """An operator of :data:`UNARY`."""

    operator: str
    a: int


@dataclass(frozen=True)
class Binary:
    """An operator of :data:`BINARY`."""

    operator: str
    a: int
    b: int


@dataclass(frozen=True)
class Where:
    """``a`` where the condition holds, else ``b``."""

    condition: int
    a: int
    b: int


Leaf = Input | Recurrent | State | Parameter | Gradient | OperandGradient | Units | Constant
Expression = Leaf | Sum | Unary | Binary | Where


def operands(expression: Expression) -> tuple[int, ...]:
    """The numbers of the expressions that one is made of."""
    if isinstance(expression, (Sum, Unary, Binary, Where)):
        return tuple(getattr(expression, field.name) for field in fields(expression) if field.name != "operator")
    return ()


class Expressions:
    """All expressions of a cell, by their numbers."""

    def __init__(self) -> None:
        self._all: list[Expression] = []
        self._numbers: dict[Expression, int] = {}

    def __getitem__(self, number: int) -> Expression:
        return self._all[number]

    def __len__(self) -> int:
        return len(self._all)

    def add(self, expression: Expression) -> int:
        """The number of an expression."""
        if expression not in self._numbers:
            self._numbers[expression] = len(self._all)
            self._all.append(expression)
        return self._numbers[expression]

    def constant(self, value: float) -> int:
        """The number of a number."""
        return self.add(Constant(float(value)))

    def unary(self, operator: str, a: int) -> int:
        """``operator(a)``."""
        found = self[a]
        if operator == "neg" and isinstance(found, Constant):
            return self.constant(-found.value)
        if operator == "neg" and isinstance(found, Unary) and found.operator == "neg":
            return found.a
        return self.add(Unary(operator, self.as_truth(a) if operator == "not" else self.as_number(a)))

    def binary(self, operator: str, a: int, b: int) -> int:
        """``a operator b``, without what changes nothing: adding 0, multiplying by 1."""
        if operator in LOGICAL:
            a, b = self.as_truth(a), self.as_truth(b)
        else:
            a, b = self.as_number(a), self.as_number(b)
        simple = self._simplified(operator, a, b)
        if simple is not None:
            return simple
        if operator in COMMUTATIVE and a > b:
            a, b = b, a
        return self.add(Binary(operator, a, b))

    def where(self, condition: int, a: int, b: int) -> int:
        """``a`` where the condition holds, else ``b``."""
        return self.add(Where(self.as_truth(condition), self.as_number(a), self.as_number(b)))

    def sum_over_units(self, a: int) -> int:
        """The sum of ``a`` over the hidden units."""
        return self.add(Sum(self.as_number(a)))

    def _simplified(self, operator: str, a: int, b: int) -> int | None:
        first, second = self[a], self[b]
        one, zero = Constant(1.0), Constant(0.0)
        if isinstance(first, Constant) and isinstance(second, Constant):
            folded = {"add": first.value + second.value, "sub": first.value - second.value,
                      "mul": first.value * second.value}  # fmt: skip
            return self.constant(folded[operator]) if operator in folded else None
        if operator in ("add", "mul"):
            neutral = zero if operator == "add" else one
            simple = b if first == neutral else a if second == neutral else None
            return self._difference(a, b) if simple is None and operator == "add" else simple
        if operator == "sub" and first == zero:
            return self.unary("neg", b)
        neutral = {"sub": zero, "div": one, "pow": one}.get(operator, Constant(float("nan")))
        return a if second == neutral else None

    def _difference(self, a: int, b: int) -> int | None:
        """``a + b`` where one of them is the negative of something."""
        for other, number in ((a, b), (b, a)):
            found = self[number]
            if isinstance(found, Unary) and found.operator == "neg":
                return self.binary("sub", other, found.a)
        return None

    def is_truth(self, number: int) -> bool:
        """Whether an expression is true or false, not a number."""
        found = self[number]
        return (isinstance(found, Binary) and found.operator in COMPARISONS | LOGICAL) or (
            isinstance(found, Unary) and found.operator == "not"
        )

    def as_number(self, number: int) -> int:
        """1 and 0 for true and false."""
        if not self.is_truth(number):
            return number
        return self.add(Where(number, self.constant(1), self.constant(0)))

    def as_truth(self, number: int) -> int:
        """Whether a number is not 0."""
        return number if self.is_truth(number) else self.add(Binary("ne", number, self.constant(0)))

    def below(self, roots: Iterable[int], known: Iterable[int] = ()) -> list[int]:
        """Every expression that the roots are made of, and they themselves, operands first; not below known ones."""
        found, waiting = set(known), list(roots)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting.extend(operands(self[number]))
        return sorted(found)


@dataclass(frozen=True)
class Step:
    """One time step of a cell and its gradient, unit by unit; every field has the numbers of expressions."""

    all: Expressions
    gates: int
    stages: tuple[int, ...]
    """gates of each recurrent product, in their order; gates after them have none. Where the first product multiplies
    something else than h, one for no gate stands before it"""
    own_rows: int
    states: tuple[int, ...]
    """the states after the step"""
    operands: tuple[int, ...]
    """what each recurrent product multiplies; of the first it is h, of others it may use the products before"""
    grad_inputs: tuple[int, ...]
    """the gradient of each gate's input part"""
    grad_recurrents: tuple[int, ...]
    grad_states: tuple[int, ...]
    """of the states before the step, without what reaches h through the first recurrent product"""
    grad_own: tuple[int, ...]
    """of each row of own parameters, the share of one sequence"""

    def with_numbers(self, expressions: Expressions, numbers: Mapping[str, tuple[int, ...]]) -> Step:
        """The same step among other expressions; ``numbers`` are theirs, by field."""
        return replace(self, all=expressions, **numbers)  # type: ignore[arg-type]

    @property
    def gradients(self) -> tuple[int, ...]:
        """All that the way back computes."""
        return (*self.grad_inputs, *self.grad_recurrents, *self.grad_states, *self.grad_own)

    def gates_of(self, stage: int) -> range:
        """The gates that a recurrent product serves."""
        first = sum(self.stages[:stage])
        return range(first, first + self.stages[stage])


def uniform(expressions: Expressions, numbers: Iterable[int]) -> set[int]:
    """Those of the expressions below the numbers that are the same for all hidden units of a sequence."""
    found: set[int] = set()
    for number in expressions.below(numbers):
        each = expressions[number]
        parts = operands(each)
        if isinstance(each, (Constant, Units, Sum)) or (parts and all(part in found for part in parts)):
            found.add(number)
    return found


def depends_on_gradient(expressions: Expressions, numbers: Sequence[int]) -> set[int]:
    """Those of the expressions below the numbers that only the way back can know."""
    late: set[int] = set()
    for number in expressions.below(numbers):
        found = expressions[number]
        if isinstance(found, (Gradient, OperandGradient)) or any(each in late for each in operands(found)):
            late.add(number)
    return late
