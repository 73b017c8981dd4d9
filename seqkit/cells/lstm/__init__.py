"""Long short-term memory: a memory c of its own beside the output h, written and read through gates.

Sums, not products, carry the memory from step to step, so that gradients reach far back. `janet` keeps the gates, and
gives up the second state.
"""

from seqkit.cells.lstm.lstm import LSTM

__all__ = ["LSTM"]
