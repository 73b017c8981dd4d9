"""The time loop of the fused kernel, forward and back, on memory as ``seqkit.compiler.triton`` describes it.

B batch, T time, I inputs, H hidden units, D directions, G gates, R gates with a recurrent product, S states, P products
(1 if there is none), n rows of recurrent biases and the cell's own parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.kernels.programs import Program

_BLOCK, _SCAN_BLOCK = 128, 32
"""Most hidden units of one program; few where it has to pass over all time steps, so that there are many programs"""


class Loop(NamedTuple):
    """A cell's program, and all about a call but its tensors."""

    program: Program
    batch: int
    steps: int
    hidden: int
    directions: int
    ragged: bool
    keeps: bool
    """whether a way back will follow"""
    keeps_x: bool
    """whether it gives the gradient of x"""
    bf16: bool

    @property
    def numbers(self) -> int:
        """How many input parts there are."""
        return self._rows * self.steps * self.program.emitted.gates * self.hidden

    @property
    def _rows(self) -> int:
        return self.batch * self.directions

    def forward(
        self, x: Tensor, lengths: Tensor | None, weight_x: Tensor, bias: Tensor, weight_h: Tensor, own: Tensor,
        states: Tensor | None,
    ) -> tuple[Tensor | None, ...]:  # fmt: skip
        """All steps.

        Args:
            x: (B, T, I), zeros at padding.
            lengths: (B) on the device; None: T.
            weight_x: (D, G·H, I).
            bias: (D, G·H).
            weight_h: (D, R·H, H).
            own: (D, n, H).
            states: (S, B, D, H), None for zeros.

        Returns:
            Outputs (B, T, D·H), states (S, B, D, H), and what :meth:`backward` needs: what products multiplied, what
            else is kept of each unit and of each step, and the input parts if it needs those.
        """
        facts, steps = self.program.emitted, self.steps
        parts = torch.add(bias.flatten(), self._times(x.flatten(0, 1), weight_x.flatten(0, 1).T))
        places = self._rows * steps if self.keeps else 0
        operands = x.new_empty(max(len(facts.stages), 1), places, self.hidden)
        kept, scalars = x.new_empty(facts.kept, places, self.hidden), x.new_empty(max(facts.scalars, 1), places)
        # Whatever is left out is padding.
        out = (x.new_zeros if self.ragged and not facts.stages else x.new_empty)(
            self.batch, steps, self.directions * self.hidden
        )
        zeros = facts.states, self._rows, self.hidden
        start = x.new_zeros(zeros) if states is None else self._by_direction(states)
        memory = (own, lengths if lengths is not None else own, out, operands, kept, scalars)
        if facts.stages:
            final = self._forward_steps(parts, weight_h, start, memory)
        else:
            final = torch.empty_like(start)
            self._launch("scan_forward", parts, start, final, *memory, steps, KEEPS=self.keeps)
        needed = parts if self.keeps and not facts.stages else None
        return out, self._by_sequence(final), operands, kept, scalars, needed

    def _forward_steps(self, parts: Tensor, weight_h: Tensor, start: Tensor, memory: Sequence[Tensor]) -> Tensor:
        own, lengths, *others = memory
        facts, states = self.program.emitted, [start, torch.empty_like(start)]
        weights = [weight.transpose(1, 2) for weight in self._by_stage(self._rounded(weight_h))]
        r = parts.new_empty(sum(facts.stages) * self._rows * self.hidden)
        products = self._products(r)
        shape = len(facts.stages), self.directions, self.batch, self.hidden
        operand = parts.new_empty(shape, dtype=self._dtype(parts))
        operand[0] = start[0].view(operand.shape[1:])
        for t in range(self.steps):
            for stage, weight in enumerate(weights):
                self._multiply(operand[stage], weight, products[stage])
                call = parts, r, states[t % 2], states[1 - t % 2], own, lengths, *others, operand, t, self.steps
                self._launch(f"forward_{stage}", *call, KEEPS=self.keeps)
        return states[self.steps % 2]

    def backward(
        self, x: Tensor, lengths: Tensor | None, weight_x: Tensor, bias: Tensor, weight_h: Tensor, own: Tensor,
        operands: Tensor, kept: Tensor, scalars: Tensor, parts: Tensor | None,
        grad_out: Tensor | None, grad_final: Tensor | None,
    ) -> tuple[Tensor | None, ...]:  # fmt: skip
        """The gradients of x, weight_x, bias, weight_h, own and states, from those of outputs and states; None is 0."""
        facts = self.program.emitted
        if grad_out is None:
            grad_out = x.new_zeros(self.batch, self.steps, self.directions * self.hidden)
        if grad_final is None:
            grad_final = x.new_zeros(facts.states, self.batch, self.directions, self.hidden)
        make = x.new_zeros if self.ragged and not facts.stages else x.new_empty
        grad_parts = make(self.batch * self.steps, self.directions * facts.gates * self.hidden)
        shares = [x.new_zeros(facts.shares, self._rows, self.hidden) for _ in range(2)]
        given = (operands, kept, scalars, own, lengths if lengths is not None else own, grad_out.contiguous())
        start, grad_r = self._by_direction(grad_final), grad_parts
        if facts.stages:
            if not facts.same_gradients:
                grad_r = x.new_empty(len(grad_parts), self.directions * sum(facts.stages) * self.hidden)
            grad_states = self._backward_steps(weight_h, start, given, (grad_parts, grad_r), shares)
        else:
            assert parts is not None
            grad_states = torch.empty_like(start)
            call = parts, *given, start, grad_states, grad_parts, shares[self.steps % 2], self.steps
            self._launch("scan_backward", *call)
        rows = shares[self.steps % 2].view(facts.shares, self.directions, self.batch, self.hidden).sum(2)
        return (
            self._times(grad_parts, weight_x.flatten(0, 1)).view(x.shape) if self.keeps_x else None,
            self._times(grad_parts.T, x.flatten(0, 1)).view(weight_x.shape),
            grad_parts.sum(0).view(bias.shape),
            self._weight_gradient(grad_r, operands, weight_h),
            self._own_gradient(grad_r, rows, own),
            self._by_sequence(grad_states),
        )

    def _backward_steps(
        self, weight_h: Tensor, start: Tensor, given: tuple[Tensor, ...], grads: tuple[Tensor, Tensor],
        shares: list[Tensor],
    ) -> Tensor:  # fmt: skip
        facts, states = self.program.emitted, [start, torch.empty_like(start)]
        weights = self._by_stage(self._rounded(weight_h))
        product = start.new_zeros(len(facts.stages), self.directions, self.batch, self.hidden)
        dr = start.new_empty(sum(facts.stages) * self._rows * self.hidden, dtype=self._dtype(start))
        factors = self._products(dr)
        for number, t in enumerate(reversed(range(self.steps))):
            now, then = number % 2, 1 - number % 2
            call = *given, states[now], states[then], product, dr, *grads, shares[now], shares[then], t, self.steps
            for stage in reversed(range(len(weights))):
                self._launch(f"backward_{stage}", grads[0], *call)
                self._multiply(factors[stage], weights[stage], product[stage])
        final = states[self.steps % 2]
        final[0] += product[0].view(final[0].shape)
        return final

    def _weight_gradient(self, grad_r: Tensor, operands: Tensor, weight_h: Tensor) -> Tensor:
        """Of weight_h, (D, R·H, H)."""
        facts, gradient = self.program.emitted, torch.zeros_like(weight_h)
        if not facts.stages:
            return gradient
        grad_r = grad_r.view(-1, self.directions, sum(facts.stages) * self.hidden)
        operands = operands.view(len(facts.stages), -1, self.directions, self.hidden)
        for d in range(self.directions):
            begin = 0
            for stage, gates in enumerate(facts.stages):
                rows = slice(begin, begin := begin + gates * self.hidden)
                gradient[d, rows] = self._times(grad_r[:, d, rows].T, operands[stage, :, d])
        return gradient

    def _own_gradient(self, grad_r: Tensor, rows: Tensor, own: Tensor) -> Tensor:
        """Of own, (D, n, H): the biases of recurrent parts, then the cell's own parameters."""
        cell, hidden = self.program.cell, self.hidden
        biases = [cell.gate_names.index(gate) for gate in cell.recurrent_bias]
        gradient = torch.empty_like(own)
        if biases:
            sums = grad_r.sum(0).view(self.directions, -1, hidden)
            for row, gate in enumerate(biases):
                gradient[:, row] = sums[:, gate]
        gradient[:, len(biases) :] = rows.transpose(0, 1)
        return gradient

    def _launch(self, name: str, *arguments: Any, **options: bool) -> None:
        facts, scan = self.program.emitted, name.startswith("scan")
        units = 1 << max(self.hidden - 1, 15).bit_length()
        block = units if facts.whole_rows else min(units, _SCAN_BLOCK if scan else _BLOCK)
        kernel = self.program.kernels[name][self._rows, -(-self.hidden // block)]
        kernel(
            *arguments, self.batch, D=self.directions, H=self.hidden, BLOCK=block, RAGGED=self.ragged, **options,
            num_warps=min(max(block // 32, 1), 8),
        )  # fmt: skip

    def _by_stage(self, weight: Tensor) -> Sequence[Tensor]:
        """(D, rows, H) for each product, of (D, R·H, H)."""
        return list(weight.split([gates * self.hidden for gates in self.program.emitted.stages], 1))

    def _products(self, r: Tensor) -> list[Tensor]:
        """(D, B, rows) for each product, of a piece of memory for all."""
        sizes = [gates * self.hidden for gates in self.program.emitted.stages]
        return [
            part.view(self.directions, self.batch, size)
            for part, size in zip(r.split([size * self._rows for size in sizes]), sizes, strict=True)
        ]

    def _by_direction(self, states: Tensor) -> Tensor:
        """(S, D·B, H), of (S, B, D, H), in memory that the loop may change."""
        turned = states.transpose(1, 2).clone(memory_format=torch.contiguous_format)
        return turned.view(len(states), self._rows, self.hidden)

    def _by_sequence(self, states: Tensor) -> Tensor:
        """The inverse of :meth:`_by_direction`."""
        return states.view(len(states), self.directions, self.batch, self.hidden).transpose(1, 2)

    def _rounded(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._dtype(tensor))

    def _dtype(self, tensor: Tensor) -> torch.dtype:
        """That of the sides of products."""
        return torch.bfloat16 if self.bf16 else tensor.dtype

    def _times(self, a: Tensor, b: Tensor) -> Tensor:
        """(N, K) times (K, R), with both sides rounded if they are to be."""
        if not self.bf16:
            return a @ b
        out = a.new_empty(len(a), b.shape[1])
        _multiply_rounded(torch.mm, self._rounded(a), self._rounded(b), out)
        return out

    def _multiply(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        """(D, N, K) times (D, K, R), of rounded sides if they are to be."""
        product: Callable[..., Any] = torch.bmm
        if self.directions == 1:
            a, b, out, product = a[0], b[0], out[0], torch.mm
        if self.bf16:
            _multiply_rounded(product, a, b, out)
        else:
            product(a, b, out=out)


def _multiply_rounded(product: Callable[..., Any], a: Tensor, b: Tensor, out: Tensor) -> None:
    """Of bfloat16 sides, summed in float32."""
    if a.is_cuda:
        product(a, b, out_dtype=torch.float32, out=out)
    else:
        product(a.float(), b.float(), out=out)
