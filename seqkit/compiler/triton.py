"""A step as Triton: what stands between its recurrent products, for all sequences of a batch at once, on a GPU.

A step with products has a kernel for each of them, on the way forward and on the way back; one without has a kernel for
all of its time steps. Nothing is handed from one kernel to the next: each computes again what it needs of what came in.
A program is responsible for one sequence (a row) in one direction, and for some of its hidden units; where a step sums
over its units, for all of them.

Memory, as the kernels see it, with a place for each time step of each sequence and direction, place = (b·T + t)·D + d,
and a row for each sequence and direction, row = d·B + b:
parts, grad_parts (places, G, H) · out, grad_out (places, H) · operands (P, places, H), what products multiply, of which
the first is h before the step · kept (K, places, H) · scalars (M, places) · grad_r (places, R, H) · states (S, rows, H)
· r, dr for each product (rows, its gates, H) · operand, product (P, rows, H) · own (D, n, H) · shares (n, rows, H).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from seqkit.compiler.expressions import (
    Expression,
    Gradient,
    Input,
    OperandGradient,
    Parameter,
    Recurrent,
    State,
    Step,
    Sum,
    uniform,
)
from seqkit.compiler.keeping import kept_sums, kept_values
from seqkit.compiler.triton_terms import Terms, load, of_part, of_plane, of_row, place_in_row

_HEAD = """# Made of the step of a cell by seqkit.compiler.
import triton
import triton.language as tl
from triton.language.extra import libdevice
"""
_SIZES = "B, D: tl.constexpr, H: tl.constexpr, BLOCK: tl.constexpr, RAGGED: tl.constexpr"
_WHERE = """\
    row, unit = tl.program_id(0).to(tl.int64), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    rows, d, b, real = B * D, row // B, row % B, unit < H
    number = parts.dtype.element_ty
    places = rows.to(tl.int64) * T
    length = T
    if RAGGED:
        length = tl.load(lengths + b)
"""


class Emitted(NamedTuple):
    """A step as Triton, and what its kernels leave."""

    source: str
    stages: tuple[int, ...]
    """gates of each recurrent product; none for a step without"""
    gates: int
    states: int
    kept: int
    scalars: int
    shares: int
    """rows of the cell's own parameters"""
    whole_rows: bool
    """whether one program has to see all units of a sequence"""
    same_gradients: bool
    """whether input and recurrent parts have the same gradients, which are then there once"""


class _Kept(NamedTuple):
    vectors: tuple[int, ...]
    scalars: tuple[int, ...]
    known: dict[int, str]
    """what else of the way forward can be loaded on the way back, and how"""


def triton_source(step: Step, biases: Sequence[int] = ()) -> Emitted:
    """The kernels ``forward_n`` and ``backward_n`` of each product n, or ``scan_forward`` and ``scan_backward``.

    ``biases`` are the gates whose recurrent part has a bias of its own.
    """
    kept = _kept(step)
    maker = _Maker(step, biases, kept)
    if step.stages:
        kernels = [maker.forward(stage) for stage in range(len(step.stages))]
        kernels += [maker.backward(stage) for stage in range(len(step.stages))]
    else:
        kernels = [maker.scan_forward(), maker.scan_backward()]
    below = step.all.below([*step.states, *step.operands, *step.gradients])
    return Emitted(
        "\n\n".join([_HEAD, *kernels]), step.stages, step.gates, len(step.states), len(kept.vectors), len(kept.scalars),
        len(step.grad_own), any(isinstance(step.all[n], Sum) for n in below), maker.same_gradients,
    )  # fmt: skip


def _kept(step: Step) -> _Kept:
    """Input parts are there anyhow where no product follows them; elsewhere they would be more than what is kept."""
    later = {*step.operands[1:]} - uniform(step.all, step.operands)
    known = {number: of_plane("operands", n) for n, number in enumerate(step.operands) if number in later}
    if not step.stages:
        known |= {step.all.add(Input(gate)): of_part("parts", gate, step.gates) for gate in range(step.gates)}
    sums = kept_sums(step, known)
    return _Kept(kept_values(step, {*known, *sums}), sums, known)


