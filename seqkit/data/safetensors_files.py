"""Files of safetensors that anybody may have made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from seqkit.data.readers import DataError
from seqkit.errors import UsageError
from seqkit.files import read_ordinary

T = TypeVar("T")


def read_safetensors(path: Path, load: Callable[[bytes], dict[str, T]]) -> dict[str, T]:
    """The tensors of a file, by ``safetensors.torch.load`` or that of another library.

    The file's size bounds what they take. Raises :class:`UsageError` for a file that cannot be opened,
    :class:`DataError` naming it for one that is damaged or has tensors of a type that the library lacks.
    """
    from safetensors import SafetensorError

    try:
        return load(read_ordinary(path))
    except FileNotFoundError:
        raise UsageError(f"no file {path}; check the path") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}; check the path") from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} is not a safetensors file ({reason:.200}); make it again") from None
