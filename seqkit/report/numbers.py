"""How a page writes numbers, times and names."""

from __future__ import annotations

from typing import Any


def number(value: Any) -> str:
    """Scores with four places, large numbers with two, counts with commas; anything else as its text."""
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def short_count(count: int) -> str:
    """Millions as such: ``1.25 M``."""
    return f"{count / 1e6:.2f} M" if count >= 1_000_000 else f"{count:,}"


def counted(count: int, noun: str) -> str:
    """``1 epoch``, ``3 epochs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """``3.2 s``, ``2 min 5 s`` or ``1 h 12 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def spaced(name: str) -> str:
    """``macro_f1`` as ``macro f1``."""
    return name.replace("_", " ")


def signed(difference: float) -> str:
    """A difference of scores with its sign: ``+0.1000``, ``−0.0213``; 0 has none."""
    text = number(abs(difference))
    return text if not text.strip("0.,") else f"{'+' if difference > 0 else '−'}{text}"
