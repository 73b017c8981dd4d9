"""Small layers on our kernels, and a count of the calls that were."""

from dataclasses import dataclass, field

import pytest

from seqkit.kernels import ready
from seqkit.nn import cells, modules


@dataclass
class Calls:
    """The modules whose calls our kernels ran."""

    of: list = field(default_factory=list)

    def __len__(self):
        return len(self.of)


@pytest.fixture
def ours(monkeypatch):
    """Lets our kernels run what they can, even where it is too small to gain; cells that are compiled are none here."""
    assert ready(), "build the kernels first: seqkit kernels build"
    calls = Calls()

    def spied(run):
        def call(module, *arguments):
            result = run(module, *arguments)
            if result is not None:
                calls.of.append(module)
            return result

        return call

    for where in (modules, cells):
        monkeypatch.setattr(where, "_run", spied(where._run))
    for name in ("worth_training", "worth_inferring"):
        monkeypatch.setattr(modules, name, lambda size, fused: True)
    monkeypatch.setattr(modules, "compiled_cell", lambda module: None)
    monkeypatch.setattr(cells, "worth_a_step", lambda batch, weights, gates, learns: True)
    return calls
