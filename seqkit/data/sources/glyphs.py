"""Generated pictures: letters of the DejaVu fonts that matplotlib ships, captioned with their Unicode names."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np

from seqkit.data.pictures import Captioned, Picture, digest, pillow
from seqkit.data.readers import SourceLocation
from seqkit.errors import UsageError, missing, unknown

SIDE = 32
_BASELINE = 25
"""The row of the line that letters stand on. Centred, "o" and "O" would be the same picture in two sizes."""
_NO_CHARACTER = "\uffff"
"""Never a character: a font draws for it the box that it draws for every character it lacks."""
_LAST_CODE = 0x1FFFF
"""No letter of the fonts is beyond the first two planes of Unicode."""
FACES = (
    "Sans",
    "Sans-Bold",
    "Sans-Oblique",
    "Sans-BoldOblique",
    "SansMono",
    "SansMono-Bold",
    "SansMono-Oblique",
    "SansMono-BoldOblique",
    "Serif",
    "Serif-Bold",
    "Serif-Italic",
    "Serif-BoldItalic",
)


def glyphs(scripts: Sequence[str], faces: Sequence[str], sizes: Sequence[int]) -> list[Captioned]:
    """Letters as grey pictures of 32 x 32, one for each face that has the letter and each size, in a fixed order.

    A letter is a character of Unicode's categories L*; it belongs to a script if its name begins with the script's.
    It is centred horizontally, and its baseline is row 25, so that letters of both cases differ in height. Pictures
    depend on the versions of matplotlib's fonts and of pillow, not on the machine.

    Args:
        scripts: first words of Unicode names, such as LATIN, in upper or lower case.
        faces: some of :data:`FACES`.
        sizes: in pixels.

    Raises:
        UsageError: for unknown scripts and faces, sizes that do not fit, and missing packages.
    """
    if not sizes or not all(8 <= size <= 24 for size in sizes):
        raise UsageError(f"sizes of glyphs must be from 8 to 24, not {', '.join(map(str, sizes)) or 'nothing'}")
    letters = letters_of(scripts)
    paths = {face: font_file(face) for face in faces}
    return [drawn for face in faces for size in sizes for drawn in _draw_all(paths[face], face, size, letters)]


def letters_of(scripts: Sequence[str]) -> list[str]:
    """All letters whose Unicode names begin with one of these words, in the order of their code points."""
    wanted = {script.strip().upper() for script in scripts}
    letters = [chr(code) for code in range(_LAST_CODE + 1) if unicodedata.category(chr(code)).startswith("L")]
    scripts_of = {letter: unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    if lacking := sorted(wanted - set(scripts_of.values())):
        raise unknown("script", lacking[0], {script for script in scripts_of.values() if script})
    return [letter for letter, script in scripts_of.items() if script in wanted]


def font_file(face: str) -> Path:
    """The file of that face inside the installed matplotlib."""
    if face not in FACES:
        raise unknown("face", face, FACES)
    try:
        package = distribution("matplotlib")
    except PackageNotFoundError:
        raise missing("drawing glyphs", "matplotlib", "data") from None
    path = Path(str(package.locate_file(f"matplotlib/mpl-data/fonts/ttf/DejaVu{face}.ttf")))
    if not path.is_file():
        raise UsageError(f"matplotlib is installed but lacks {path.name}; install it again, or give --data FOLDER")
    return path


def _draw_all(path: Path, face: str, size: int, letters: Sequence[str]) -> list[Captioned]:
    # The basic layout draws the same with and without a shaping library, so on every machine.
    fonts = pillow("ImageFont")
    font = fonts.truetype(str(path), size, layout_engine=fonts.Layout.BASIC)
    absent = bytes(font.getmask(_NO_CHARACTER))
    return [_captioned(font, face, size, letter) for letter in letters if bytes(font.getmask(letter)) != absent]


def _captioned(font: Any, face: str, size: int, letter: str) -> Captioned:
    name = f"U+{ord(letter):04X} {face} {size}"
    values = _draw(font, letter)
    return Captioned(
        Picture(name, digest(values), values), (unicodedata.name(letter),), letter, SourceLocation(name, 1)
    )


def _draw(font: Any, letter: str) -> np.ndarray:
    """White on black, (32, 32, 1) of uint8."""
    image = pillow("Image").new("L", (SIDE, SIDE))
    pillow("ImageDraw").Draw(image).text((SIDE / 2, _BASELINE), letter, fill=255, font=font, anchor="ms")
    values: np.ndarray = np.asarray(image)[:, :, None].copy()
    return values
