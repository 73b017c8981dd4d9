"""The recipes of docs/big-tables.md on the engines themselves: every row comes back, with the answer of the model."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from seqkit import load

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

PAGE = Path(__file__).parents[2] / "docs/big-tables.md"
TEXTS = ["a fine film", "so dull and so boring", "it and the film moving"] * 10
PACKAGES = {"dask": "dask", "ray": "ray", "spark": "pyspark"}


def recipe(engine):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = [text for text in blocks if f"answers-{engine}" in text]
    assert len(found.splitlines()) <= 20
    return found


@pytest.mark.slow
@pytest.mark.parametrize("engine", PACKAGES)
def test_a_recipe_answers_every_row(engine, opinions, tiny_run, tmp_path):
    if find_spec(PACKAGES[engine]) is None:
        pytest.skip(f"{PACKAGES[engine]} is not installed: pip install 'seqkit[engines]'")
    if engine == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    run = tiny_run(opinions, tmp_path / "runs/my-run")
    parquet.write_table(pa.table({"n": range(len(TEXTS)), "text": TEXTS}), tmp_path / "reviews.parquet")
    # A process of its own: engines leave threads, sockets and warnings behind.
    settings = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "RAY_USAGE_STATS_ENABLED": "0"}
    process = [sys.executable, "-c", recipe(engine)]
    environment = {**os.environ, **settings}
    done = subprocess.run(process, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = sorted(parquet.read_table(tmp_path / f"answers-{engine}").to_pylist(), key=lambda row: row["n"])
    assert [(row["n"], row["text"]) for row in rows] == list(enumerate(TEXTS))
    for row, expected in zip(rows, load(run).predict(TEXTS), strict=True):
        assert row["predicted_label"] == expected.label
        assert row["predicted_probabilities.good"] == pytest.approx(expected.probabilities["good"], abs=1e-5)
