"""What the files of a run hold, for :func:`seqkit.files.read_json`; those of codecs: :mod:`seqkit.topologies.files`."""

from __future__ import annotations

from typing import Any

from seqkit.schema import FileName, Whole

_LARGEST = 2**62
_COUNT = Whole(0, _LARGEST)
_SCORES = {str: (float, None)}
MOST_THREADS = 1024
"""More than any machine of today has; a million make torch end the process."""

RUN: dict[str, Any] = {
    "format": Whole(1, 1000),
    "digests": {str: str},
    "changing?": {str: str},
    "seqkit?": str,
    "python?": str,
    "task?": str,
    "cell_digest?": str,
    "torch?": str,
    "machine?": str,
    "threads?": Whole(1, MOST_THREADS),
    "device?": str,
    "codec?": [FileName()],
    "native?": (str, None),
    "data?": (str, None),
    "test?": (str, None),
    "scored?": [{"epochs": _COUNT, "test": _SCORES}],
    "members?": [{"name": str, "data": (str, None)}],
}
"""``run.json``"""

TRAINED_RUN: dict[str, Any] = {**RUN, "task": str, "codec": [FileName()], "data": (str, None)}
"""``run.json`` of what is opened, whose format is known"""

_INTERVAL = [float]
_VERDICT = {"sentence": str, "remarks": [str], "suggestion": (str, None), "baseline?": str}
_LABEL = {"precision": float, "recall": float, "f1": float, "support": _COUNT}
_TUNED = {"score": str, "tuned": float, "at_half": float}

RESULTS: dict[str, Any] = {
    "task": str,
    "metric": str,
    "better": ("higher", "lower"),
    "test": _SCORES,
    "valid?": _SCORES,
    "baseline": _SCORES,
    "seconds": float,
    "parameters": _COUNT,
    "best_epoch?": _COUNT,
    "epochs?": _COUNT,
    "peak_memory_mb?": float,
    "members?": [{"name": str, "test": _SCORES}],
    "scored_before?": [{"epochs": _COUNT, "test": _SCORES}],
    "tuning?": {"trial": _COUNT, "trials": _COUNT, "score": str, "valid": (float, None)},
    "threshold?": {**_TUNED, "label": str, "value": float},
    "thresholds?": {**_TUNED, "values": {str: float}},
    "memory?": {"score": str, "tuned": float, "alone": float, "answered": float, "similarity": (float, None)},
    "regression?": {"loss": float, "loss_without": float, "kept": bool},
    "calibration?": {"outside": float, "score": str, "tuned": float, "alone": float},
    "verdict?": _VERDICT,
    "labels?": {str: _LABEL},
}
"""``results.json``"""

EPOCH: dict[str, Any] = {"epoch?": _COUNT, "step?": _COUNT, "loss?": float, "train_loss?": float}
"""A line of ``metrics.jsonl``"""

_CELL = (float, str, None)
_PART = [(_COUNT, str)]

FINDINGS: dict[str, Any] = {
    "format": Whole(1, 1000),
    "topology": str,
    "summary": str,
    "data": str,
    "test?": str,
    "parts": {"train": _PART, "valid": _PART, "test": _PART},
    "versions": {str: str},
    "machine": str,
    "finished": str,
    "notes": [str],
    "intervals": {"resamples": _COUNT, "examples": _COUNT, "limits": {str: _INTERVAL}, "samples": [float]},
    "baseline_intervals?": {str: _INTERVAL},
    "calibration": (
        None,
        {
            "error": float,
            "answers": _COUNT,
            "bins": [{"low": float, "high": float, "answers": _COUNT, "sure": float, "right": float}],
        },
    ),
    "tables": [{"title": str, "columns": [str], "rows": [[(_CELL, bool)]]}],
    "pictures": [FileName()],
    "written": (str, None),
}
"""``report.json``"""

TEXT_AND_LABEL: dict[str, Any] = {"text": str, "label": str}
"""A line of ``unlabelled.jsonl``"""
