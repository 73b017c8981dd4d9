"""Recording: gates and states against a hand loop over the cells' equations, and nothing changed, nothing left."""

import gc

import pytest
import torch
from torch import sigmoid, tanh

import seqkit
from seqkit import Recurrent, UsageError
from seqkit.cells import Cell, make_cell

H, SIZES = 4, [5, 2, 3]
CELLS = {
    "rnn": {}, "lstm": {}, "gru": {}, "gru-before": {"reset": "before"},
    "lstm-peephole": {}, "lstm-coupled": {}, "lstm-layer-norm": {},
}  # fmt: skip


def layer_of(name, **options):
    torch.manual_seed(3)
    layer = Recurrent(name.removesuffix("-before"), 3, H, **options, **CELLS.get(name, {})).eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return layer


def norm(v):
    return (v - v.mean()) / (v.var(correction=0) + 1e-5).sqrt()


def by_hand(name, d, x, state):
    """One step of one row, written out from the papers: gates by name, then the new state."""
    a, u = (m.chunk(len(d.cell.gate_names)) for m in (d.weight_x @ x + d.bias, d.weight_h @ state[0]))
    own = dict(d.own.items())
    if name == "rnn":
        h = tanh(a[0] + u[0])
        return {"h": h}, (h,)
    if name.startswith("gru"):
        z, r = sigmoid(a[0] + u[0]), sigmoid(a[1] + u[1])
        inner = r * (u[2] + d.bias_h) if name == "gru" else d.weight_h[2 * H :] @ (r * state[0])
        n = tanh(a[2] + inner)
        return {"z": z, "r": r, "n": n}, ((1 - z) * state[0] + z * n,)
    c = state[1]
    if name == "lstm-coupled":
        i, g, o = sigmoid(a[0] + u[0]), tanh(a[1] + u[1]), sigmoid(a[2] + u[2])
        new = (1 - i) * c + i * g
        return {"i": i, "g": g, "o": o}, (o * tanh(new), new)
    if name == "lstm-layer-norm":
        whole = own["gain_x"] * norm(torch.cat(a)) + own["gain_r"] * norm(torch.cat(u)) + own["shift"]
        a, u = whole.chunk(4), torch.zeros(4, H)
    p = own if name == "lstm-peephole" else dict.fromkeys(("p_i", "p_f", "p_o"), 0.0)
    i, f, g = sigmoid(a[0] + u[0] + p["p_i"] * c), sigmoid(a[1] + u[1] + p["p_f"] * c), tanh(a[2] + u[2])
    new = f * c + i * g
    o = sigmoid(a[3] + u[3] + p["p_o"] * new)
    seen = own["gain_c"] * norm(new) + own["shift_c"] if name == "lstm-layer-norm" else new
    return {"i": i, "f": f, "g": g, "o": o}, (o * tanh(seen), new)


@pytest.mark.parametrize("name", CELLS)
def test_gates_and_states_are_those_of_the_equations_in_both_directions_of_ragged_sequences(name):
    layer, x = layer_of(name, bidirectional=True), torch.randn(3, 5, 3)
    with seqkit.record(layer) as trace, torch.no_grad():
        outputs, _ = layer(x, SIZES)
    assert [(r.layer, r.backward) for r in trace.layers] == [(0, False), (0, True)]
    for recorded, direction, part in zip(trace.layers, layer.layers[0], outputs.chunk(2, 2), strict=True):
        assert recorded.lengths.tolist() == SIZES
        assert tuple(recorded.gates) == layer.cell.gate_names
        torch.testing.assert_close(recorded.states["h"], part)
        for row, size in enumerate(SIZES):
            state = tuple(torch.zeros(H) for _ in layer.cell.state_names)
            for t in reversed(range(size)) if recorded.backward else range(size):
                with torch.no_grad():
                    gates, state = by_hand(name, direction, x[row, t], state)
                for key, value in {**gates, **dict(zip(layer.cell.state_names, state, strict=True))}.items():
                    found = recorded.states if key in recorded.states else recorded.gates
                    torch.testing.assert_close(found[key][row, t], value, msg=lambda m, key=key: f"{key}: {m}")
            assert all((v[row, size:] == 0).all() for v in (*recorded.gates.values(), *recorded.states.values()))


