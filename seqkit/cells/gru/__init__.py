"""Gated units: gates say for each unit how much of its state to replace; the state is also the output.

A gate that stays closed carries a value over hundreds of steps. With one state they have fewer weights than an LSTM.
"""

from seqkit.cells.gru.gru import GRU

__all__ = ["GRU"]
