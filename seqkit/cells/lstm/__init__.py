"""Long short-term memory: a memory c of its own beside the output h, written and read through gates.

Sums, not products, carry the memory from step to step, so that gradients reach far back. `janet` has gave up the second
state, and keeps the gates.
"""

from seqkit.cells.lstm.lstm import LSTM

__all__ = ["LSTM"]
