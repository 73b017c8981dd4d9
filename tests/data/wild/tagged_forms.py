"""The same four tagged sentences in the forms that people have them in."""

import json

SENTENCES = [
    [("Ada", "B-PER"), ("Lovelace", "I-PER"), ("saw", "O"), ("Paris", "B-LOC"), (".", "O")],
    [("IBM", "B-ORG"), ("sold", "O"), ("it", "O"), ("in", "O"), ("1981", "O")],
    [("#", "O"), ("10", "O"), ("#rain", "O"), ("in", "O"), ("York", "B-LOC")],
    [("We", "O"), ("met", "O"), ("Bob", "B-PER"), ("Lee", "I-PER"), ("!", "O")],
]
POS = {"Ada": "N", "Lovelace": "N", "saw": "V", "Paris": "N", ".": ".", "IBM": "N", "sold": "V", "it": "P", "in": "A"}
POS |= {"1981": "M", "#": "S", "10": "M", "#rain": "N", "York": "N", "We": "P", "met": "V", "Bob": "N", "Lee": "N"}
POS |= {"!": "."}
CHUNK = {"N": "B-NP", "V": "B-VP", "P": "B-NP", "A": "B-PP", "M": "B-NP", "S": "O", ".": "O"}


def text(row, separator="\t", between="\n", end="\n"):
    """The sentences with ``row`` of each word's number, word and tag as a line."""
    blocks = ["".join(separator.join(map(str, row(n, *pair))) + end for n, pair in enumerate(s, 1)) for s in SENTENCES]
    return between.join(blocks)


def plain(number, word, tag):
    return word, tag


def with_pos(number, word, tag):
    return word, POS[word], CHUNK[POS[word]], tag


COLUMNS = {
    "two": text(plain),
    "spaces": text(plain, " "),
    "several spaces": text(plain, "   "),
    "windows ends": text(plain, end="\r\n", between="\r\n"),
    "old mac ends": text(plain, end="\r", between="\r"),
    "byte order mark": "\ufeff" + text(plain),
    "no end": text(plain).rstrip(),
    "blank lines around": "\n\n" + text(plain, between="\n\n\n") + "\n\n",
    "blank lines of spaces": text(plain, between=" \t \n"),
    "four": text(with_pos),
    "four, spaces": text(with_pos, " "),
    "tag first": text(lambda n, word, tag: (tag, word)),
    "tag first, offsets": text(lambda n, word, tag: (tag, 7 * n, 7 * n + len(word), word)),
    "offsets, tag last": text(lambda n, word, tag: (word, 7 * n, 7 * n + len(word), tag)),
    "numbers": text(lambda n, word, tag: (n, word, tag)),
    "numbers from 0": text(lambda n, word, tag: (n - 1, word, tag)),
    "numbers, spaces": text(lambda n, word, tag: (n, word, tag), " "),
    "inner spans": text(lambda n, word, tag: (n, word, tag, "B-LOC" if word == "Lee" else "O")),
    "no inner spans": text(lambda n, word, tag: (n, word, tag, "O")),
    "last column unused": text(lambda n, word, tag: (n, word, tag, "-", "_")),
    "annotator": text(lambda n, word, tag: (n, word, tag, "-", "ann")),
    "document first": text(lambda n, word, tag: ("doc", 0, n - 1, word, POS[word], tag)),
    "lemma between": text(lambda n, word, tag: (word, word.lower(), tag)),
    "stray tab": text(plain).replace("saw\tO\n", "saw\tO\t\n"),
    "stray tabs": text(with_pos).replace("saw\tV\tB-VP\tO\n", "saw\tV\tB-VP\tO\t\t \n"),
    "tab at every end": text(plain, end="\t\n"),
    "space at every end": text(plain, " ", end=" \n"),
    "documents": "-DOCSTART-\tO\n\n" + text(plain) + "\n-DOCSTART-\tO\n",
    "documents, four": "-DOCSTART- -X- -X- O\n\n" + text(with_pos, " "),
    "documents without blank lines": text(plain, between="-DOCSTART-\tO\n"),
    "header": "word\ttag\n" + text(plain),
    "header and blank line": "Token\tNER\n\n" + text(plain),
    "header of four": "Word POS Chunk NER\n" + text(with_pos, " "),
    "header twice": text(plain, between="token\ttag\n").replace("Ada\t", "token\ttag\nAda\t", 1),
    "header in another language": "Mot\tÉtiquette\n" + text(plain),
    "header and numbers in another language": "Nr\tMot\tÉtiquette\n\n" + text(lambda n, word, tag: (n, word, tag)),
    "names in a comment": "# global.columns = ID FORM UPOS NER\n"
    + text(lambda n, word, tag: (n, word, POS[word], tag)),
    "row names of R": "word tag\n" + text(lambda n, word, tag: (100 + n, word, tag), " "),
    "header with numbers": "id\tform\tlabel\n" + text(lambda n, word, tag: (n, word, tag)),
    "sentence numbers, no blank lines": "sentence_id\tword\ttag\n"
    + "".join(f"{n}\t{word}\t{tag}\n" for n, s in enumerate(SENTENCES) for word, tag in s),
    "no header, sentence numbers": "".join(f"s{n}\t{w}\t{tag}\n" for n, s in enumerate(SENTENCES) for w, tag in s),
    "numbers, no blank lines": text(lambda n, word, tag: (n, word, tag), between=""),
    "comments": "# a tool made this\n" + text(plain, between="\n# sent_id = 4\n"),
    "comments as wide": text(with_pos, " ", between="\n# sent_id = 7\n"),
    "comments as wide with tabs": text(plain, between="\n# sent_id\t= 7\n"),
    "begin document": "#begin document (x)\n" + text(lambda n, w, t: (n, w, t), " ") + "#end document\n",
    "text comments": text(plain, between="\n# text = Ada saw it , too\n"),
    "newdoc": "# newdoc id\n# newpar\n" + text(lambda n, word, tag: (n, word, tag), " "),
    "key without spaces": "#Text=Ada saw\n" + text(plain),
    "range of words": text(lambda n, word, tag: (n, word, tag)).replace("3\tsaw", "3-4\tsawParis\t_\n3\tsaw"),
}  # fmt: skip


