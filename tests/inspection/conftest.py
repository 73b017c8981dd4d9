"""A small model that is looked into."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from seqkit import Encoder
from seqkit.runs import Model
from seqkit.topologies import Explanation


class Tiny(nn.Module):
    """A linear score of the pooled outputs of a small encoder."""

    def __init__(self, hidden_size=3, cell="gru"):
        super().__init__()
        torch.manual_seed(1)
        self.encoder = Encoder(9, 4, cell=cell, hidden_size=hidden_size, pooling="mean")
        nn.init.normal_(self.encoder.embedding.weight)
        self.output = nn.Linear(self.encoder.output_size, 1)

    def forward(self, tokens):
        return self.output(self.encoder(tokens, torch.tensor([tokens.shape[1]])).pooled).sum()


@dataclass
class TinyConfig:
    cell: str
    seed: int = 0


def tiny_model(hidden_size=3, cell="gru", name="tiny", head=None):
    def explain(head, codec, raw):
        return Explanation("<b>answer</b>", head(torch.tensor([raw])), {"encoder.recurrent": [f"t{n}" for n in raw]})

    def build_head(config, codec):
        return Tiny(hidden_size, config.cell).double()

    task = SimpleNamespace(name=name, topology="many to one", explain=explain, build_head=build_head)
    codec = SimpleNamespace(encoding_report=lambda raw: None)
    config = TinyConfig(cell)
    return Model(task, config, codec, (head or build_head(config, codec)).eval())


@pytest.fixture(scope="session")
def tiny():
    """Makes a model as `look_inside` takes it; its inputs are lists of numbers."""
    return tiny_model
