"""The Python language reference as running text: it comes with Python, so there is nothing to install."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from seqkit.data.corpus import Corpus
from seqkit.errors import UsageError


def python_reference() -> Corpus:
    """The help topics in ``pydoc_data/topics.py`` of the standard library, in their order, a blank line between them.

    The file is parsed, not run. Raises :class:`UsageError` for a Python that comes without it.
    """
    spec = find_spec("pydoc_data")
    path = Path(str(spec.origin)).with_name("topics.py") if spec else None
    if path is None or not path.is_file():
        raise UsageError("this Python comes without pydoc_data/topics.py, the default text; give --data FILE")
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            texts = ast.literal_eval(node.value).values()
            return Corpus("python-reference", ("\n\n".join(texts).encode(),))
    raise UsageError(f"{path} has no topics in it; give --data FILE")
