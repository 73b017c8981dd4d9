"""Simple networks: one new value of h for each unit, and at most a share of the old.

They have the fewest weights. What they read is forgotten within tens of steps, less soon where a learned share of the
state before is kept.
"""

from seqkit.cells.rnn.rnn import RNN

__all__ = ["RNN"]