class _Maker:
    """Makes the kernels of a step."""

    def __init__(self, step: Step, biases: Sequence[int], kept: _Kept) -> None:
        self.step, self.biases, self.kept = step, biases, kept
        self.same_gradients = step.grad_recurrents == step.grad_inputs and bool(step.stages)

    def forward(self, stage: int) -> str:
        """What follows the product of a stage: what the next one multiplies, or the new states."""
        step, last = self.step, stage == len(self.step.stages) - 1
        leaves = self._leaves({State(n): of_row("before", n) for n in range(len(step.states))})
        body = [*_at("t"), *self._forward(leaves, last, stage)]
        if last:
            body += [f"tl.store({place_in_row('after', n)}, n{n}, mask=real)" for n in range(len(step.states))]
            body.append(f"tl.store({place_in_row('operand', 0)}, n0, mask=real)")
        names = "parts, r, before, after, own, lengths, out, operands, kept, scalars, operand, t, T"
        return _kernel(f"forward_{stage}", names, ", KEEPS: tl.constexpr", body)

    def backward(self, stage: int) -> str:
        """What comes before the product of a stage on the way back, the last one first."""
        step, first = self.step, stage == 0
        leaves = self._leaves({Gradient(n): of_row("given", n) for n in range(len(step.states))})
        leaves |= {State(0): of_plane("operands", 0)}
        leaves |= {OperandGradient(n): of_row("product", n) for n in range(1, len(step.stages))}
        held = [f"g{n} = {leaves[Gradient(n)]}" for n in range(len(step.states))]
        held += [f"g0 = g0 + {of_row('product', 0)}", f"e0 = g0 + {load('grad_out + place * H + unit')}"]
        leaves |= {Gradient(n): f"{'g' if n else 'e'}{n}" for n in range(len(step.states))}
        recurrents = {gate: step.grad_recurrents[gate] for gate in step.gates_of(stage)}
        stores = {self._product_row("dr", gate): number for gate, number in recurrents.items()}
        others: list[int] = []
        if first:
            stores, others = {**stores, **self._stored()}, [*step.grad_states, *step.grad_own]
        body = [*_at("t"), *held, *self._computed(leaves, stores, others)]
        if first:
            body += [f"tl.store({place_in_row('found', n)}, tl.where(inside, v{number}, g{n}), mask=real)"
                     for n, number in enumerate(step.grad_states)]  # fmt: skip
            body += [self._share(n, number) for n, number in enumerate(step.grad_own)]
        names = (
            "parts, operands, kept, scalars, own, lengths, grad_out, given, found, product, dr, grad_parts, grad_r, "
            "shares, shares_after, t, T"
        )
        return _kernel(f"backward_{stage}", names, "", body)

    def scan_forward(self) -> str:
        """All time steps of a step without a product."""
        states = range(len(self.step.states))
        body = [f"s{n} = {of_row('before', n)}" for n in states]
        inside = self._forward(self._leaves({State(n): f"s{n}" for n in states}), True)
        body += ["for t in range(length):", *_indented([*_at("t"), *inside, *(f"s{n} = n{n}" for n in states)])]
        body += [f"tl.store({place_in_row('after', n)}, s{n}, mask=real)" for n in states]
        names = "parts, before, after, own, lengths, out, operands, kept, scalars, T"
        return _kernel("scan_forward", names, ", KEEPS: tl.constexpr", body)

    def scan_backward(self) -> str:
        """All time steps, from the last to the first."""
        step, states = self.step, range(len(self.step.states))
        leaves = self._leaves({Gradient(n): f"{'g' if n else 'e'}{n}" for n in states})
        leaves |= {State(0): of_plane("operands", 0)}
        own = range(len(step.grad_own))
        body = [f"g{n} = {of_row('given', n)}" for n in states]
        body += [f"a{n} = tl.zeros((BLOCK,), number)" for n in own]
        inside = ["t = length - 1 - k", *_at("t"), f"e0 = g0 + {load('grad_out + place * H + unit')}"]
        inside += self._computed(leaves, self._stored(), [*step.grad_states, *step.grad_own])
        inside += [f"g{n} = tl.where(real, v{number}, 0.0)" for n, number in enumerate(step.grad_states)]
        inside += [f"a{n} = a{n} + v{number}" for n, number in enumerate(step.grad_own)]
        body += ["for k in range(length):", *_indented(inside)]
        body += [f"tl.store({place_in_row('found', n)}, g{n}, mask=real)" for n in states]
        body += [f"tl.store({place_in_row('shares', n)}, a{n}, mask=real)" for n in own]
        names = "parts, operands, kept, scalars, own, lengths, grad_out, given, found, grad_parts, shares, T"
        return _kernel("scan_backward", names, "", body)

    def _leaves(self, more: Mapping[Expression, str]) -> dict[Expression, str]:
        """How each leaf is loaded that both ways have."""
        step, biases = self.step, self.biases
        count = len(biases) + step.own_rows
        own = [load(f"own + (d * {count} + {n}) * H + unit") for n in range(count)]
        found: dict[Expression, str] = {Input(gate): of_part("parts", gate, step.gates) for gate in range(step.gates)}
        for gate in range(sum(step.stages)):
            bias = f" + {own[biases.index(gate)]}" if gate in biases else ""
            found[Recurrent(gate)] = load(self._product_row("r", gate)) + bias
        return found | {Parameter(row): own[len(biases) + row] for row in range(step.own_rows)} | dict(more)

    def _product_row(self, array: str, gate: int) -> str:
        """Where the part of a gate is in what its product gives."""
        stage = next(n for n in range(len(self.step.stages)) if gate in self.step.gates_of(n))
        gates = self.step.gates_of(stage)
        return f"{array} + ({gates.start} * rows + row * {len(gates)} + {gate - gates.start}) * H + unit"

    def _forward(self, leaves: dict[Expression, str], last: bool, stage: int = 0) -> list[str]:
        """The way forward from a product on; ``last``: as far as the new states, n0 and so on."""
        step, kept = self.step, self.kept
        if not last:
            number = step.operands[stage + 1]
            return [
                *Terms(step, leaves, {}).lines([number]),
                f"tl.store({place_in_row('operand', stage + 1)}, v{number}, mask=real)",
                "if KEEPS:",
                f"    tl.store(operands + ({stage + 1} * places + place) * H + unit, "
                f"tl.where(inside, v{number}, 0.0), mask=real)",
            ]
        lines = [f"o{n} = {leaves[State(n)]}" for n in range(len(step.states))]
        leaves = {**leaves, **{State(n): f"o{n}" for n in range(len(step.states))}}
        lines += Terms(step, leaves, {}).lines(step.states)
        lines += [f"n{n} = tl.where(inside, v{number}, o{n})" for n, number in enumerate(step.states)]
        lines.append(f"tl.store(out + place * H + unit, tl.where(inside, v{step.states[0]}, 0.0), mask=real)")
        there = step.all.below(step.states)
        keeping = Terms(step, leaves, {}).lines([*kept.vectors, *kept.scalars], there)
        keeping.append("tl.store(operands + place * H + unit, tl.where(inside, o0, 0.0), mask=real)")
        keeping += [f"tl.store(kept + ({k} * places + place) * H + unit, v{number}, mask=real)"
                    for k, number in enumerate(kept.vectors)]  # fmt: skip
        keeping += [f"tl.store(scalars + {k} * places + place, v{number})" for k, number in enumerate(kept.scalars)]
        return [*lines, "if KEEPS:", *_indented(keeping)]

    def _known(self) -> dict[int, str]:
        """What the way back has of the way forward."""
        known = {number: of_plane("kept", k) for k, number in enumerate(self.kept.vectors)}
        known |= {number: f"tl.load(scalars + {k} * places + place)" for k, number in enumerate(self.kept.scalars)}
        return known | self.kept.known

    def _stored(self) -> dict[str, int]:
        """The gradients of the parts of all time steps: where they go."""
        step, total = self.step, sum(self.step.stages)
        found = {f"grad_parts + (place * {step.gates} + {gate}) * H + unit": number
                 for gate, number in enumerate(step.grad_inputs)}  # fmt: skip
        if step.stages and not self.same_gradients:
            found |= {f"grad_r + (place * {total} + {gate}) * H + unit": number
                      for gate, number in enumerate(step.grad_recurrents)}  # fmt: skip
        return found

    def _computed(
        self, leaves: Mapping[Expression, str], stores: Mapping[str, int], others: Sequence[int] = ()
    ) -> list[str]:
        """Lines that compute gradients, and store them: 0 at padding."""
        lines = Terms(self.step, leaves, self._known()).lines([*stores.values(), *others])
        return lines + [
            f"tl.store({place}, tl.where(inside, v{number}, 0.0), mask=real)" for place, number in stores.items()
        ]

    def _share(self, n: int, number: int) -> str:
        """Adds what a time step gives to the gradient of a parameter."""
        before = of_row("shares", n)
        return f"tl.store({place_in_row('shares_after', n)}, {before} + tl.where(inside, v{number}, 0.0), mask=real)"


def _at(t: str) -> list[str]:
    """Where a time step of the loop is in its sequence; the second direction begins at the end."""
    return [
        f"inside = {t} < length",
        f"place = (b * T + tl.where(inside & (d == 1), length - 1 - {t}, {t})) * D + d",
    ]


def _kernel(name: str, arguments: str, more: str, body: Sequence[str]) -> str:
    fixed = ", ".join(f'"{each}"' for each in ("t", "T", "B") if each != "t" or " t, T" in arguments)
    head = f"@triton.jit(do_not_specialize=[{fixed}])\ndef {name}({arguments}, {_SIZES}{more}):\n{_WHERE}"
    return head + "\n".join(f"    {line}" for line in body) + "\n"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]
