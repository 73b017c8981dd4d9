"""Layers: a cell run over time, and what is built on it."""

from seqkit.layers.attention import Attention, Memory
from seqkit.layers.bridge import Source
from seqkit.layers.crf import CRF
from seqkit.layers.decoder import Decoder, DecoderState
from seqkit.layers.encoder import Encoded, Encoder
from seqkit.layers.forcing import TeacherForcing
from seqkit.layers.head import Head, Loss
from seqkit.layers.pooling import Pooling
from seqkit.layers.recurrent import Recurrent
from seqkit.layers.state import State

__all__ = [
    "CRF",
    "Attention",
    "Decoder",
    "DecoderState",
    "Encoded",
    "Encoder",
    "Head",
    "Loss",
    "Memory",
    "Pooling",
    "Recurrent",
    "Source",
    "State",
    "TeacherForcing",
]
