"""``python -m benchmarks.mutants seqkit/search --count 50`` plants bugs one at a time; which does no test see?

A first run of the tests in a copy of the repository notes which test reaches which line and how long it takes. Each bug
is planted in that copy, and the tests that reach its line are run until one fails, the fastest first. The tests run in
forks of this process, which has imported torch but nothing of seqkit.
"""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import click
import coverage
import pytest
import torch

ROOT = Path(__file__).parents[1]
_LEFT_BEHIND = (".git", ".venv", ".mypy_cache", ".ruff_cache", "__pycache__", "results")
_PATIENCE = 5
"""How many times as long as its tests need may a mutant take before it counts as one that hangs"""

_WRONG: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.USub: ast.UAdd,
}


class Change(NamedTuple):
    """Sets a field of a node of the syntax tree to what is wrong."""

    node: Any
    kind: str
    field: str
    value: Any

    def make(self) -> None:
        setattr(self.node, self.field, self.value)


class Mutant(NamedTuple):
    """The change with a number among those of a file."""

    path: str
    number: int
    kind: str
    lines: range
    """Of the statement, from 1"""


class Reach(NamedTuple):
    """What the undisturbed tests did."""

    seconds: dict[str, float]
    """Of each test that passed"""
    lines: dict[str, dict[int, list[str]]]
    """By file and line: the tests that reach it"""

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Those that reach its statement, the fastest first; those of the file where only its import does."""
        lines = self.lines.get(mutant.path, {})
        found = {test for line in mutant.lines for test in lines.get(line, ())}
        found = found or {test for tests in lines.values() for test in tests}
        return sorted(found & {*self.seconds}, key=lambda test: (self.seconds[test], test))

    def as_many(self, tests: Sequence[str], seconds: float) -> list[str]:
        """As many of these tests, from the first, as fit into a time; at least one."""
        chosen = list(tests[:1])
        for test in tests[1:]:
            if sum(self.seconds[one] for one in chosen) + self.seconds[test] > seconds:
                break
            chosen.append(test)
        return chosen


def changes(node: ast.AST) -> Iterator[Change]:
    """The ways in which one node can be wrong."""
    match node:
        case ast.Compare(ops=[first, *rest]):
            yield Change(node, "comparison", "ops", [_WRONG[type(first)](), *rest])
        case ast.BinOp(op=operator) | ast.UnaryOp(op=ast.USub() as operator) if type(operator) in _WRONG:
            yield Change(node, "arithmetic", "op", _WRONG[type(operator)]())
        case ast.BoolOp(op=operator):
            yield Change(node, "and/or", "op", _WRONG[type(operator)]())
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield Change(node, "negation", "test", ast.UnaryOp(ast.Not(), test))
        case ast.Constant(value=bool(value)):
            yield Change(node, "constant", "value", not value)
        case ast.Constant(value=int(value) | float(value)):
            yield from (Change(node, "constant", "value", value + step) for step in (1, -1))
        case ast.Expr(value=ast.Call()):
            yield Change(node, "removed call", "value", ast.Constant(None))
        case ast.Return(value=ast.AST() as value) if not isinstance(value, ast.Constant):
            yield Change(node, "returned None", "value", ast.Constant(None))


def _runs(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that do something: no annotations and nothing for type checkers."""
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            yield from (part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST))


def _end_of_head(statement: ast.stmt) -> int:
    """Its last line; of a block, the last one before the block; a function is reached where any of its lines is."""
    body = getattr(statement, "body", None)
    if body and not isinstance(statement, ast.FunctionDef):
        return max(statement.lineno, body[0].lineno - 1)
    return statement.end_lineno or statement.lineno


def statements(tree: ast.AST, lines: range = range(0)) -> Iterator[tuple[ast.AST, range]]:
    """Every node with the lines of its statement, or of the head of one that has others in it."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    if isinstance(tree, ast.stmt):
        lines = range(tree.lineno, _end_of_head(tree) + 1)
    yield tree, lines
    for part in _runs(tree):
        yield from statements(part, lines)


def _all_changes(tree: ast.AST) -> list[tuple[Change, range]]:
    return [(change, lines) for node, lines in statements(tree) for change in changes(node)]


def mutants(path: str, source: str) -> list[Mutant]:
    found = enumerate(_all_changes(ast.parse(source)))
    return [Mutant(path, number, change.kind, lines) for number, (change, lines) in found]


def planted(source: str, mutant: Mutant) -> tuple[str, str]:
    """The source with the bug, and the node that it is in before and after, in one line."""
    tree = ast.parse(source)
    change, _ = _all_changes(tree)[mutant.number]
    before = ast.unparse(change.node).splitlines()[0]
    change.make()
    return ast.unparse(ast.fix_missing_locations(tree)), f"{before}  ->  {ast.unparse(change.node).splitlines()[0]}"


class Done(NamedTuple):
    """What pytest gave back."""

    code: int
    failed: list[str]
    seconds: dict[str, float]
    """Of each test that passed"""


class _Outcomes:
    """A plugin of pytest that notes which tests failed, and how long each took."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.append(report.nodeid)


def _run_tests(answer: Connection, words: Sequence[str]) -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(silence, descriptor)
    outcomes = _Outcomes()
    code = pytest.main([*words, "-q", "-p", "no:cacheprovider", "-p", "no:xdist"], plugins=[outcomes])
    passed = {test: spent for test, spent in outcomes.seconds.items() if test not in outcomes.failed}
    answer.send(Done(int(code), outcomes.failed, passed))


