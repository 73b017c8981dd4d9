"""torch's recurrent modules with our kernels inside: the same names, arguments, weights and results.

>>> import torch
>>> from seqkit import nn
>>> lstm = nn.LSTM(10, 20, num_layers=2)
>>> out, (h, c) = lstm(torch.zeros(5, 3, 10))
>>> isinstance(lstm, torch.nn.LSTM), out.shape, h.shape
(True, torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
"""

from __future__ import annotations

from seqkit.nn.cells import GRUCell, LSTMCell, RNNCell
from seqkit.nn.modules import GRU, LSTM, RNN
from seqkit.nn.replacement import SpeedUp, speed_up

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell", "SpeedUp", "speed_up"]
