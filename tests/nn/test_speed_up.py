"""``speed_up`` puts our kernels into somebody else's model, says what it did, and undoes it."""

import copy
import pickle

import pytest
import torch
from torch.nn.utils import parametrizations, parametrize

import seqkit
from seqkit import nn
from seqkit.errors import UsageError

X = torch.linspace(-2, 2, 6 * 2 * 4).view(6, 2, 4)


class Drawn(torch.nn.GRU):
    """Somebody's subclass that only draws its weights in another way."""

    def reset_parameters(self):
        for weight in self.parameters():
            torch.nn.init.normal_(weight, 0, 0.1)


class Doubled(torch.nn.LSTM):
    """Somebody's subclass that computes something else."""

    def forward(self, input, hx=None):
        return super().forward(2 * input, hx)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = torch.nn.LSTM(4, 8, num_layers=2)
        self.again = self.encoder
        self.cell = torch.nn.GRUCell(4, 8)
        self.drawn = Drawn(4, 8)
        self.normed = parametrizations.weight_norm(torch.nn.GRU(4, 8), "weight_hh_l0")
        self.projected = torch.nn.LSTM(4, 18, proj_size=2)
        self.doubled = Doubled(4, 8)
        self.double = torch.nn.RNN(4, 8).double()
        self.head = torch.nn.Linear(8, 2)

    def forward(self, x):
        return self.head(sum(module(x)[0] for module in (self.encoder, self.drawn, self.normed, self.doubled)))


def classes_of(model):
    return {name: type(module) for name, module in model.named_modules()}


def outcome(model):
    out = model(X)
    learning = [*model.head.parameters(), *model.encoder.parameters()]
    return [out, *torch.autograd.grad(out.square().sum(), learning)]


def test_every_module_that_can_be_is_replaced_and_the_others_are_named_with_the_reason(ours):
    model = Model()
    done = seqkit.speed_up(model)
    assert [place.name for place in done.replaced] == ["encoder", "cell", "drawn", "normed"]
    assert {place.name: place.reason for place in done.left} == {
        "projected": "its memory has more than 8 times as many units as its projection",
        "doubled": "Doubled has a forward() of its own, which ours would pass over",
        "double": "its weights are float64 on cpu; ours run float32 on a CPU",
    }
    model(X)
    assert [type(module).__name__ for module in ours.of] == ["LSTM", "Drawn", "ParametrizedGRU"]


def test_results_stay_and_undoing_gives_every_class_back(ours):
    model = Model()
    before, expected = classes_of(model), outcome(model)
    with seqkit.speed_up(model) as done:
        torch.testing.assert_close(outcome(model), expected, rtol=1e-5, atol=1e-6)
        assert len(ours) == 3
    assert classes_of(model) == before
    assert not any("_kept_weights" in vars(module) for module in model.modules())
    done.undo()
    assert classes_of(model) == before


def test_parameters_hooks_modes_and_places_stay():
    model = Model().eval()
    called, parameters = [], dict(model.named_parameters())
    model.encoder.register_forward_hook(lambda *_: called.append("after"))
    model.encoder.register_forward_pre_hook(lambda *_: called.append("before"))
    seqkit.speed_up(model)
    model(X)
    assert called == ["before", "after"]
    assert model.again is model.encoder and not model.encoder.training
    now = dict(model.named_parameters())
    assert list(now) == list(parameters) and all(now[name] is parameters[name] for name in now)


def test_an_optimizer_made_before_trains_the_same_weights(ours):
    losses = []
    for fast in (False, True):
        model = Model()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        if fast:
            seqkit.speed_up(model)
        for _ in range(5):
            optimizer.zero_grad()
            loss = (model(X) - 1).square().mean()
            loss.backward()
            optimizer.step()
        losses.append(loss.detach())
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-6)
    assert len(ours) == 15


def test_parametrizations_may_come_and_go_in_between(ours):
    model = Model()
    done = seqkit.speed_up(model)
    parametrize.remove_parametrizations(model.normed, "weight_hh_l0")
    assert type(model.normed) is nn.GRU
    parametrizations.spectral_norm(model.encoder, "weight_hh_l1")
    expected = model.encoder.eval()(X)[0]
    assert ours.of == [model.encoder]
    done.undo()
    assert type(model.normed) is torch.nn.GRU
    assert isinstance(model.encoder, torch.nn.LSTM) and not isinstance(model.encoder, nn.LSTM)
    torch.testing.assert_close(model.encoder(X)[0], expected, rtol=1e-5, atol=1e-6)
    parametrize.remove_parametrizations(model.encoder, "weight_hh_l1")
    assert type(model.encoder) is torch.nn.LSTM


def test_copies_and_pickles_are_as_fast_and_as_correct(ours):
    model = Model()
    seqkit.speed_up(model)
    expected = copy.deepcopy(model)(X)  # weight_norm can only be copied before a call
    del model.normed
    for other in (pickle.loads(pickle.dumps(model.drawn)), pickle.loads(pickle.dumps(model.encoder))):
        other(X)
    assert [type(module).__name__ for module in ours.of[3:]] == ["Drawn", "LSTM"]
    assert expected.shape == (6, 2, 2)


def test_a_second_time_changes_nothing_and_the_first_still_undoes():
    model = torch.nn.Sequential(torch.nn.GRU(4, 8))
    first, second = seqkit.speed_up(model), seqkit.speed_up(model)
    assert [place.reason for place in second.left] == ["it runs on our kernels already"] and not second.replaced
    second.undo()
    assert type(model[0]) is nn.GRU
    first.undo()
    assert type(model[0]) is torch.nn.GRU


def test_a_call_that_was_patched_is_left_alone():
    model = torch.nn.GRU(4, 8)
    model.forward = lambda x: x
    done = seqkit.speed_up(model)
    assert "forward() of its own" in done.left[0].reason
    assert model(X) is X


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_scripted_modules_are_named():
    model = torch.nn.Sequential(torch.jit.script(torch.nn.GRU(4, 8)))
    (left,) = seqkit.speed_up(model).left
    assert left.name == "0" and "TorchScript" in left.reason


def test_compiled_models_compute_the_same_by_torchs_own_code(ours):
    model = torch.nn.GRU(4, 8)
    expected = model(X)[0]
    compiled = torch.compile(model, backend="eager")
    seqkit.speed_up(compiled)
    torch.testing.assert_close(compiled(X)[0], expected, rtol=1e-5, atol=1e-6)
    assert not ours


def test_the_environment_decides(monkeypatch):
    monkeypatch.setenv("SEQKIT_KERNELS", "torch")
    (left,) = seqkit.speed_up(torch.nn.GRU(4, 8)).left
    assert left.reason == "SEQKIT_KERNELS=torch asks for no kernels of ours"


def test_what_is_not_a_module_is_refused():
    with pytest.raises(UsageError, match="takes a torch module, not list"):
        seqkit.speed_up([torch.nn.GRU(4, 8)])


def test_the_account_fits_a_terminal():
    model = Model()
    long = "a_name_that_is_as_long_as_names_of_modules_become"
    model.add_module(long, torch.nn.LSTM(400, 800, 2, bidirectional=True))
    done = seqkit.speed_up(model)
    assert repr(done).splitlines()[:2] == [
        "seqkit's kernels run 5 of 8 recurrent modules",
        "  encoder (and elsewhere): LSTM(4, 8, num_layers=2)",
    ]
    assert max(map(len, repr(done).splitlines())) <= 80
    assert repr(seqkit.speed_up(torch.nn.Linear(2, 2))) == "seqkit's kernels run 0 of 0 recurrent modules"
