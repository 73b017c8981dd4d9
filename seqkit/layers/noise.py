"""The randomness of a recurrent layer in training: which dropout is drawn when, and how long a draw holds.

All numbers come from torch's generator, which a run seeds and a checkpoint keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor

from seqkit.cells import Cell
from seqkit.errors import UsageError
from seqkit.layers.zoneout import Zoneout


class Draws:
    """What was drawn for one sequence, by what it is for: the same at every step of it."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, int], Tensor] = {}

    def get(self, name: str, layer: int, draw: Callable[[], Tensor]) -> Tensor:
        """What was drawn under that name for a layer, drawn now if it was not."""
        if (name, layer) not in self._drawn:
            self._drawn[name, layer] = draw()
        return self._drawn[name, layer]


class Noise:
    """The draws of a layer's calls: anew for each call, but inside :meth:`one_sequence` once for all of them."""

    def __init__(self) -> None:
        self._held: Draws | None = None

    def draws(self) -> Draws:
        """Those of a call."""
        return Draws() if self._held is None else self._held

    @contextmanager
    def one_sequence(self) -> Iterator[None]:
        """For code that goes through the sequences of a batch step by step: inside they share their draws."""
        self._held = Draws()
        try:
            yield
        finally:
            self._held = None

    def __reduce__(self) -> tuple[type[Noise], tuple[()]]:
        return Noise, ()


def check_dropouts(cell: Cell, recurrent_dropout: float, **others: float) -> None:
    """Raises :class:`UsageError` for a probability that is none, and for a cell without recurrent products to mask."""
    for name, probability in {"recurrent_dropout": recurrent_dropout, **others}.items():
        if not 0 <= probability < 1:
            raise UsageError(f"{name} must be at least 0 and below 1, not {probability}")
    if recurrent_dropout and not cell.stages:
        raise UsageError(
            f"{cell!r} has no recurrent product, so there is nothing for recurrent_dropout to drop; leave it out, or "
            "use zoneout or variational_dropout"
        )


def drawn_in_the_loop(cell: Cell, recurrent_dropout: float) -> bool:
    """Whether training draws inside the loop over time, which only the reference kernel does."""
    return isinstance(cell, Zoneout) or recurrent_dropout > 0


def check_reference(kernel: str) -> None:
    """Raises :class:`UsageError` for a kernel that cannot draw inside the loop over time."""
    if kernel not in ("auto", "torch", "reference"):
        raise UsageError(
            f"kernel '{kernel}' cannot train with zoneout or recurrent_dropout; use kernel 'reference' or 'auto'"
        )
