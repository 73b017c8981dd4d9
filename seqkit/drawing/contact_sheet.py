"""Many pictures on one sheet, each with the predicted caption below it, and the true one where that differs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqkit.data.pictures import pillow

_COLUMNS = 5
_SIDE = 112
_TILE = 216
_LINES = 3
_LINE = 16
_MARGIN, _GAP, _HEAD, _EDGE = 24, 12, 46, 10
_SCALE = 2
"""Drawn at twice the size, so that small letters stay sharp"""
_PAPER, _CARD, _INK, _PALE = "#f4f2ee", "#ffffff", "#22252b", "#777d88"
_CORRECT, _WRONG = "#1f7a4d", "#b4431f"


class Thumbnail(NamedTuple):
    """A picture (H, W, 1 or 3) of uint8, the caption that was predicted, and those that are correct."""

    picture: np.ndarray
    caption: str
    truth: Sequence[str]

    @property
    def correct(self) -> bool:
        """Whether the caption is one of them."""
        return self.caption in self.truth


def contact_sheet(thumbnails: Sequence[Thumbnail], columns: int = _COLUMNS, title: str | None = None) -> bytes:
    """A PNG: the pictures in rows; below each its caption, green if correct, else red with the truth in grey.

    Unless a title is given, it says how many captions are correct.
    """
    sheet = _Sheet()
    rows = [thumbnails[start : start + columns] for start in range(0, len(thumbnails), columns)]
    heights = [max(map(sheet.height, row)) for row in rows]
    width = 2 * _MARGIN + columns * (_TILE + _GAP) - _GAP
    sheet.open((width, 2 * _MARGIN + _HEAD + sum(heights) + _GAP * (len(rows) - 1)))
    if title is None:
        title = f"{sum(one.correct for one in thumbnails)} of {len(thumbnails)} captions are correct"
    sheet.text((_MARGIN, _MARGIN), title, _INK, 18)
    top = _MARGIN + _HEAD
    for row, height in zip(rows, heights, strict=True):
        for column, thumbnail in enumerate(row):
            sheet.card((_MARGIN + column * (_TILE + _GAP), top), (_TILE, height), thumbnail)
        top += height + _GAP
    return sheet.png()


class _Sheet:
    """A canvas measured in points, each two pixels wide."""

    def __init__(self) -> None:
        self.image_module, self.draw_module = pillow("Image"), pillow("ImageDraw")
        self.fonts: dict[int, Any] = {}

    def open(self, size: tuple[int, int]) -> None:
        self.image = self.image_module.new("RGB", (size[0] * _SCALE, size[1] * _SCALE), _PAPER)
        self.draw = self.draw_module.Draw(self.image)

    def height(self, thumbnail: Thumbnail) -> int:
        """How high the card of a picture must be."""
        texts = [_caption_of(thumbnail)]
        if not thumbnail.correct:
            texts.append(thumbnail.truth[0])
        lines = sum(len(self._wrapped(text, _TILE - 2 * _EDGE)) for text in texts)
        return 14 + _SIDE + 10 + lines * _LINE + 2 * (len(texts) - 1) + _EDGE

    def card(self, corner: tuple[int, int], size: tuple[int, int], thumbnail: Thumbnail) -> None:
        x, y = corner
        box = [x * _SCALE, y * _SCALE, (x + size[0]) * _SCALE, (y + size[1]) * _SCALE]
        self.draw.rounded_rectangle(box, 10 * _SCALE, fill=_CARD)
        color = _CORRECT if thumbnail.correct else _WRONG
        self.draw.rounded_rectangle([box[0], box[1], box[2], box[1] + 4 * _SCALE], 2 * _SCALE, fill=color)
        left = (x + (size[0] - _SIDE) // 2) * _SCALE
        self.image.paste(self._picture(thumbnail.picture), (left, (y + 14) * _SCALE))
        y += 14 + _SIDE + 10
        y = self.lines((x + _EDGE, y), _caption_of(thumbnail), color, size[0] - 2 * _EDGE)
        if not thumbnail.correct:
            self.lines((x + _EDGE, y + 2), thumbnail.truth[0], _PALE, size[0] - 2 * _EDGE)

    def lines(self, corner: tuple[int, int], text: str, color: str, width: int) -> int:
        """A text in a few lines, the last cut short; returns where it ends."""
        x, y = corner
        for line in self._wrapped(text, width):
            self.text((x, y), line, color, 12)
            y += _LINE
        return y

    def text(self, corner: tuple[int, int], text: str, color: str, size: int) -> None:
        self.draw.text((corner[0] * _SCALE, corner[1] * _SCALE), text, fill=color, font=self._font(size))

    def png(self) -> bytes:
        stream = BytesIO()
        self.image.save(stream, "PNG", optimize=True)
        return stream.getvalue()

    def _picture(self, values: np.ndarray) -> Any:
        squeezed = values[:, :, 0] if values.shape[2] == 1 else values
        side = _SIDE * _SCALE
        # A small picture keeps its square pixels, as the model reads them; a photograph is smoothed.
        filters = self.image_module.Resampling
        chosen = filters.NEAREST if len(values) <= 64 else filters.LANCZOS
        return self.image_module.fromarray(squeezed).convert("RGB").resize((side, side), chosen)

    def _wrapped(self, text: str, width: int) -> list[str]:
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if self._width(longer) <= width or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        shown = [self._cut(line, width) for line in lines[:_LINES]]
        return [*shown[:-1], self._cut(shown[-1] + " …", width)] if len(lines) > _LINES else shown

    def _cut(self, line: str, width: int) -> str:
        while self._width(line) > width:
            line = line[:-2].rstrip() + "…"
        return line

    def _width(self, text: str) -> float:
        return float(self._font(12).getlength(text)) / _SCALE

    def _font(self, size: int) -> Any:
        if size not in self.fonts:
            module = pillow("ImageFont")
            path = _font_path()
            pixels = size * _SCALE
            self.fonts[size] = module.truetype(str(path), pixels) if path else module.load_default(pixels)
        return self.fonts[size]


def _caption_of(thumbnail: Thumbnail) -> str:
    return thumbnail.caption or "(nothing)"


def _font_path() -> Path | None:
    """A font of matplotlib's, which has many scripts; None where matplotlib is missing: pillow then uses its own."""
    try:
        path = Path(str(distribution("matplotlib").locate_file("matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf")))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None
