"""How much of a model's own speed `seqkit predict` keeps: python -m benchmarks.predict RUN [TEXTS]

Own speed is that of ``head.predict`` on batches that are ready, made of all texts by length; the command's is that of
everything between its start-up and its end: reading a CSV, encoding, predicting, writing a CSV.
"""

from __future__ import annotations

import csv
import random
import sys
import tempfile
import time
from pathlib import Path

from seqkit.commands.answering import Asked, answer
from seqkit.data import REVIEWS, read_examples
from seqkit.data.batching import token_batches
from seqkit.runs import Model, load


def main() -> None:
    """Prints both speeds, the best of three, and their ratio."""
    model, count = load(sys.argv[1]), int((sys.argv[2:] or ["100000"])[0])
    texts = short_texts(count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["number", "text"])
            writer.writerows(enumerate(texts))
        own, whole = [], []
        for _ in range(3):
            own.append(count / own_seconds(model, texts))
            start = time.perf_counter()
            answer(model, Asked([], path, None, Path(folder) / "answers.csv", False), {})
            whole.append(count / (time.perf_counter() - start))
    print(f"own {max(own):,.0f}/s  command {max(whole):,.0f}/s  ratio {max(whole) / max(own):.2f}")


def short_texts(count: int) -> list[str]:
    """Sentences of film reviews, drawn again and again."""
    known = [
        example.text for example in read_examples(REVIEWS.locate(), "text", "label", {"source": "rotten_tomatoes"})
    ]
    return random.Random(0).choices(known, k=count)


def own_seconds(model: Model, texts: list[str]) -> float:
    """Seconds of ``head.predict`` alone."""
    items = [model.codec.encode(text) for text in texts]
    lengths = [model.codec.length(item) for item in items]
    groups = token_batches(lengths, 2 * model.config.batch_tokens, 4 * model.config.batch_size)
    batches = [model.codec.collate([items[number] for number in group]) for group in groups]
    start = time.perf_counter()
    for batch in batches:
        model.head.predict(batch)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
