"""Default data: files of packages that pip installs, and data sets that are generated. A file each."""

from seqkit.data.sources.packaged import REVIEWS, PackagedFile

__all__ = ["REVIEWS", "PackagedFile"]