def csv_of(rows, delimiter=","):
    return "".join(delimiter.join(f'"{v}"' if delimiter in v or '"' in v else v for v in row) + "\n" for row in rows)


FLAT = [(str(n), word, tag) for n, s in enumerate(SENTENCES) for word, tag in s]
STRINGS = [(" ".join(w for w, _ in s), " ".join(t for _, t in s)) for s in SENTENCES]
LISTS = [([w for w, _ in s], [t for _, t in s]) for s in SENTENCES]
TABLES = {
    "a word a row": csv_of([("sentence_id", "word", "tag"), *FLAT]),
    "semicolons": csv_of([("sentence_id", "word", "tag"), *FLAT], ";"),
    "sep": "sep=;\n" + csv_of([("sentence_id", "word", "tag"), *FLAT], ";"),
    "first row of a sentence names it": "Sentence #,Word,POS,Tag\n"
    + "".join(
        f"{f'Sentence: {k}' if not n else ''},{word},{POS[word]},{tag}\n"
        for k, s in enumerate(SENTENCES)
        for n, (word, tag) in enumerate(s)
    ),
    "blank lines": "word,tag\n" + text(plain, ","),
    "empty rows": "word,tag\n" + text(plain, ",", between=",\n"),
    "no header": text(plain, ","),
    "index": csv_of([("", "sentence_id", "word", "tag"), *((str(n), *row) for n, row in enumerate(FLAT))]),
    "lists of Python": csv_of([("tokens", "ner_tags"), *((str(w), str(t)) for w, t in LISTS)]),
    "lists of JSON": "tokens,ner_tags\n"
    + "".join(",".join('"' + json.dumps(v).replace('"', '""') + '"' for v in row) + "\n" for row in LISTS),
    "arrays of NumPy": "tokens,tags\n"
    + "".join(",".join('"' + str(v).replace(",", "") + '"' for v in row) + "\n" for row in LISTS),
    "texts": csv_of([("text", "labels"), *STRINGS]),
    "number and texts": csv_of([("id", "sentence", "tags"), *((str(n), *row) for n, row in enumerate(STRINGS))]),
}


def spaced(s):
    """The text of a sentence, and where each span of it is."""
    words, found, position = [w for w, _ in s], [], 0
    for word, tag in s:
        if tag[0] == "I":
            found[-1][1] = position + len(word)
        elif tag != "O":
            found.append([position, position + len(word), tag[2:]])
        position += len(word) + 1
    return " ".join(words), found


