"""``predictions.jsonl``: a line for each example of the test split, with what was predicted and what is correct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqkit.data.readers import NumberExample
from seqkit.topologies import AnyTask

_TRUTHS = ("label", "labels", "tags", "references", "captions", "target")
"""Where the examples of the topologies have what is correct"""


def prediction_lines(task: AnyTask, examples: Sequence[Any], predictions: Sequence[Any]) -> list[dict[str, Any]]:
    """The input, the facts of the prediction, and as far as they are known its confidence, ``truth`` and ``source``.

    ``source`` is the file and line of the example. A prediction of many steps has no single confidence.
    """
    pairs = zip(examples, predictions, strict=True)
    return [{"input": task.input_of(e), **task.format_prediction(p)[1], **_known(task, e, p)} for e, p in pairs]


def _known(task: AnyTask, example: Any, prediction: Any) -> dict[str, Any]:
    answers = task.confidences(prediction, example)
    confidence = {"confidence": float(answers[0][0])} if len(answers) == 1 else {}
    truth = next((getattr(example, name) for name in _TRUTHS if hasattr(example, name)), None)
    if isinstance(example, NumberExample):
        # As the prediction has them: one number, or several by their names.
        named = dict(zip(example.names, example.numbers, strict=True))
        truth = named if len(named) > 1 else example.numbers[0]
    location = getattr(example, "location", None)
    return {
        **confidence,
        **({} if truth is None else {"truth": truth}),
        **({} if location is None else {"source": str(location)}),
    }
