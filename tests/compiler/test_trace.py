"""Tracing: what a step computes for one hidden unit, its gradient, and why a step cannot be compiled."""

import itertools
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from torch.nn import functional as F

from seqkit.cells import Cell, available_cells, make_cell
from seqkit.cells.base import Saved
from seqkit.cells.gru import GRU
from seqkit.cells.rnn import RNN
from seqkit.compiler import TraceError, trace
from seqkit.compiler.cpp import kept_by, slots_of
from seqkit.compiler.expressions import Input, Recurrent, State, Sum, depends_on_gradient
from seqkit.compiler.keeping import needed_by
from seqkit.compiler.phased import kept_by as kept_in_phases
from tests.compiler.evaluation import evaluate, leaves_of
from tests.compiler.own_cells import IN_PHASES, OWN, STANDARD, WITHOUT_PRODUCT, MinimalGated, OwnLayerNormLSTM
from tests.compiler.random_cells import cells_in_phases, cells_of_expressions, cells_without_product

DERIVED_BY_HAND = [
    cell for cell in (*map(make_cell, available_cells()), GRU("before"), RNN("relu")) if cell.has_backward
]
"""Cells that have a ``step_backward``"""
HAND_KEEPS = {"lstm": 5, "lstm-peephole": 5, "lstm-coupled": 4, "gru-after": 4, "rnn-tanh": 1, "rnn-relu": 1}


def assert_traced_as_written(cell, batch=4, units=7):
    """The expressions are worth what ``step`` and autograd give, in double precision."""
    torch.manual_seed(0)
    gates, states = len(cell.gate_names), len(cell.state_names)
    own = {name: value.double() + 0.1 * torch.rand_like(value).double() for name, value in
           cell.own_parameters(units).items()}  # fmt: skip
    x, r = torch.randn(2, batch, gates * units, dtype=torch.double)
    r = r[:, : cell.recurrent_gates * units]
    later = max(len(cell.stages) - 1, 0)
    state, grads = torch.randn(2, states + later, batch, units, dtype=torch.double)
    state = state[:states]
    leaves = [t.clone().requires_grad_() for t in (x, r, *state, *own.values())]
    new = cell.step(
        leaves[0], leaves[1], tuple(leaves[2 : 2 + states]), **dict(zip(own, leaves[2 + states :], strict=True))
    )
    new = (*new, *later_operands(cell, units, leaves[: 2 + states]))
    dx, dr, *rest = torch.autograd.grad(new, leaves, tuple(grads), materialize_grads=True)
    step, values = trace(cell), leaves_of(cell, x, r, state, own, grads)
    for found, expected in zip(evaluate(step, [*step.states, *step.operands[1:]], values), new, strict=True):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.cat(evaluate(step, step.grad_inputs, values), -1), dx)
    if cell.stages:
        torch.testing.assert_close(torch.cat(evaluate(step, step.grad_recurrents, values), -1), dr)
    for found, expected in zip(evaluate(step, step.grad_states, values), rest[:states], strict=True):
        torch.testing.assert_close(found, expected)
    rows = [row for value in rest[states:] for row in value.reshape(-1, units)]
    for found, expected in zip(evaluate(step, step.grad_own, values), rows, strict=True):
        torch.testing.assert_close(found.sum(0), expected)


@pytest.mark.parametrize("cell", DERIVED_BY_HAND, ids=repr)
def test_a_gradient_that_is_derived_by_hand_is_the_traced_one(cell, batch=4, units=7):
    torch.manual_seed(0)
    gates, states = len(cell.gate_names), len(cell.state_names)
    own = {name: value.double() + 0.1 * torch.rand_like(value).double() for name, value in
           cell.own_parameters(units).items()}  # fmt: skip
    x, r = torch.randn(2, batch, gates * units, dtype=torch.double)
    r = r[:, : cell.recurrent_gates * units]
    state, grads = torch.randn(2, states + 1, batch, units, dtype=torch.double)
    before, grads = tuple(state[:states]), grads[: states + max(len(cell.stages) - 1, 0)]
    saved = Saved(x, r, before, cell.step(x, r, before, **own))
    found = [cell.step_backward(tuple(grads[:states]), saved, **own)]
    found += [cell.operand_backward(1 + n, grad, saved) for n, grad in enumerate(grads[states:])]
    step, values = trace(cell), leaves_of(cell, x, r, before, own, grads)
    for name, numbers in (("x", step.grad_inputs), ("r", step.grad_recurrents)):
        traced = torch.cat([x[:, :0], *evaluate(step, numbers, values)], -1)
        torch.testing.assert_close(sum(getattr(each, name) for each in found), traced)
    for n, traced in enumerate(evaluate(step, step.grad_states, values)):
        torch.testing.assert_close(sum(each.state[n] for each in found), traced)
    rows = [row for name in own for row in found[0].own[name].reshape(-1, units)]
    for row, traced in zip(rows, evaluate(step, step.grad_own, values), strict=True):
        torch.testing.assert_close(row, traced.sum(0))


