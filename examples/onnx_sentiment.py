"""Labels texts with a model that `seqkit export RUN` has written. It needs onnxruntime and numpy, not seqkit.

python examples/onnx_sentiment.py RUN/onnx "a great film" "dull from start to end"
"""

import json
import re
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime

# What seqkit's word tokenizer finds in scripts that put spaces between words.
WORD = r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,]\d+)*|\.+|!+|\?+|-+|\*+|[^\w\s]|_"


def ngrams(words: list[str], longest: int) -> set[str]:
    """Words, pairs of words, and what two to so many letters of a word say, its ends included."""
    spelled = [f" {word} " for word in words]
    letters = {w[k : k + n] for w in spelled for n in range(2, longest + 1) for k in range(len(w) - n + 1)}
    return {*words, *map("\x1f".join, pairwise(words)), *(f"\x1e\x1f{some}" for some in letters)}


def words_of(text: str, form: str) -> list[str]:
    """The words of a text in a normal form of Unicode; runs of older versions name none."""
    return re.findall(WORD, (text if form == "none" else unicodedata.normalize(form, text)).lower())


folder, *texts = sys.argv[1:]
if not texts:
    sys.exit("there is no text to label, and an empty batch ends the process of onnxruntime; give one: RUN/onnx TEXT …")
symbols = json.loads(Path(folder, "symbols.json").read_text(encoding="utf-8"))
vocabulary = symbols["vocab"]
numbers = {symbol: number for number, symbol in enumerate(vocabulary["symbols"], len(vocabulary["specials"]))}
unknown = vocabulary["specials"].index("<unk>")
form = vocabulary["tokenizer"].get("normal_form", "none")
split = [words_of(text, form)[: vocabulary["max_tokens"]] for text in texts]
rows = [[numbers.get(word, unknown) for word in words] for words in split]
lengths = np.array([len(row) for row in rows], np.int64)
tokens = np.zeros((len(rows), max(1, *lengths)), np.int64)
for padded, row in zip(tokens, rows, strict=True):
    padded[: len(row)] = row
inputs = {"tokens": tokens, "lengths": lengths}
if "ngrams" in symbols:  # those that training has seen; a run with --ngrams false has none
    known = {ngram: number for number, ngram in enumerate(symbols["ngrams"]["ngrams"])}
    longest = symbols["ngrams"].get("spelled", 0)
    found = [ngrams(words, longest) & known.keys() for words in split]
    inputs["ngrams"] = np.full((len(rows), max(1, *map(len, found))), len(known), np.int64)
    for padded, grams in zip(inputs["ngrams"], found, strict=True):
        padded[: len(grams)] = [known[gram] for gram in grams]
session = onnxruntime.InferenceSession(Path(folder, "model.onnx"))
(chances,) = session.run(["probabilities"], inputs)
for text, chance in zip(texts, chances, strict=True):
    print(f"{symbols['labels'][chance.argmax()]}\t{chance.max():.3f}\t{text}")
