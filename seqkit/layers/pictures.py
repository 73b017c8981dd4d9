"""Encoders of pictures, from which a decoder starts: a grid of feature vectors, and one vector of the whole picture.

B batch, C channels, S places of the grid, F features of each, P size of the picture's vector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, dropout, grid_sample

from seqkit.errors import SeqkitError, UsageError
from seqkit.files import check_ordinary
from seqkit.layers.bridge import Source
from seqkit.layers.encoder import Encoded
from seqkit.layers.state import State


class PictureEncoder(nn.Module, ABC):
    """Any network from pictures to a grid; the vector of a picture is ``relu(W grid + b)`` over the whole grid.

    A subclass gives ``places`` and ``features`` to the constructor, and implements :meth:`grid`.

    Args:
        places, features: S and F.
        vector_size: P.
        dropout: on the vector and on the grid, in training.
    """

    def __init__(self, places: int, features: int, vector_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.places, self.features, self.vector_size, self.dropout = places, features, vector_size, dropout
        self.summary = nn.Linear(places * features, vector_size)

    @abstractmethod
    def grid(self, pictures: Tensor) -> Tensor:
        """Pictures, in the form that the subclass takes, to (B, S, F)."""

    @property
    def source(self) -> Source:
        """The sizes that a decoder which starts from this encoder needs."""
        return Source(self.features, (self.vector_size,))

    def forward(self, pictures: Tensor) -> Encoded:
        """The grid as outputs (B, S, F); the picture's vector (B, P), pooled and as the state ``h`` (B, 1, P)."""
        grid = self.grid(pictures)
        vector = dropout(torch.relu(self.summary(grid.flatten(1))), self.dropout, self.training)
        lengths = torch.full((len(grid),), grid.shape[1], dtype=torch.int64, device=grid.device)
        grid = dropout(grid, self.dropout, self.training)
        return Encoded(grid, vector, State({"h": vector.unsqueeze(1)}), lengths)


class VectorEncoder(PictureEncoder):
    """Features that were computed beforehand, (B, S, F) of float32, unchanged."""

    def grid(self, pictures: Tensor) -> Tensor:
        """See :class:`PictureEncoder`."""
        return pictures


