"""What happens inside a model, as JSON."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seqkit.inspection.inside import Inside
from seqkit.inspection.unrolled import Unrolled


def inside_as_json(inside: Inside | None, units: bool) -> dict[str, Any]:
    """The answer, the influence of each step on it, attention, and the gates of each layer.

    Of an input with nothing in it (None) there is none. ``units``: gates and states of every unit (T, H); else their
    average over the units (T).
    """
    if inside is None:
        notes = ["There is nothing in the input."]
        return {"answer": None, "influence": {}, "attention": [], "layers": [], "notes": notes}
    return {
        "answer": inside.answer,
        "influence": {
            name: {"steps": list(steps), "values": _numbers(worth)} for name, (steps, worth) in inside.influence.items()
        },
        "attention": [
            {"name": a.name, "places": list(a.places), "written": list(a.written), "weights": _numbers(a.weights)}
            for a in inside.attention
        ],
        "layers": [_layer(layer, units) for layer in inside.layers],
        "notes": inside.notes,
    }


def _layer(layer: Unrolled, units: bool) -> dict[str, Any]:
    def shown(values: Tensor) -> Any:
        return _numbers(values if units else values.mean(1))

    return {
        "name": layer.name,
        "layer": layer.layer,
        "backward": layer.backward,
        "cell": type(layer.cell).__name__,
        "steps": list(layer.steps),
        "gates": {name: shown(values) for name, values in layer.gates.items()},
        "states": {name: shown(values) for name, values in layer.states.items()},
        "kept": None if layer.kept is None else shown(layer.kept),
    }


def _numbers(values: Tensor) -> Any:
    return values.detach().cpu().double().nan_to_num().tolist()
