"""Pictures of the test split with their captions, as one picture."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.answers.written import Caption
from seqkit.data.pictures import Captioned
from seqkit.drawing.contact_sheet import Thumbnail, contact_sheet
from seqkit.topologies.sampling import fixed_sample

_SHOWN = 40
"""Pictures on the sheet, at most."""


def draw_captions(predictions: Sequence[Caption], examples: Sequence[Captioned]) -> dict[str, bytes]:
    """``captions.png``, one picture of each group, drawn at random; nothing for vectors, which cannot be shown."""
    if not examples or examples[0].picture.values.ndim != 3:
        return {}
    thumbnails: dict[str, Thumbnail] = {}
    for number in fixed_sample(len(examples), len(examples)):
        example, prediction = examples[number], predictions[number]
        if example.group not in thumbnails and len(thumbnails) < _SHOWN:
            thumbnails[example.group] = Thumbnail(example.picture.values, prediction.text, example.captions)
    return {"captions.png": contact_sheet(list(thumbnails.values()))}
