"""The rule of CONTRIBUTING.md: a deprecation names what to use and the version in which the old name goes."""

import ast
import re

from benchmarks.imports import ROOT, modules

VERSION = tuple(map(int, re.findall(r"\d+", (ROOT / "seqkit/version.py").read_text("utf-8"))[:2]))
PROMISE = re.compile(r"goes away in seqkit (\d+)\.(\d+); use ")


def broken_promises(source, version):
    """The deprecations of a module that do not say what the rule asks, or that this version should no longer have."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and any(ast.unparse(part) == "DeprecationWarning" for part in node.args):
            promise = PROMISE.search(ast.unparse(node.args[0]))
            if promise is None or tuple(map(int, promise.groups())) <= version:
                yield f"line {node.lineno}: {ast.unparse(node.args[0])}"


def test_every_deprecation_names_its_successor_and_a_version_that_is_still_to_come():
    for name, path in modules().items():
        assert not [*broken_promises(path.read_text("utf-8"), VERSION)], name


def test_what_breaks_the_rule_is_found():
    kept = "warn(f'{name} is deprecated and goes away in seqkit 0.4; use {other}', DeprecationWarning, stacklevel=2)"
    assert [*broken_promises(kept, (0, 3))] == []
    assert len([*broken_promises(kept, (0, 4))]) == 1
    assert len([*broken_promises("warnings.warn('old', DeprecationWarning)", (0, 1))]) == 1
    assert [*broken_promises("warnings.warn('slow', UserWarning)", (0, 1))] == []
