"""The program that plants bugs: which it can plant, and that it tells those that a test sees from the others."""

import ast

import pytest

from benchmarks.mutants import Mutant, Reach, judge, mutants, planted


def wrong(source):
    """Every way in which a source can be wrong, as the source has it then."""
    return [planted(source, mutant)[0] for mutant in mutants("a.py", source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["a <= b"]),
        ("a is b", ["a is not b"]),
        ("a @ b", ["a + b"]),
        ("-a", ["+a"]),
        ("a and b", ["a or b"]),
        ("x = 3", ["x = 4", "x = 2"]),
        ("x = True", ["x = False"]),
        ("x = 'three'", []),
        ("call(a)", ["None"]),
        ("def f():\n    return a", ["def f():\n    return None"]),
        ("def f():\n    return None", []),
        ("if a:\n    b", ["if not a:\n    b"]),
        ("x: Literal[3] = y", []),
        ("if TYPE_CHECKING:\n    x = 3", []),
    ],
)
def test_each_kind_of_bug_is_planted_alone(source, expected):
    assert wrong(source) == expected


def test_a_bug_belongs_to_the_lines_of_its_statement_and_a_default_to_those_of_its_function():
    source = "def f(x=True):\n    if (x ==\n            y):\n        return x\n"
    assert [(mutant.kind, [*mutant.lines]) for mutant in mutants("a.py", source)] == [
        ("constant", [1, 2, 3, 4]),
        ("negation", [2, 3]),
        ("comparison", [2, 3]),
        ("returned None", [4]),
    ]


def test_the_fastest_tests_that_reach_a_line_are_taken_as_long_as_time_is_left():
    reach = Reach({"slow": 5.0, "quick": 1.0, "other": 0.1}, {"a.py": {3: ["slow", "quick", "failing"], 7: ["other"]}})
    assert reach.tests_of(Mutant("a.py", 0, "constant", range(3, 4))) == ["quick", "slow"]
    assert reach.tests_of(Mutant("a.py", 0, "constant", range(1, 2))) == ["other", "quick", "slow"]
    assert reach.as_many(["quick", "slow"], 5.9) == ["quick"]
    assert reach.as_many(["quick", "slow"], 6.0) == ["quick", "slow"]
    assert reach.as_many(["slow", "quick"], 0.0) == ["slow"]


@pytest.mark.command
def test_a_bug_that_no_test_sees_survives(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    source = "def fare(km):\n    return 3 if km < 2 else km + 1\n"
    (tmp_path / "fares.py").write_text(source)
    (tmp_path / "test_fares.py").write_text("from fares import fare\ndef test_fare():\n    assert fare(5) == 6\n")
    test = "test_fares.py::test_fare"
    reach = Reach({test: 0.01}, {"fares.py": {2: [test]}})
    verdicts = {what: verdict for verdict, what in (judge(m, reach, 1) for m in mutants("fares.py", source))}
    assert {what.partition(" (")[0]: verdict for what, verdict in verdicts.items()} == {
        "return 3 if km < 2 else km + 1  ->  return None": "killed",
        "3 if km < 2 else km + 1  ->  3 if not km < 2 else km + 1": "killed",
        "km < 2  ->  km <= 2": "survived",
        "2  ->  3": "survived",
        "2  ->  1": "survived",
        "3  ->  4": "survived",
        "3  ->  2": "survived",
        "km + 1  ->  km - 1": "killed",
        "1  ->  2": "killed",
        "1  ->  0": "killed",
    }
    assert ast.dump(ast.parse((tmp_path / "fares.py").read_text())) == ast.dump(ast.parse(source))
