"""Cells that users write: a class, or a file and the class in it, named by whoever wants it run."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import textwrap
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from seqkit.cells.base import Cell
from seqkit.errors import UsageError, unknown


class OwnCell(str):
    """The name of a cell that is not among the known ones, ``/home/me/my.py:MyCell``, with its class.

    It goes wherever a cell's name goes. Written to a file it is only a name: the class has to be given again.

    Attributes:
        kind: the class.
        digest: of the class's source and of what it uses in its file; None where there is no source to read.
    """

    kind: type[Cell]
    digest: str | None

    def __new__(cls, name: str, kind: type[Cell], digest: str | None) -> OwnCell:
        """A name with its class."""
        made = super().__new__(cls, name)
        made.kind, made.digest = kind, digest
        return made

    def __getnewargs__(self) -> Any:
        return (str(self), self.kind, self.digest)


def is_own(name: object) -> bool:
    """Whether a name is that of a user's own cell, with its class or without."""
    return isinstance(name, str) and ":" in name


def cell_label(name: str) -> str:
    """what tables and folders call a cell: a user's own by its class.

    Examples:
        >>> cell_label("/home/me/my.py:MyCell"), cell_label("gru")
        ('MyCell', 'gru')
    """
    return name.rpartition(":")[2]


def named_cell(cell: str | type[Cell]) -> str:
    """The name to put into a configuration, of a cell's name, class, or file and class (``my.py:MyCell``).

    The file is run: this is for what a person has named, never for what a run has recorded.

    Raises:
        UsageError: there is no such file or class, the class is not a cell, or the file cannot be run.
    """
    if isinstance(cell, OwnCell):
        return cell
    if isinstance(cell, str):
        return _from_file(cell) if is_own(cell) else cell
    if not (isinstance(cell, type) and issubclass(cell, Cell)):
        raise UsageError(f"cell must be a name, FILE.py:CLASS, or a class derived from seqkit.Cell, not {cell!r:.80}")
    if cell.__module__.startswith("seqkit.cells."):
        return cell.__module__.rpartition(".")[2].replace("_", "-")
    file = _source_file(cell)
    return OwnCell(f"{file or cell.__module__}:{cell.__qualname__}", cell, _digest(cell, file))


def _from_file(text: str) -> OwnCell:
    file, _, name = text.rpartition(":")
    if not file.endswith(".py"):
        raise UsageError(f"a cell of your own is given as FILE.py:CLASS, not {text!r:.80}")
    path = Path(file).expanduser().absolute()
    if not path.is_file():
        raise UsageError(f"there is no file {file}; give it as FILE.py:CLASS")
    found = _classes_of(path)
    cells = [key for key, value in found.items() if issubclass(value, Cell) and value is not Cell]
    if name in found and name not in cells:
        raise UsageError(f"{name} of {file} is not a cell; derive it from seqkit.Cell")
    if name not in cells:
        raise unknown(f"class of a cell in {file}", name, cells or ("none: it defines no cell",))
    kind = found[name]
    if kind.__abstractmethods__:
        raise UsageError(f"{name} of {file} has no {' or '.join(sorted(kind.__abstractmethods__))}; write it")
    return OwnCell(f"{path}:{name}", kind, _digest(kind, path))


def _classes_of(path: Path) -> dict[str, type[Any]]:
    # The name is no word of Python, so that my torch.py or gru.py is in no one's way.
    name = f"cell file {path}"
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    # What its classes look up in their own module has to find it, and what it imports may lie beside it.
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} cannot be run ({type(error).__name__}: {error}); correct it first") from error
    return {key: value for key, value in vars(module).items() if isinstance(value, type)}


def _source_file(kind: type[Cell]) -> Path | None:
    """The file that defines a class; None for one that was typed in."""
    try:
        file = inspect.getsourcefile(kind)
    except TypeError:
        return None
    return Path(file).absolute() if file and Path(file).is_file() else None


def _digest(kind: type[Cell], file: Path | None) -> str | None:
    """The digest of the statements of a file that a class is made of: its own, and those of all names in them.

    Comments, blank lines and whatever else is in the file do not count.
    """
    statements = _statements(ast.parse(file.read_bytes()).body) if file else {}
    if kind.__name__ in statements and kind.__qualname__ == kind.__name__:
        source = "\n".join(map(ast.unparse, _used(kind.__name__, statements)))
    else:
        try:
            source = ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(kind))))
        except (OSError, TypeError, SyntaxError):
            return None
    return hashlib.blake2b(source.encode(), digest_size=16).hexdigest()


def _statements(body: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """The statements of a module by each name that they bind."""
    bound: dict[str, list[ast.stmt]] = {}
    for statement in body:
        for name in _bound(statement):
            bound.setdefault(name, []).append(statement)
    return bound


def _bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return {statement.name}
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    aliases = [node for node in ast.walk(statement) if isinstance(node, ast.alias)]
    return names | {(node.asname or node.name).partition(".")[0] for node in aliases}


def _used(name: str, statements: dict[str, list[ast.stmt]]) -> list[ast.stmt]:
    """The statements that bind a name and, in the end, every name in them."""
    seen, waiting, found = {name}, [name], list[ast.stmt]()
    while waiting:
        for statement in statements[waiting.pop()]:
            found.append(statement)
            names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            more = sorted(other for other in names - seen if other in statements)
            seen.update(more)
            waiting.extend(more)
    return sorted({id(statement): statement for statement in found}.values(), key=lambda statement: statement.lineno)
