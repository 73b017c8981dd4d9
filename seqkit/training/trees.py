"""Sums whose bits do not depend on who adds up which part: a tree in the order of what is added.

Neighbours are added in pairs, these sums in pairs again, and so on; the last of an odd number waits for its turn::

    tree_sum([a, b, c, d, e]) = ((a + b) + (c + d)) + e

A block of 2^k terms that begins at a multiple of 2^k is a branch of the tree. It can be added up anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def tree_sum(terms: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape as a tree; they are left as they are."""
    terms = [*terms]
    while len(terms) > 1:
        pairs = [first + second for first, second in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[2 * len(pairs) :]
    return terms[0]


def branch_size(terms: int) -> int:
    """The largest power of two that divides a number of terms."""
    return terms & -terms


def add_lists(first: list[Tensor], second: list[Tensor]) -> list[Tensor]:
    """The sums of two lists, tensor by tensor; the first one is used up.

    Rows that are 0 in sparse tensors cost nothing, and the bits are those of dense ones.
    """
    dense = [
        number for number, pair in enumerate(zip(first, second, strict=True)) if not any(t.is_sparse for t in pair)
    ]
    if dense:
        torch._foreach_add_([first[number] for number in dense], [second[number] for number in dense])
    left = {*range(len(first))} - {*dense}
    return [plus(a, b) if number in left else a for number, (a, b) in enumerate(zip(first, second, strict=True))]


def plus(first: Tensor, second: Tensor) -> Tensor:
    """The sum of two tensors, sparse if both are."""
    if first.is_sparse and second.is_sparse:
        return (first + second).coalesce()
    return second + first if first.is_sparse else first + second


class Branches:
    """Adds up lists of tensors that arrive one by one, and keeps few of them at a time.

    Args:
        size: of a branch, a power of two; lists that belong to one branch are added up, branches are not.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._open: list[tuple[int, list[Tensor]]] = []
        """How many terms each sum has, and the sum; sums of a branch that is not complete have fewer and fewer"""

    def add(self, term: list[Tensor]) -> None:
        """One more list of tensors, of the same shapes as those before; it is used up."""
        count = 1
        while self._open and self._open[-1][0] == count < self.size:
            _, before = self._open.pop()
            count, term = 2 * count, add_lists(before, term)
        self._open.append((count, term))

    @property
    def sums(self) -> list[list[Tensor]]:
        """The sums of the branches so far."""
        return [sum_ for _, sum_ in self._open]
