"""Cells for tests that train with each of some: those of which the gradient is derived by hand, the usual ones.

The others pass the contract of every cell; training with all thirty would take the suite minutes and tell no more.
"""

from seqkit.cells import available_cells

TRAINED_CELLS = [name for name, load in available_cells().items() if load()().has_backward]
