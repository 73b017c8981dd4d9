"""The pictures of pages in docs/: a report and an inspect page, in Chromium, light and dark.

python -m benchmarks.screenshots docs/pictures
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import click
from PIL import Image

from seqkit.files import write_atomic

_WIDTH = 1100
_HEIGHTS = {"report": 820, "inspect": 860}
"""In pixels; of each page its beginning is shown"""
_TEXT = "a film that is not dull for a single moment, and a wonderful end"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--run", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A run of sentiment.")
def main(folder: Path, run: Path | None) -> None:
    """Trains the default model, unless a run is given, and writes its pages as pictures into FOLDER."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise click.UsageError("Chromium is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        for name, page in _pages(run or Path(scratch) / "sentiment-1", Path(scratch)).items():
            for suffix, picture in _taken(chromium, page, _HEIGHTS[name]):
                file = folder / f"{name}{suffix}.png"
                write_atomic(file, picture)
                print(f"{file}  {len(picture) / 1024:.0f} kB", flush=True)


def _pages(run: Path, folder: Path) -> dict[str, Path]:
    inspect = folder / "inspect.html"
    if not run.exists():
        _seqkit("run", "sentiment", "--out", str(run))
    _seqkit("inspect", str(run), _TEXT, "--out", str(inspect))
    return {"report": run / "report.html", "inspect": inspect}


def _seqkit(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "seqkit", *words], stdout=subprocess.DEVNULL, check=True)


def _taken(chromium: str, page: Path, height: int) -> Iterator[tuple[str, bytes]]:
    """The beginning of a page, light and dark, with what the name of the file ends with."""
    for suffix, scheme in (("", 1), ("-dark", 0)):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "shot.png"
            options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={file}"]
            options += [f"--window-size={_WIDTH},{height}", f"--blink-settings=preferredColorScheme={scheme}"]
            options += [f"--user-data-dir={folder}/profile", page.absolute().as_uri()]
            subprocess.run([chromium, *options], capture_output=True, check=True, timeout=120)
            yield suffix, _small(file.read_bytes())


def _small(picture: bytes) -> bytes:
    """With 128 colours: a page has few, and the file is a third of the size."""
    stream = BytesIO()
    Image.open(BytesIO(picture)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
        stream, "PNG", optimize=True
    )
    return stream.getvalue()


if __name__ == "__main__":
    main()
