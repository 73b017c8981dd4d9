"""The three ways to read a picture."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from seqkit import SeqkitError, UsageError
from seqkit.layers.pictures import ConvolutionalEncoder, TorchvisionEncoder, VectorEncoder, jitter


class Small(nn.Module):
    """Laid out like a resnet: convolutions, then pooling and a classifier."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, stride=8)
        self.norm = nn.BatchNorm2d(5)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(5, 7)


def get_model(name, weights):
    if name != "small":
        raise ValueError("Unknown model " + name)
    return Small()


@pytest.fixture
def torchvision(monkeypatch):
    """Stands for the package, of which nothing else is used."""
    module = ModuleType("torchvision")
    module.models = SimpleNamespace(get_model=get_model)
    monkeypatch.setitem(sys.modules, "torchvision", module)


def test_shapes_are_those_the_decoder_is_told(torchvision):
    pictures = torch.randint(0, 256, (3, 1, 24, 24), dtype=torch.uint8)
    cases = [
        (ConvolutionalEncoder(1, 4, 10), pictures),
        (VectorEncoder(6, 8, 10), torch.randn(3, 6, 8)),
        (TorchvisionEncoder("small", 24, 10), pictures),
    ]
    for encoder, given in cases:
        encoded = encoder.eval()(given)
        assert encoded.outputs.shape == (3, encoder.places, encoder.source.output_size)
        assert encoded.state.h.shape == (3, 1, *encoder.source.state_sizes)
        assert torch.equal(encoded.pooled, encoded.state.h[:, 0])
        assert encoded.lengths.tolist() == [encoder.places] * 3


def test_pictures_do_not_see_each_other_when_predicting():
    torch.manual_seed(0)
    encoder = ConvolutionalEncoder(1, 4, 10, 0.5, 1.0).eval()
    pictures = torch.randint(0, 256, (4, 1, 32, 32), dtype=torch.uint8)
    whole = encoder(pictures)
    for n in range(4):
        torch.testing.assert_close(encoder(pictures[n : n + 1]).outputs[0], whole.outputs[n])


@pytest.mark.parametrize("size", [8, 32, 50])
def test_any_size_of_picture_makes_a_grid_of_four_by_four(size):
    assert ConvolutionalEncoder(3, 2).eval()(torch.zeros(2, 3, size, size, dtype=torch.uint8)).outputs.shape[1] == 16


def test_jitter_moves_pictures_each_in_its_way_and_follows_the_seed():
    pictures = torch.zeros(4, 1, 32, 32)
    pictures[:, :, 12:20, 12:20] = 1
    torch.manual_seed(3)
    moved = jitter(pictures, 1.0)
    torch.manual_seed(3)
    assert torch.equal(moved, jitter(pictures, 1.0))
    assert len({tuple(row.flatten().tolist()) for row in moved}) == 4
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    for picture in moved[:, 0]:
        middle = [float((picture * at).sum() / picture.sum()) for at in (rows, columns)]
        # 6 % of 32 pixels, and a slant that moves what is off the centre.
        assert all(abs(at - 15.5) < 2.5 for at in middle)
    torch.testing.assert_close(jitter(pictures, 0.0), pictures)


def test_a_backbone_takes_its_weights_from_a_file_and_does_not_learn(torchvision, tmp_path):
    torch.manual_seed(0)
    whole = Small().eval()
    whole.norm.running_mean.fill_(0.5)
    save_file(whole.state_dict(), tmp_path / "small.safetensors")
    pictures = torch.randint(0, 256, (2, 1, 24, 24), dtype=torch.uint8)
    scaled = (pictures.expand(-1, 3, -1, -1) / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    expected = whole.norm(whole.conv(scaled)).flatten(2).transpose(1, 2)
    encoder = TorchvisionEncoder("small", 24, 10)
    encoder.load(tmp_path / "small.safetensors")
    encoder.train()
    torch.testing.assert_close(encoder.grid(pictures), expected)
    encoder(pictures).pooled.sum().backward()
    assert all(p.grad is None for p in encoder.backbone.parameters())
    assert encoder.summary.weight.grad.abs().sum() > 0


def test_weights_that_do_not_fit_are_refused(torchvision, tmp_path):
    encoder = TorchvisionEncoder("small", 24, 10)
    save_file({"conv.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(SeqkitError, match="has no weights of small"):
        encoder.load(tmp_path / "other.safetensors")
    with pytest.raises(SeqkitError, match="is not a file of weights"):
        encoder.load(tmp_path / "broken.safetensors")
    with pytest.raises(UsageError, match=r"read from .safetensors, not from small.pth, which may run code; convert"):
        encoder.load(tmp_path / "small.pth")
    with pytest.raises(UsageError, match="cannot read"):
        encoder.load(tmp_path / "nowhere.safetensors")
    with pytest.raises(UsageError, match="torchvision has no network 'big'"):
        TorchvisionEncoder("big", 24)


def test_without_torchvision_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(UsageError, match="pip install torchvision"):
        TorchvisionEncoder("resnet18", 32)