def test_what_a_unit_keeps_is_what_the_cell_says():
    for name, kept in {"lstm": "f", "lstm-peephole": "f", "lstm-layer-norm": "f"}.items():
        (recorded,) = _recorded(layer_of(name))
        assert torch.equal(recorded.kept, recorded.gates[kept])
    for name, taken in {"gru": "z", "lstm-coupled": "i"}.items():
        (recorded,) = _recorded(layer_of(name))
        assert torch.equal(recorded.kept, 1 - recorded.gates[taken])
    assert _recorded(layer_of("rnn"))[0].kept is None


def _recorded(layer):
    with seqkit.record(layer) as trace:
        layer(torch.randn(1, 4, 3))
    return trace.layers


def test_layers_above_and_a_given_state_are_recorded_too():
    layer, x = layer_of("lstm", num_layers=2), torch.randn(2, 5, 3)
    _, state = layer(torch.randn(2, 3, 3))
    with seqkit.record(layer) as trace, torch.no_grad():
        outputs, final = layer(x, [5, 3], state)
    assert [r.layer for r in trace.layers] == [0, 1]
    torch.testing.assert_close(trace.layers[1].states["h"], outputs)
    torch.testing.assert_close(trace.layers[0].states["c"][1, 2], final.c[1, 0])


def test_single_steps_are_recorded_one_after_the_other():
    layer, x = layer_of("gru"), torch.randn(2, 4, 3)
    (whole,) = _trace(layer, x).layers
    with seqkit.record(layer) as trace:
        state = None
        for step in x.unbind(1):
            _, state = layer.step(step, state)
    joined = torch.cat([r.gates["z"] for r in trace.layers], 1)
    torch.testing.assert_close(joined, whole.gates["z"])


def _trace(layer, x):
    with seqkit.record(layer) as trace:
        layer(x)
    return trace


@pytest.mark.parametrize("kernel", ["auto", "aten", "reference"])
def test_recording_changes_no_bit_of_outputs_and_gradients(kernel):
    layer, x = layer_of("lstm", kernel=kernel, bidirectional=True), torch.randn(3, 5, 3)

    def run():
        layer.zero_grad()
        outputs, _ = layer(x, SIZES)
        outputs.square().sum().backward()
        return [outputs, *(p.grad.clone() for p in layer.parameters())]

    before = run()
    with seqkit.record(layer):
        during = run()
    assert all(torch.equal(a, b) for a, b in zip(before, during, strict=True))


def _plain(layer):
    return not {"forward", "step", "all_steps"} & vars(layer).keys()


def test_nothing_remains_after_the_context_nor_after_an_error():
    layer = layer_of("lstm")
    with seqkit.record(layer):
        assert not _plain(layer)
    assert _plain(layer)
    with pytest.raises(UsageError, match="input must be"), seqkit.record(layer):
        layer(torch.zeros(1, 2, 9))
    assert _plain(layer)


def test_a_second_recording_is_refused_and_leaves_the_first_one_as_it_is():
    layer = layer_of("lstm")
    with seqkit.record(layer) as trace:
        with pytest.raises(UsageError, match="recorded already"), seqkit.record(layer):
            pass
        layer(torch.randn(1, 4, 3))
    assert len(trace.layers) == 1 and _plain(layer)


def test_a_recording_left_open_ends_when_nobody_holds_it():
    layer = layer_of("lstm")
    left = seqkit.record(layer)
    left.__enter__()
    assert not _plain(layer)
    del left
    gc.collect()
    assert _plain(layer)


def test_a_layer_that_drops_values_at_random_is_not_recorded_in_training():
    layer = layer_of("lstm", weight_dropout=0.5).train()
    with seqkit.record(layer), pytest.raises(UsageError, match=r"call model\.eval\(\) first"):
        layer(torch.randn(1, 4, 3))
    assert _plain(layer)


def test_what_has_no_time_is_refused():
    with pytest.raises(UsageError, match="nothing over time"), seqkit.record(torch.nn.Linear(2, 2)):
        pass
    with pytest.raises(UsageError, match="not str"), seqkit.record("a run"):
        pass


def test_attention_is_recorded():
    attention, layer = seqkit.Attention("dot", H, H), layer_of("lstm")
    model = torch.nn.ModuleDict({"attention": attention, "layer": layer})
    memory = attention.memory(torch.randn(2, 3, H), torch.tensor([3, 2]))
    with seqkit.record(model) as trace:
        one = attention(torch.randn(2, H), memory)
        several = attention.all_steps(torch.randn(2, 5, H), memory)
    assert [name for name, _ in trace.attention] == ["attention", "attention"]
    assert torch.equal(trace.attention[0][1][:, 0], one.weights)
    assert torch.equal(trace.attention[1][1], several.weights)


