"""Layers: a cell run over time, and what stands on it."""

from seqkit.layers.encoder import Encoded, Encoder
from seqkit.layers.head import Head, Loss
from seqkit.layers.pooling import Pooling
from seqkit.layers.recurrent import Recurrent
from seqkit.layers.state import State

__all__ = ["Encoded", "Encoder", "Head", "Loss", "Pooling", "Recurrent", "State"]