# The tokenizer would cut "#rain" in two.
TEXTS = [spaced(s) for s in SENTENCES if s[0][0] != "#"]
SPANNED = [s for s in SENTENCES if s[0][0] != "#"]


def objects(start, end, label, **more):
    return lambda spans: [{start: a, end: b, label: kind, **more} for a, b, kind in spans]


OFFSETS = {
    "lists": lambda t, spans: {"text": t, "spans": spans},
    "label": lambda t, spans: {"id": 3, "text": t, "label": spans},
    "labels": lambda t, spans: {"text": t, "labels": spans, "meta": {}},
    "entities": lambda t, spans: {"text": t, "entities": objects("start", "end", "label")(spans)},
    "start_offset": lambda t, spans: {
        "text": t,
        "entities": objects("start_offset", "end_offset", "label", id=1)(spans),
    },
    "begin and type": lambda t, spans: {"sentence": t, "spans": objects("begin", "end", "type")(spans)},
    "entity": lambda t, spans: {"text": t, "entities": objects("start", "end", "entity")(spans), "intent": "x"},
    "offset and length": lambda t, spans: {
        "text": t,
        "entities": [{"offset": a, "length": b - a, "category": kind} for a, b, kind in spans],
    },
    "quoted": lambda t, spans: {
        "text": t,
        "entities": [{"start": a, "end": b, "label": kind, "text": t[a:b]} for a, b, kind in spans],
    },
    "end included": lambda t, spans: {
        "content": t,
        "annotation": [
            {"label": [kind], "points": [{"start": a, "end": b - 1, "text": t[a:b]}]} for a, b, kind in spans
        ],
    },
    "results of several people": lambda t, spans: {
        "data": {"text": t},
        "annotations": [
            {"result": [{"value": {"start": a, "end": b, "text": t[a:b], "labels": [kind]}} for a, b, kind in spans]}
        ],
    },
    "labels in a list": lambda t, spans: {
        "text": t,
        "label": [{"start": a, "end": b, "text": t[a:b], "labels": [kind]} for a, b, kind in spans],
    },
    "words with offsets": lambda t, spans: {
        "text": t,
        "tokens": [
            {"text": w, "start": t.index(w), "end": t.index(w) + len(w), "id": n} for n, w in enumerate(t.split())
        ],
        "spans": objects("start", "end", "label", token_start=0)(spans),
    },
    "in any order": lambda t, spans: {"text": t, "spans": spans[::-1]},
    "with spaces": lambda t, spans: {"text": t, "spans": [[a, min(b + 1, len(t)), kind] for a, b, kind in spans]},
}


NAMES = ["O", "B-PER", "I-PER", "B-LOC", "B-ORG"]
NUMBERED = [{"tokens": [w for w, _ in s], "ner_tags": [NAMES.index(t) for _, t in s]} for s in SENTENCES]
NUMBERED_LINES = "".join(json.dumps(row) + "\n" for row in NUMBERED)
LISTED = {
    "tokens and tags": [{"tokens": w, "tags": t} for w, t in LISTS],
    "words and labels": [{"words": w, "labels": t} for w, t in LISTS],
    "shared data sets": [
        {"id": "0", "tokens": w, "pos_tags": [POS[x] for x in w], "ner_tags": t} for w, t in LISTS
    ],
    "objects": [{"tokens": [{"text": a, "ner": b} for a, b in s]} for s in SENTENCES],
    "objects with forms": [{"words": [{"form": a, "tag": b, "n": 1} for a, b in s]} for s in SENTENCES],
    "texts": [{"text": w, "labels": t} for w, t in STRINGS],
    "spans of words": [
        {"tokens": w, "entities": [{"type": t[n][2:], "start": n, "end": n + (2 if t[n:][1:2] == ["I-PER"] else 1)}
                                   for n in range(len(t)) if t[n][0] == "B"]}
        for w, t in LISTS
    ],
    "numbers with names": [{"tag_names": NAMES}, *NUMBERED],
    "numbers with names beside": [{**row, "tag_names": NAMES} for row in NUMBERED],
}  # fmt: skip


CONLLU = "".join(
    f"# text = {n}\n"
    + "".join(
        f"{k}\t{w}\t_\t{POS[w]}\t_\t_\t{k - 1}\tdep\t_\t{'_' if t == 'O' else f'NER={t}|SpaceAfter=No'}\n"
        for k, (w, t) in enumerate(s, 1)
    )
    + "\n"
    for n, s in enumerate(SENTENCES)
)
