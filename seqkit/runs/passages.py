"""Files in a task's own format: answered passage by passage, and written again with the answers in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from seqkit.runs.model import Model
from seqkit.runs.rows import grouped
from seqkit.topologies import Passage, predict_items

_INPUTS = 2048
"""Of a group that is answered together, at most: memory is bounded, and batches have little padding."""


def answer_passages(
    model: Model,
    passages: Iterable[Passage],
    file: TextIO,
    as_json: bool = False,
    written: Callable[[Sequence[Passage]], None] = lambda group: None,
    **options: Any,
) -> None:
    """Writes the passages with the model's answers; of ``as_json`` an object for each input instead.

    ``written`` is called after each whole group; ``options`` are those of :meth:`Model.predict`. An error of reading is
    raised after what came before it is written.
    """
    for group in grouped(passages, _INPUTS):
        asked = [passage for passage in group if passage.input is not None]
        items = model.codec.encode_many([passage.input for passage in asked])
        predictions = iter(predict_items(model.head, model.codec, items, model.config, **options).predictions)
        for passage in group:
            prediction = None if passage.input is None else next(predictions)
            if not as_json:
                file.write(passage.answered(prediction))
            elif prediction is not None:
                facts = model.task.format_prediction(prediction)[1]
                file.write(json.dumps({"input": passage.input, **facts}, ensure_ascii=False) + "\n")
        file.flush()
        if len(group) == _INPUTS:
            written(group)