def later_operands(cell, units, leaves):
    """What each recurrent product after the first multiplies."""
    x, r, *state = leaves
    ends = [units * end for end in itertools.accumulate(map(len, cell.stages))][:-1]
    return [cell.operand(1 + n, x, r[..., :end], tuple(state)) for n, end in enumerate(ends)]


GATHERED = [
    *("cfn", "lem", "light-ru", "lstm-layer-norm", "lstm-multiplicative", "mgu", "mut1", "mut3", "nbr", "ran"),
    *("s-lstm", "star"),
]
"""Cells that the C++ does not have: several products, gates without one, more states, sums over units"""
OTHERS = [*map(make_cell, GATHERED), GRU("before")]


@pytest.mark.parametrize("cell", [*OWN, *WITHOUT_PRODUCT, *IN_PHASES, *STANDARD.values(), *OTHERS], ids=repr)
def test_a_traced_step_and_its_gradient_are_worth_what_torch_computes(cell):
    assert_traced_as_written(cell)


@settings(max_examples=12)
@given(cells_of_expressions())
def test_any_elementwise_step_is_traced_as_written(cell):
    assert_traced_as_written(cell)


@settings(max_examples=12)
@given(cells_without_product())
def test_any_step_without_a_product_is_traced_as_written(cell):
    assert_traced_as_written(cell)


@settings(max_examples=12)
@given(cells_in_phases())
def test_any_step_with_several_products_and_sums_over_units_is_traced_as_written(cell):
    assert_traced_as_written(cell)


@pytest.mark.parametrize("name", STANDARD)
def test_no_more_is_kept_than_what_was_chosen_by_hand(name):
    kept = kept_by(trace(STANDARD[name]))
    assert len(kept.values) <= HAND_KEEPS[name]
    assert kept.only_h == name.startswith("rnn")


def test_no_more_is_kept_in_phases_than_what_was_chosen_by_hand():
    normalised, before = kept_in_phases(trace(OwnLayerNormLSTM())), kept_in_phases(trace(GRU("before")))
    assert len(normalised.vectors) <= 14 and len(before.vectors) <= 3


def test_a_sum_over_the_units_is_kept_and_not_computed_again():
    class Summed(Plain):
        def new(self, a, h):
            return torch.sin(torch.sigmoid(a).sum(-1, keepdim=True)) + h

    step = trace(Summed())
    kept = kept_in_phases(step)
    assert len(kept.scalars) == len(kept.vectors) == 1
    way_back = {*step.all.below(step.gradients, [*kept.scalars, *kept.vectors])} - {*kept.scalars}
    assert all(n in depends_on_gradient(step.all, [n]) for n in way_back if isinstance(step.all[n], Sum))


@pytest.mark.parametrize("cell", [*OWN, *STANDARD.values()], ids=repr)
def test_the_way_back_can_be_computed_from_what_is_kept(cell):
    step = trace(cell)
    kept = kept_by(step)
    below = step.all.below(step.gradients, kept.values)
    known = (State(0),) if not kept.only_h else ()
    for number in set(below) - {*kept.values}:
        assert not isinstance(step.all[number], (Input, Recurrent)), "a sum that nobody kept"
        assert not isinstance(step.all[number], State) or step.all[number] in known


