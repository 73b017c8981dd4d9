"""Each dropout by its statistics: so many values are 0 in training, the rest are scaled, and none is in evaluation."""

import pytest
import torch

from seqkit import Decoder, Encoder

P = 0.25
ROWS, STEPS, UNITS = 40, 5, 50
TOKENS = torch.randint(1, 9, (ROWS, STEPS), generator=torch.Generator().manual_seed(0))
LENGTHS = torch.full((ROWS,), STEPS)


@pytest.fixture(autouse=True)
def drawn_alike():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def assert_dropped(trained, evaluated, locked):
    """A quarter of the values is 0, the others are 4/3 of what they are in evaluation."""
    kept = trained != 0
    # 2,000 locked values or more: the share is within 0.04 of P but for one draw in ten thousand (4 deviations).
    assert abs(float((~kept).float().mean()) - P) < 0.04
    torch.testing.assert_close(trained[kept], evaluated[kept] / (1 - P))
    alike_at_every_step = bool((kept == kept[:, :1]).all())
    assert alike_at_every_step == locked


def seen_by(layer, method, call):
    """What a recurrent layer is given while something is called, as (B, T, E)."""
    seen, original = [], getattr(layer, method)

    def record(x, *rest):
        seen.append(x.detach())
        return original(x, *rest)

    # Not a hook: `step` has none.
    object.__setattr__(layer, method, record)
    call()
    object.__delattr__(layer, method)
    return torch.stack(seen, 1) if seen[0].dim() == 2 else seen[0]


def with_ones(module):
    """Every token has the same vector, so that draws of tokens change nothing."""
    torch.nn.init.ones_(module.embedding.weight)
    return module


def test_encoder_outputs_are_dropped_locked():
    encoder = Encoder(9, 3, hidden_size=UNITS, bidirectional=False, pooling=None, dropout=P)
    trained = encoder(TOKENS, LENGTHS).outputs
    assert_dropped(trained, encoder.eval()(TOKENS, LENGTHS).outputs, locked=True)


def test_encoder_embeddings_are_dropped_locked():
    encoder = with_ones(Encoder(9, UNITS, hidden_size=2, embedding_dropout=P))
    read = seen_by(encoder.recurrent, "forward", lambda: encoder(TOKENS, LENGTHS))
    assert_dropped(read, torch.ones_like(read), locked=True)
    encoder.eval()
    assert (seen_by(encoder.recurrent, "forward", lambda: encoder(TOKENS, LENGTHS)) == 1).all()


@pytest.mark.parametrize("forcing", [1.0, 0.5])
def test_decoder_embeddings_are_dropped_locked_where_tokens_are_drawn_too(forcing):
    decoder = with_ones(Decoder(9, UNITS, hidden_size=2, embedding_dropout=P))
    method = "forward" if forcing == 1 else "step"

    def call():
        decoder(TOKENS, decoder.start(batch_size=ROWS), forcing=forcing)

    read = seen_by(decoder.recurrent, method, call)
    assert_dropped(read, torch.ones_like(read), locked=True)
    decoder.eval()
    assert (seen_by(decoder.recurrent, method, call) == 1).all()


@pytest.mark.parametrize("options", [{}, {"recall": 3}], ids=["plain", "recall"])
@pytest.mark.parametrize("forcing", [1.0, 0.5])
def test_decoder_features_are_dropped(forcing, options):
    decoder = with_ones(Decoder(9, 3, hidden_size=UNITS, dropout=P, **options))
    trained, evaluated = (
        mode(decoder)(TOKENS, decoder.start(batch_size=ROWS), forcing=forcing).features
        for mode in (torch.nn.Module.train, torch.nn.Module.eval)
    )
    assert_dropped(trained, evaluated, locked=False)