class ConvolutionalEncoder(PictureEncoder):
    """Four convolutions with batch normalisation: a grid of 4 x 4, whatever the size of the pictures.

    The first has a kernel of 5 x 5 and stride 2, the others 3 x 3 and stride 1; the second and third are followed by
    max pooling over 2 x 2. In training, each picture is moved and bent a little (see :func:`jitter`).

    Args:
        channels: C.
        width: features after the first convolution; doubled twice.
        vector_size, dropout: as in :class:`PictureEncoder`.
        jitter: how much pictures are moved; 0: not at all.
    """

    def __init__(
        self, channels: int, width: int = 24, vector_size: int = 256, dropout: float = 0.0, jitter: float = 0.0
    ) -> None:
        super().__init__(16, 4 * width, vector_size, dropout)
        self.channels, self.jitter = channels, jitter
        self.layers = nn.Sequential(
            *_convolution(channels, width, 5, 2),
            *_convolution(width, 2 * width),
            nn.MaxPool2d(2),
            *_convolution(2 * width, 4 * width),
            nn.MaxPool2d(2),
            *_convolution(4 * width, 4 * width),
            nn.AdaptiveAvgPool2d(4),
        )

    def grid(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W) of uint8 to (B, 16, 4·width); H and W at least 8."""
        scaled = pictures.float() / 255
        if self.training and self.jitter:
            scaled = jitter(scaled, self.jitter)
        # On a CPU convolutions are nearly twice as fast with the channels last.
        maps: Tensor = self.layers(scaled.contiguous(memory_format=torch.channels_last))
        return maps.flatten(2).transpose(1, 2)


class TorchvisionEncoder(PictureEncoder):
    """The frozen convolutions of a torchvision network; only the layer that makes the picture's vector is trained.

    Args:
        name: of the network, such as resnet18.
        size: side of the pictures, in pixels.
        vector_size, dropout: as in :class:`PictureEncoder`.

    Raises:
        UsageError: where torchvision is not installed, and for a name it does not have.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: str, size: int, vector_size: int = 256, dropout: float = 0.0) -> None:
        backbone = _convolutions(_torchvision_model(name))
        with torch.no_grad():
            _, features, *sides = backbone.eval()(torch.zeros(1, 3, size, size)).shape
        super().__init__(sides[0] * sides[1], features, vector_size, dropout)
        self.name, self.backbone = name, backbone.requires_grad_(False)
        # The mean and standard deviation of ImageNet, by which torchvision's classifiers scaled their inputs.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> TorchvisionEncoder:
        """Sets the mode of everything but the backbone, whose batch normalisation must not follow our batches."""
        super().train(mode)
        self.backbone.eval()
        return self

    def load(self, path: Path) -> None:
        """Loads the weights of the whole network, classifier included, from a .safetensors file.

        Raises :class:`SeqkitError` for a file that cannot be read or that belongs to another network.
        """
        model = _torchvision_model(self.name)
        try:
            model.load_state_dict(_read_weights(path))
        except (RuntimeError, AttributeError, TypeError) as error:
            raise SeqkitError(f"{path} has no weights of {self.name} ({str(error).splitlines()[0]:.80})") from None
        self.backbone.load_state_dict(_convolutions(model).state_dict())

    def grid(self, pictures: Tensor) -> Tensor:
        """(B, 1 or 3, H, W) of uint8 to (B, S, F)."""
        scaled = (pictures.float() / 255).expand(-1, 3, -1, -1)
        with torch.no_grad():
            maps: Tensor = self.backbone((scaled - self.mean) / self.deviation)
        return maps.flatten(2).transpose(1, 2)


def jitter(pictures: Tensor, amount: float) -> Tensor:
    """Pictures (B, C, H, W), each under a random affine map of its own, drawn from torch's generator.

    Amount 1 moves a picture by up to 6 % of its side, stretches either side by up to 6 % and shears it by up to 0.06.
    """
    change = (torch.rand(len(pictures), 2, 3, device=pictures.device) * 2 - 1) * 0.06 * amount
    change[:, :, 2] *= 2  # coordinates run from -1 to 1, so that a side is 2 long
    maps = torch.eye(2, 3, device=pictures.device) + change
    return grid_sample(pictures, affine_grid(maps, list(pictures.shape), align_corners=False), align_corners=False)


def _convolution(before: int, after: int, side: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, side, stride, side // 2, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]


def _torchvision_model(name: str) -> nn.Module:
    try:
        from torchvision import models  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise UsageError(
            "a torchvision backbone needs torchvision; install the one that fits this torch: pip install torchvision"
        ) from None
    try:
        model: nn.Module = models.get_model(name, weights=None)
    except ValueError:
        raise UsageError(f"torchvision has no network {name!r:.80}; see torchvision.models.list_models()") from None
    return model


def _convolutions(model: nn.Module) -> nn.Module:
    """A classifier up to its pooling: the module ``features`` in most, all but the last two modules in a resnet."""
    features = getattr(model, "features", None)
    return features if isinstance(features, nn.Module) else nn.Sequential(*list(model.children())[:-2])


def _read_weights(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix != ".safetensors":
        raise UsageError(
            f"weights of a backbone are read from .safetensors, not from {path.name}, which may run code; convert a "
            "file of torch with torch.load (weights_only=True) and safetensors.torch.save_file"
        )
    try:
        check_ordinary(path)
        return load_file(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}; check the path") from None
    except SafetensorError as error:
        raise SeqkitError(f"{path} is not a file of weights ({str(error).splitlines()[0]:.80})") from None