def run_tests(words: Sequence[str], seconds: float) -> Done | None:
    """What pytest gives back in a fork of this process; None if that dies or hangs."""
    context = get_context("fork")
    answer, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_run_tests, args=(theirs, words))
    child.start()
    theirs.close()
    try:
        return answer.recv() if answer.poll(seconds) else None
    except EOFError:
        return None
    finally:
        child.kill()
        child.join()


def measure(tests: Sequence[str]) -> Reach:
    """Runs undisturbed tests in the current folder with the lines that each reaches."""
    done = run_tests([*tests, "--cov=seqkit", "--cov-context=test", "--cov-report=", "--cov-fail-under=0"], 3600)
    if done is None or done.code > 1:
        raise SystemExit("The undisturbed tests could not be run.")
    data = coverage.CoverageData()
    data.read()
    lines = {}
    for path in data.measured_files():
        reached = data.contexts_by_lineno(path).items()
        names = {line: sorted({name.rpartition("|")[0] for name in contexts} - {""}) for line, contexts in reached}
        lines[Path(path).relative_to(Path.cwd()).as_posix()] = {line: tests for line, tests in names.items() if tests}
    return Reach(done.seconds, lines)


@cache
def passes_undisturbed(test: str) -> bool:
    done = run_tests([test], 600)
    return done is not None and done.code == 0


def _fails(done: Done | None, tests: Sequence[str]) -> bool:
    """Whether a test fails with the bug, or nothing could be run, but passes now that the bug is gone."""
    failed = tests[:1] if done is None or done.code > 1 else done.failed
    return any(passes_undisturbed(test) for test in failed)


def judge(mutant: Mutant, reach: Reach, seconds: float) -> tuple[str, str]:
    """``killed`` if a test fails with the bug in its file and passes without, else ``survived``; and what was tried."""
    tests = reach.tests_of(mutant)
    chosen = reach.as_many(tests, seconds)
    path = Path(mutant.path)
    source = path.read_text("utf-8")
    wrong, what = planted(source, mutant)
    path.write_text(wrong, "utf-8")
    try:
        limit = 20 + _PATIENCE * sum(reach.seconds[test] for test in chosen)
        done = run_tests([*chosen, "-x"], limit) if chosen else Done(0, [], {})
    finally:
        path.write_text(source, "utf-8")
    return "killed" if _fails(done, chosen) else "survived", f"{what} ({len(chosen)} of {len(tests)} tests)"


def _copy(folder: Path) -> None:
    """Copies the repository, and makes the copy what this process and its children import."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_LEFT_BEHIND))
    os.chdir(folder)
    os.environ.update(PYTHONPATH=str(folder), PYTHONDONTWRITEBYTECODE="1", OMP_NUM_THREADS="1")
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    # What this package has imported of seqkit is not the copy's.
    for name in [name for name in sys.modules if name.partition(".")[0] == "seqkit"]:
        del sys.modules[name]


def _remembered(file: Path | None, tests: Sequence[str]) -> Reach:
    if file is None or not file.exists():
        reach = measure(tests)
        if file is not None:
            file.write_text(json.dumps(reach), "utf-8")
        return reach
    seconds, lines = json.loads(file.read_text("utf-8"))
    return Reach(seconds, {path: {int(line): tests for line, tests in known.items()} for path, known in lines.items()})


def sample(paths: Sequence[str], count: int, seed: int) -> list[Mutant]:
    folders = [Path(path) for path in paths]
    files = sorted(file for path in folders for file in ([path] if path.is_file() else path.rglob("*.py")))
    found = [mutant for file in files for mutant in mutants(file.as_posix(), file.read_text("utf-8"))]
    random.Random(seed).shuffle(found)
    click.echo(f"{len(found):,} bugs can be planted in {len(files)} files")
    return found[:count]


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--tests", multiple=True, default=("tests",), help="Folders or files of tests; all.")
@click.option("--count", default=200, help="Bugs to plant.")
@click.option("--skip", default=0, help="Of these, tried before.")
@click.option("--seed", default=20, help="Of the sample.")
@click.option("--seconds", default=60.0, help="Time for the tests of a bug, as measured without it.")
@click.option("--reached", type=click.Path(path_type=Path), help="JSON file that keeps the first run for later ones.")
def main(
    paths: Sequence[str],
    tests: Sequence[str],
    count: int,
    skip: int,
    seed: int,
    seconds: float,
    reached: Path | None,
) -> None:
    """Plants bugs in PATHS (folders or files of the repository) and prints those that no test sees."""
    torch.set_num_threads(1)
    reached = reached and reached.resolve()
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        _copy(Path(folder).resolve() / "copy")
        reach = _remembered(reached, tests)
        for number, mutant in enumerate(sample(paths, count, seed)[skip:], skip):
            verdict, what = judge(mutant, reach, seconds)
            click.echo(f"{number} {verdict} {mutant.path}:{mutant.lines[0]} {mutant.kind}: {what}")
            verdicts.append(verdict)
    click.echo(f"{len(verdicts)} tried, {verdicts.count('killed')} killed, {verdicts.count('survived')} survived")


if __name__ == "__main__":
    main()