def test_gates_are_kept_and_not_the_sums_that_go_into_them():
    step = trace(STANDARD["lstm"])
    kinds = sorted(getattr(step.all[number], "operator", "state") for number in kept_by(step).values)
    assert kinds == ["sigmoid", "sigmoid", "sigmoid", "state", "tanh"]
    assert len(needed_by(step, depends_on_gradient(step.all, step.gradients))) > len(kinds)


def test_gates_whose_two_parts_have_one_gradient_share_a_slot():
    assert len(slots_of(trace(STANDARD["lstm"])).values) == 4
    gru = slots_of(trace(STANDARD["gru-after"]))
    assert (len(gru.values), gru.first_x, gru.first_r, gru.x_gates) == (4, 0, 1, (2, 0, 1))


class Plain(Cell):
    """What the cells below differ from in one line."""

    gate_names = ("a",)

    def step(self, x, r, state):
        return (self.new(x + r, state[0]),)


class Some(Plain):
    def new(self, a, h):
        return a - h[:, :2].sum(-1, keepdim=True)


class Neighbour(Plain):
    def new(self, a, h):
        return a + h.roll(1, -1)


class Reversed(Plain):
    def new(self, a, h):
        return h.flip(-1)


class Product(Plain):
    def new(self, a, h):
        return a @ h.T @ h


class Batch(Plain):
    def new(self, a, h):
        return a - a.mean(0)


class Chance(Plain):
    def new(self, a, h):
        return torch.nn.functional.dropout(a)


class Branch(Plain):
    def new(self, a, h):
        return a if a.sum() > 0 else h


class Size(Plain):
    def new(self, a, h):
        return a / a.shape[-1] ** 0.5


class First(Plain):
    def new(self, a, h):
        return torch.cat([a[:, :1], h[:, 1:]], -1)


class Whole(Plain):
    def new(self, a, h):
        return h + a.long()


class Sorted(Plain):
    def new(self, a, h):
        return a + h.sort(-1).values


class Constants(Plain):
    def new(self, a, h):
        return a * torch.arange(h.shape[-1])


class Shape(Plain):
    def new(self, a, h):
        return a.unsqueeze(0)