def test_what_a_pooling_takes_of_each_step_is_recorded():
    torch.manual_seed(0)
    encoder = seqkit.Encoder(9, 3, cell="gru", hidden_size=H, pooling="mean+attention").eval()
    tokens, lengths = torch.tensor([[3, 5, 7], [4, 2, 0]]), torch.tensor([3, 2])
    before = encoder(tokens, lengths)
    with seqkit.record(encoder) as trace:
        during = encoder(tokens, lengths)
    assert torch.equal(before.pooled, during.pooled)
    ((name, weights),) = trace.attention
    assert name == "pooling" and weights.shape == (2, 1, 3) and weights[1, 0, 2] == 0
    torch.testing.assert_close((weights @ during.outputs).squeeze(1), during.pooled[:, 2 * H :])
    for row, size in enumerate(lengths.tolist()):
        scores = [encoder.pooling.score(h).item() for h in during.outputs[row, :size]]
        expected = torch.softmax(torch.tensor(scores), 0)
        torch.testing.assert_close(weights[row, 0, :size], expected)
    assert _plain(encoder.pooling)


@pytest.mark.parametrize("cut", [1, 4, 7])
def test_what_a_recall_looks_back_on_is_recorded(cut):
    torch.manual_seed(0)
    decoder = seqkit.Decoder(9, 3, hidden_size=H, recall=3).eval()
    tokens = torch.randint(1, 9, (2, 7))
    state = decoder.start(batch_size=2)
    before = decoder(tokens[:, :cut], state).features
    with seqkit.record(decoder) as trace:
        made = decoder(tokens[:, :cut], state)
        assert torch.equal(made.features, before)
        if cut < 7:
            decoder(tokens[:, cut:], made.state)
    recall, read = decoder.recall, torch.cat([call.states["h"] for call in trace.layers], 1)
    asked = recall.query(read) / recall.size**0.5
    came = torch.cat([torch.zeros(2, 1, H), read[:, :-1]], 1)
    scores = asked @ recall.make(came)[..., : recall.size].transpose(1, 2)
    near = torch.ones(7, 7).tril().triu(-2).bool()
    expected = torch.softmax(scores.masked_fill(~near, -torch.inf), 2)
    assert {name for name, _ in trace.attention} == {"recall"}
    assert trace.attention[0][1].shape == (2, cut, cut)
    torch.testing.assert_close(trace.attention[0][1], expected[:, :cut, :cut])
    if cut < 7:
        # The past that is handed on holds no more than the window.
        held = min(cut, 3)
        torch.testing.assert_close(trace.attention[1][1], expected[:, cut:, cut - held :])
    assert _plain(recall)


class Leaky(Cell):
    """``h' = k h + (1 - k) tanh(a)``, ``k = σ(b)``."""

    gate_names = ("k", "new")

    def step(self, x, r, state):
        k, new = self.gates(x, r, state).values()
        return (k * state[0] + (1 - k) * new,)

    def gates(self, x, r, state):
        k, new = (x + r).chunk(2, -1)
        return {"k": sigmoid(k), "new": tanh(new)}

    def kept(self, gates):
        return gates["k"]


class Plain(Cell):
    """A cell that says nothing about its gates."""

    gate_names = ("a", "b")

    def step(self, x, r, state):
        a, b = (x + r).chunk(2, -1)
        return (tanh(a) * sigmoid(b),)


def test_a_new_cell_names_its_own_gates():
    layer, x = Recurrent(Leaky, 3, H).eval(), torch.randn(2, 5, 3)
    (recorded,) = _trace(layer, x).layers
    assert tuple(recorded.gates) == ("k", "new")
    h, k, new = recorded.states["h"], recorded.gates["k"], recorded.gates["new"]
    torch.testing.assert_close(h[:, 1:], k[:, 1:] * h[:, :-1] + (1 - k[:, 1:]) * new[:, 1:])
    assert torch.equal(recorded.kept, k)


def test_of_a_cell_that_tells_no_gates_the_sums_that_go_into_them_are_recorded():
    layer = Recurrent(Plain, 3, H).eval()
    (recorded,) = _trace(layer, torch.randn(2, 5, 3)).layers
    assert recorded.kept is None and not make_cell(Plain).has_gates
    expected = tanh(recorded.gates["a"]) * sigmoid(recorded.gates["b"])
    torch.testing.assert_close(recorded.states["h"], expected)
