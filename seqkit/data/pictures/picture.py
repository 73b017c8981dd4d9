"""A picture as numbers, and how files of pictures are read."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from seqkit.data.readers import DataError
from seqkit.errors import UsageError, missing

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
"""What pillow may open: for PostScript, whatever its file is called, it would run another program."""
_MOST_PIXELS = 50_000_000
"""Of a picture; a few kilobytes can unfold to gigabytes."""

_COLORFUL = 24
"""Of 255: channels that differ by more are a color; by less they do in grey pictures, too, that were saved as JPEG."""


@dataclass(frozen=True)
class Picture:
    """A picture as numbers, known by its name and its content."""

    name: str
    digest: str
    values: np.ndarray = field(repr=False, compare=False)
    """(H, W, 1 or 3) of uint8; or features made beforehand, (locations, F) of float32"""

    def __str__(self) -> str:
        return self.name


def pillow(module: str) -> Any:
    """A module of pillow, such as Image; raises :class:`UsageError` that says how to install it."""
    try:
        return import_module(f"PIL.{module}")
    except ImportError:
        raise missing("reading and drawing pictures", "pillow", "data") from None


def digest(values: np.ndarray) -> str:
    """A digest of numbers and of their shape."""
    return hashlib.blake2b(repr(values.shape).encode() + values.tobytes(), digest_size=16).hexdigest()


def read_picture(path: Path, size: int, color: bool, name: str | None = None) -> Picture:
    """A PNG, JPEG, GIF (its first frame), BMP or WebP file as (size, size, 1 or 3): scaled to fit, black around it.

    Raises :class:`UsageError` for a file that does not exist and :class:`DataError` for one that is not a picture.
    """
    if not path.is_file():
        raise UsageError(f"no picture {path}; check the path")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty (0 bytes); restore the picture, or remove its caption")
    return _opened(path, str(path), size, color, name or str(path))


def picture_of(content: bytes, size: int, color: bool, name: str = "the picture") -> Picture:
    """What :func:`read_picture` makes of a file with this content; raises :class:`DataError` as it does."""
    return _opened(BytesIO(content), name, size, color, name)


def has_color(picture: Picture) -> bool:
    """Whether any pixel of a picture (H, W, 3) is clearly no shade of grey."""
    values = picture.values.astype(np.int16)
    return bool((values.max(2) - values.min(2) > _COLORFUL).any())


def _opened(source: Path | BytesIO, what: str, size: int, color: bool, name: str) -> Picture:
    image_module = pillow("Image")
    try:
        with warnings.catch_warnings():
            # pillow warns of pictures with this many pixels that they may be an attack; such a file is refused.
            warnings.simplefilter("error", image_module.DecompressionBombWarning)
            with image_module.open(source, formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise ValueError(f"{image.width} x {image.height} pixels, more than {_MOST_PIXELS:,}")
                return _fitted(image, size, color, name)
    except (OSError, ValueError, SyntaxError, Warning, image_module.DecompressionBombError) as error:
        reason = "it is not whole, or of no known kind"
        if isinstance(source, Path):
            reason = (str(error).splitlines() or [type(error).__name__])[0].replace(what, "the file")
        raise DataError(f"{what} cannot be read as a picture ({reason}); repair or replace it") from None


def _fitted(image: Any, size: int, color: bool, name: str) -> Picture:
    mode = "RGB" if color else "L"
    # Telephones save a picture as the sensor lies, and beside it which way is up.
    image = pillow("ImageOps").exif_transpose(image)
    if image.mode in ("RGBA", "LA", "P", "PA"):
        image = image.convert("RGBA")
        # Transparent pixels have any color, usually black: on white they are what people saw.
        white = pillow("Image").new("RGBA", image.size, "white")
        image = pillow("Image").alpha_composite(white, image)
    image = image.convert(mode)
    if image.size != (size, size):
        image = pillow("ImageOps").pad(image, (size, size))
    values = np.asarray(image).reshape(size, size, -1).copy()
    return Picture(name, digest(values), values)
