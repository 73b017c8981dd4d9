"""Runs that belong together: made in this process, and without a report, for there are several."""

import random

import pytest

from seqkit.runs import find_task, start
from seqkit.training import make_config

TINY = {"hidden_size": 6, "embedding_size": 6, "epochs": 2, "batch_size": 16, "min_count": 1}
TINY |= {"dropout": 0.0, "embedding_dropout": 0.0, "word_dropout": 0.0, "learning_rate": 0.02}


@pytest.fixture(scope="session")
def opinions(tmp_path_factory):
    """120 short texts in two classes."""
    generator = random.Random(0)
    path = tmp_path_factory.mktemp("data") / "opinions.csv"
    words = {"bad": ["dull", "awful", "boring"], "good": ["fine", "moving", "charming"]}
    rows = [
        (f"{' '.join(generator.choices(['a', 'the', 'film', 'it', 'and', 'so'], k=5))} {generator.choice(some)}", label)
        for label, some in words.items()
        for _ in range(60)
    ]
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return path


@pytest.fixture(scope="session")
def tiny_run():
    """Makes a small finished run of `sentiment` in a folder."""

    def make(data, out, **options):
        task = find_task("sentiment")
        session = start(task, make_config(task.config, {**TINY, "data": str(data), **options}), out, [])
        session.train()
        session.finish()
        return out

    return make


@pytest.fixture(scope="session")
def siblings(opinions, tiny_run, tmp_path_factory):
    """A folder with two runs of one split, run-1 and run-2, and run-3 of another."""
    folder = tmp_path_factory.mktemp("siblings")
    for number, split in ((1, 0), (2, 0), (3, 3)):
        tiny_run(opinions, folder / f"run-{number}", seed=number, split_seed=split)
    return folder
