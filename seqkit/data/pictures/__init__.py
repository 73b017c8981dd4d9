"""Pictures with captions, as people keep them: a folder with a captions file, or feature vectors made beforehand."""

from seqkit.data.pictures.captions import CAPTIONS, Captioned, read_captioned, split_groups
from seqkit.data.pictures.picture import SUFFIXES, Picture, digest, picture_of, pillow, read_picture
from seqkit.data.pictures.vectors import VECTORS, read_vector, read_vectors_of, vectors_in

__all__ = [
    "CAPTIONS",
    "SUFFIXES",
    "VECTORS",
    "Captioned",
    "Picture",
    "digest",
    "picture_of",
    "pillow",
    "read_captioned",
    "read_picture",
    "read_vector",
    "read_vectors_of",
    "split_groups",
    "vectors_in",
]
