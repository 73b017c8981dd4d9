"""The house: the storeys of docs/architecture.md, the imports that hold to them, and the picture of it."""

import re

import pytest

from benchmarks.house import picture
from benchmarks.imports import ROOT, Arrow, arrows, cycles, modules, room_of, storeys

PICTURE = ROOT / "docs/pictures/house.svg"


@pytest.fixture(scope="module")
def imports():
    return arrows(modules())


def rooms():
    return [room for storey in storeys() for room in storey.rooms]


def against(order, found):
    """The arrows that do not point to a lower storey or stay on their own."""
    height = {room: -number for number, storey in enumerate(order) for room in storey}
    return [str(arrow) for arrow in found if height[room_of(arrow.target)] > height[room_of(arrow.source)]]


def drawn_in(text):
    return {room for group in re.findall(r'data-rooms="([^"]+)"', text) for room in group.split()}


def test_the_list_of_storeys_names_every_room_once():
    assert sorted(rooms()) == sorted({room_of(module) for module in modules()})


def test_each_storey_imports_only_those_below_it(imports):
    wrong = against([storey.rooms for storey in storeys()], imports)
    assert not wrong, "\n" + "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle(imports):
    found = cycles(imports)
    shown = ["\n".join(str(arrow) for arrow in imports if {arrow.source, arrow.target} <= {*one}) for one in found]
    assert not found, "\n" + "\n\n".join(shown)


def test_the_picture_has_the_rooms_of_the_house():
    assert drawn_in(PICTURE.read_text("utf-8")) == drawn_in(picture()) == {*rooms()} - {"__init__", "__main__"}


@pytest.fixture
def imports_of(tmp_path):
    """Writes a small seqkit from the texts of its modules; gives back who imports whom."""

    def build(**texts):
        for name, text in texts.items():
            path = tmp_path / "seqkit" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return arrows(modules(tmp_path))

    return build


def test_imports_inside_functions_and_for_type_checkers_count(imports_of):
    found = imports_of(
        cells="def step():\n    from seqkit.layers import run\n",
        layers="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import seqkit.cells\n",
    )
    assert found == [Arrow("seqkit.cells", "seqkit.layers", 2), Arrow("seqkit.layers", "seqkit.cells", 3)]
    assert cycles(found) == [["seqkit.cells", "seqkit.layers"]]
    assert against([("layers",), ("cells",)], found) == ["seqkit.cells:2 imports seqkit.layers"]
    assert against([("layers", "cells")], found) == []


def test_a_name_that_packages_pass_on_leads_to_where_it_is_defined(imports_of):
    packages = {
        "__init__": "from seqkit.layers import Recurrent\n",
        "layers/__init__": "from .recurrent import Recurrent as Recurrent\nSIZE = 3\n",
        "layers/recurrent": "class Recurrent: ...\n",
    }
    found = imports_of(**packages, runs="from seqkit import Recurrent\n", bench="from seqkit.layers import SIZE\n")
    assert {(source, target) for source, target, _ in found} == {
        ("seqkit", "seqkit.layers.recurrent"),
        ("seqkit.layers", "seqkit.layers.recurrent"),
        ("seqkit.runs", "seqkit.layers.recurrent"),
        ("seqkit.bench", "seqkit.layers"),
    }
    assert cycles(found) == []


def test_a_module_may_import_from_its_package_what_its_siblings_define_but_not_what_the_package_does(imports_of):
    siblings = {"layers/__init__": "from seqkit.layers.state import State\n", "layers/state": "State = tuple\n"}
    assert cycles(imports_of(**siblings, **{"layers/crf": "from seqkit.layers import State, state\n"})) == []
    back = {"layers/__init__": "from seqkit.layers.crf import CRF\nSIZE = 3\n"}
    found = imports_of(**back, **{"layers/crf": "from seqkit.layers import SIZE\n"})
    assert cycles(found) == [["seqkit.layers", "seqkit.layers.crf"]]


def test_a_circle_of_three_is_found_and_what_only_leads_to_it_is_not_part_of_it():
    found = [Arrow(source, target, 1) for source, target in ("ab", "bc", "ca", "da", "ce")]
    assert cycles(found) == [["a", "b", "c"]]