REFUSED = {
    Some: r"uses aten.sum.dim_IntList in line \d+ of test_trace.py, which joins values of different hidden units",
    Neighbour: r"uses aten.add.Tensor in line \d+ of test_trace.py, which joins values of different hidden units",
    Reversed: r"gives one hidden unit the new state of another, by aten.flip.default in line \d+ of test_trace.py",
    Product: r"uses aten.mm.default in line \d+ of test_trace.py, which has no rule",
    Batch: "joins values of different sequences",
    Chance: r"line \d+ of test_trace.py, which samples random numbers",
    Branch: r"cannot be recorded in line \d+ of test_trace.py",
    Size: r"for another number of hidden units, by aten.div.Tensor in line \d+ of test_trace.py",
    First: r"in another way for some of the hidden units or .*, by aten.cat.default in line \d+ of test_trace.py",
    Whole: r"uses aten._to_copy.default in line \d+ of test_trace.py, which gives int64, not real numbers",
    Sorted: r"uses aten.sort.default in line \d+ of test_trace.py, which has no rule",
    Constants: r"hidden units or sequences, by aten.mul.Tensor in line \d+ of test_trace.py",
    Shape: r"in the shape \(1, 1, 3\), not \(B, H\), by aten.unsqueeze.default in line \d+ of test_trace.py",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_compiled_says_why_in_one_sentence(kind):
    with pytest.raises(TraceError, match=REFUSED[kind]) as error:
        trace(kind())
    assert str(error.value).startswith(f"{kind.__name__}.step is not compiled: it ") and "\n" not in str(error.value)


def test_the_line_that_is_named_is_that_of_the_operator():
    with pytest.raises(TraceError) as error:
        trace(Product())
    line = int(str(error.value).partition("in line ")[2].split()[0])
    source = Path(__file__).read_text("utf-8").splitlines()
    assert source[line - 1].strip() == "return a @ h.T @ h"


@pytest.mark.parametrize(("kind", "line"), [(Reversed, "return h.flip(-1)"), (Size, "return a / a.shape[-1] ** 0.5")])
def test_the_line_is_that_of_the_mistake_and_not_of_what_is_made_of_it(kind, line):
    class Twice(Plain):
        def new(self, a, h):
            mistaken = kind().new(a / 2.5 + h.tanh(), h)
            return (mistaken / 1.5).tanh()

    with pytest.raises(TraceError) as error:
        trace(Twice())
    number = int(str(error.value).partition("in line ")[2].split()[0])
    assert Path(__file__).read_text("utf-8").splitlines()[number - 1].strip() == line


def filled(a):
    made = torch.empty_like(a)
    made[:] = a.tanh()
    return made


FUNCTIONS = {
    "inverse and hyperbolic": lambda a: torch.asin(0.1 * a) + torch.acos(0.1 * a) + torch.atan(a) + a.sinh() / a.cosh(),
    "more inverses": lambda a: torch.asinh(a) + torch.atanh(torch.tanh(a)) + torch.tan(0.3 * a),
    "rounded": lambda a: a * (a.floor() + 2 * a.ceil() + 3 * a.round() + 4 * a.trunc()) + a.frac(),
    "remainders": lambda a: torch.remainder(a, 0.7) + 2 * torch.fmod(a, 0.7) + a % 1.5,
    "of two operands": lambda a: torch.hypot(a, 1 - a) + torch.logaddexp(a, 2 * a) + torch.remainder(a, 1 + a * a),
    "powers of 2 and 10": lambda a: torch.exp2(a) + torch.log2(a * a + 1) + torch.log10(a * a + 2) + torch.erfc(a),
    "activations": lambda a: F.selu(a) + F.prelu(a, torch.tensor(0.2, dtype=a.dtype)) + F.logsigmoid(a) + F.mish(a),
    "layer norm": lambda a: F.layer_norm(a, a.shape[-1:]),
    "RMS norm": lambda a: F.rms_norm(a, a.shape[-1:], eps=1e-6),
    "cosine": lambda a: a * F.cosine_similarity(a, a.sin() + 1, dim=-1)[:, None],
    "spread": lambda a: a / (0.1 + a.std(-1, keepdim=True, correction=0)) + a.norm(dim=-1, keepdim=True),
    "maxima of gates": lambda a: torch.stack([a, a.sin()]).amax(0) + torch.stack([a, a.cos()]).logsumexp(0),
    "set": filled,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_people_write_in_a_step_is_traced(function):
    class Written(Plain):
        def new(self, a, h):
            return function(a + 0.3 * h)

    assert_traced_as_written(Written())


def test_an_in_place_operator_is_traced_as_what_it_computes():
    class InPlace(Plain):
        def new(self, a, h):
            a = a.clone()
            a += 2 * h
            return a

    assert_traced_as_written(InPlace())


def test_truth_values_become_numbers_wherever_they_are_used():
    class Truths(Plain):
        def new(self, a, h):
            above, off = (a > 0.1).float(), torch.logical_not(a.bool())
            return h * above + 0.5 * off + torch.where(~(h > a) & (h <= 1), a, h) * (a != h)

    class Step(Plain):
        def new(self, a, h):
            return (a > 0.1).to(h.dtype) + 0 * h

    assert_traced_as_written(Truths())
    assert_traced_as_written(Step())


def test_a_step_is_traced_where_a_layer_may_be_called_and_draws_nothing():
    class Drawing(MinimalGated):
        def own_parameters(self, hidden_size):
            return {"p": torch.randn(hidden_size)}

        def step(self, x, r, state, *, p):
            return (p * super().step(x, r, state)[0],)

    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    with torch.inference_mode():
        trace(Drawing())
    assert torch.equal(torch.rand(1), expected)


def test_a_gate_that_is_not_used_has_gradient_0():
    class Unused(MinimalGated):
        def step(self, x, r, state):
            return (state[0] + x.chunk(2, -1)[1].tanh(),)

    assert_traced_as_written(Unused())


def test_sums_and_averages_over_all_units_are_traced():
    class Centred(Plain):
        def new(self, a, h):
            total = torch.stack([a, h]).sum((0, -1)).unsqueeze(-1)
            return (a - h.mean(-1, keepdim=True)) / a.square().mean(-1, keepdim=True).sqrt() + 0.1 * total

    assert_traced_as_written(Centred())
