"""Everything that reads what others have made, each with small files that it accepts."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.chaos.own_files import OWN_FILES
from benchmarks.chaos.reader import Make, Read, Reader
from benchmarks.chaos.subjects import DATA, TASKS, data_of
from seqkit.config import make_config, read_toml
from seqkit.data import read_lines, read_records
from seqkit.data.frames.arrays import read_array
from seqkit.data.pair_files import read_pairs
from seqkit.data.pictures.captions import read_captioned
from seqkit.data.pictures.picture import read_picture
from seqkit.data.tagged import read_tagged
from seqkit.data.vector_files import load_vectors
from seqkit.report.page import page
from seqkit.report.run_files import read_run_files
from seqkit.runs import find_task, load
from seqkit.training.checkpoint import read_tensors

_PICTURES = ("png", "jpeg", "gif", "bmp", "webp")


def _fixed(ending: str, seeds: Sequence[bytes], read: Read) -> Make:
    return lambda scratch: Reader(ending, seeds, read)


def _table(ending: str, pack: Callable[[bytes], bytes] = bytes) -> Make:
    rows = [{"text": f"a film {n}, “naïve”", "label": ("good", "bad")[n % 2]} for n in range(12)]
    texts = {
        ".csv": "text,label\n" + "".join(f'"{row["text"]}",{row["label"]}\n' for row in rows),
        ".tsv": "text\tlabel\n" + "".join(f"{row['text']}\t{row['label']}\n" for row in rows),
        ".jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        ".json": json.dumps(rows, indent=1),
    }
    kind = next(kind for kind in texts if ending.startswith(kind) and not (kind == ".json" and "jsonl" in ending))
    return _fixed(ending, [pack(texts[kind].encode())], lambda path: [*read_records(path)])


def _task(task: str) -> Make:
    """Everything that a task does with its data before it trains."""

    def made(scratch: Path) -> Reader:
        kind, data = find_task(task), data_of(task)
        path = data if data.is_file() else next(each for each in sorted(data.rglob("*")) if each.suffix != ".png")
        read = lambda file: kind.read(make_config(kind.config, {"data": str(file)}), [])  # noqa: E731
        return Reader(path.suffix, [path.read_bytes()], read)

    return made


_WORDS = [("Ann", "B-PER"), ("sings", "O"), ("in", "O"), ("New", "B-LOC"), ("York", "I-LOC")]
_LISTS = {"tokens": [word for word, _ in _WORDS], "tags": [tag for _, tag in _WORDS]}
_SPANNED = {"text": "Ann sings in New York", "spans": [{"start": 0, "end": 3, "label": "PER"}]}
_VALUE = {"start": 0, "end": 3, "labels": ["PER"]}
_ENTITIES = {"data": {"text": "Ann sings"}, "annotations": [{"result": [{"value": _VALUE}]}]}
_TAGGED = {
    ".conll": ["".join(f"{word} {tag}\n" for word, tag in _WORDS) + "\n"],
    ".conllu": [
        "# sent_id = 1\n"
        + "".join(f"{n}\t{w}\t_\tX\t_\t_\t{n - 1}\t_\t_\tNER={t}\n" for n, (w, t) in enumerate(_WORDS, 1))
        + "\n"
    ],
    ".jsonl": [json.dumps(each) + "\n" for each in (_LISTS, _SPANNED, _ENTITIES)],
    ".json": [json.dumps([_LISTS]), json.dumps({"data": [_SPANNED]}), json.dumps([_ENTITIES], indent=1)],
    ".csv": [
        "sentence,word,tag\n" + "".join(f"1,{word},{tag}\n" for word, tag in _WORDS),
        "tokens;tags\n\"['Ann', 'sings']\";\"['B-PER', 'O']\"\n",
    ],
}


def _tagged(ending: str) -> Make:
    return _fixed(ending, [text.encode() for text in _TAGGED[ending]], read_tagged)


def _standoff(scratch: Path) -> Reader:
    """Spans beside a text that stays as it is."""
    folder = scratch / "brat"
    folder.mkdir()
    (folder / "a.txt").write_text("Ann sings\nin New York.\n", "utf-8")
    seed = b"T1\tPER 0 3\tAnn\nT2\tLOC 13 16;17 21\tNew York\nR1\tat Arg1:T1 Arg2:T2\n"
    return Reader(".ann", [seed], _copying(folder / "a.ann", lambda: read_tagged(folder)))


def _copying(place: Path, read: Callable[[], object]) -> Read:
    def copy_and_read(path: Path) -> object:
        shutil.copyfile(path, place)
        return read()

    return copy_and_read


_PAIRS = {
    ".tsv": ["a film\tun film\na song\tune chanson\n", "id\tenglish\tfrench\n1\ta film\tun film\n"],
    ".csv": ["source,target\na film,un film\n"],
    ".jsonl": ['{"translation": {"en": "a film", "fr": "un film"}}\n'],
}


def _pairs(ending: str) -> Make:
    return _fixed(ending, [text.encode() for text in _PAIRS[ending]], lambda path: [*read_pairs(path)])


_LEXICON = b";;; comment\nBAT  B AE1 T\nCAT(1)  K AE1 T # from\nDOG\tD AO1 G\n"


def _captions(ending: str) -> Make:
    def made(scratch: Path) -> Reader:
        folder = Path(shutil.copytree(DATA / "data/pictures", scratch / "pictures"))
        names = sorted(path.name for path in folder.glob("*.png"))
        for path in folder.glob("captions.*"):
            path.unlink()
        read = _copying(folder / f"captions{ending}", lambda: read_captioned(folder, 16, False))
        return Reader(ending, [_caption_text(ending, names[:3]).encode()], read)

    return made


def _caption_text(ending: str, names: Sequence[str]) -> str:
    if ending == ".json":
        images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
        return json.dumps({"images": images, "annotations": [{"image_id": 0, "caption": "a dot"}]})
    sign = "\t" if ending == ".tsv" else ","
    return f"image{sign}caption\n" + "".join(f"{name}{sign}a dot\n" for name in names)


def _pictures(scratch: Path) -> Reader:
    from PIL import Image

    image = Image.open(next(iter(sorted((DATA / "data/pictures").glob("*.png")))))
    seeds = []
    for kind in _PICTURES:
        image.convert("RGB").save(content := io.BytesIO(), kind)
        seeds.append(content.getvalue())
    return Reader(".png", seeds, lambda path: read_picture(path, 16, False))


def _arrays(ending: str) -> Make:
    def made(scratch: Path) -> Reader:
        content, values = io.BytesIO(), np.arange(12, dtype=np.float32).reshape(4, 3)
        if ending == ".npy":
            np.save(content, values)
        else:
            np.savez_compressed(content, features=values, labels=np.array(["a", "b", "a", "b"]))
        return Reader(ending, [content.getvalue()], lambda path: read_array(path, None))

    return made


def _tensors(scratch: Path) -> Reader:
    return Reader(".safetensors", [(DATA / "digit/model.safetensors").read_bytes()], read_tensors)


def _settings(scratch: Path) -> Reader:
    # The name of the task stands on the command line.
    lines = (DATA / "sentiment/config.toml").read_text("utf-8").splitlines(keepends=True)
    seed = "".join(line for line in lines if not line.startswith("task"))
    config = find_task("sentiment").config
    return Reader(".toml", [seed.encode()], lambda path: make_config(config, read_toml(path), str(path)))


def _run_file(task: str, name: str) -> Make:
    """A file of a run, whose digest fits whatever is in it."""

    def made(scratch: Path) -> Reader:
        run = Path(shutil.copytree(DATA / task, scratch / "run"))
        _sign(run)
        seed = (run / name).read_bytes()

        def signed_and_read() -> object:
            if name != "run.json":
                _sign(run)
            return load(run)

        return Reader(Path(name).suffix, [seed], _copying(run / name, signed_and_read))

    return made


def _result_file(name: str) -> Make:
    """A file that the report of a run is made of."""

    def made(scratch: Path) -> Reader:
        run = Path(shutil.copytree(DATA / "sentiment", scratch / "run"))
        config = (run / "config.toml").read_text("utf-8").replace("/runs-of-0-1-0", str(DATA.resolve()))
        (run / "config.toml").write_text(config, "utf-8")
        _sign(run)
        page(read_run_files(run))
        return Reader(
            Path(name).suffix, [(run / name).read_bytes()], _copying(run / name, lambda: page(read_run_files(run)))
        )

    return made


def _sign(run: Path) -> None:
    manifest = run / "run.json"
    facts = json.loads(manifest.read_text("utf-8"))
    for name in facts["digests"]:
        facts["digests"][name] = hashlib.blake2b((run / name).read_bytes(), digest_size=16).hexdigest()
    manifest.write_text(json.dumps(facts), "utf-8")


def _lines(scratch: Path) -> Reader:
    texts = ["a film\nnaïve\n", "one\r\ntwo\r\n", "one\rtwo\r"]
    seeds = [text.encode(encoding) for text in texts for encoding in ("utf-8", "utf-16", "utf-32", "cp1252")]
    return Reader(".txt", seeds, lambda path: [*read_lines(path)])


class ServerFault(Exception):
    """An answer that says that the service is at fault."""


_REQUESTS = {
    "predict": ['{"input": "a film"}', '{"inputs": ["a film", "b"], "options": {"top": 2}}'],
    "explain": ['{"input": "a film", "units": true}'],
    "stream": ['{"steps": ["a", "film"], "end": true}', '{"steps": ["a"], "save": true}'],
    "generate": ['{"prompt": "a", "length": 4, "temperature": 0.5, "seed": 1}'],
}


def _requests(endpoint: str) -> Make:
    """The body of a request to a service, which may refuse it, but is not at fault."""

    def made(scratch: Path) -> Reader:
        from starlette.testclient import TestClient

        from seqkit.serve import make_app

        run = Path(shutil.copytree(DATA / ("charlm" if endpoint == "generate" else "sentiment"), scratch / "run"))
        _sign(run)
        client = ExitStack().enter_context(TestClient(make_app({"run": run}), base_url="http://localhost"))

        def ask(path: Path) -> None:
            said = client.post(f"/{endpoint}", content=path.read_bytes(), headers={"content-type": "application/json"})
            if said.status_code >= 500:
                raise ServerFault(f"{said.status_code} {said.text}")

        return Reader(".json", [text.encode() for text in _REQUESTS[endpoint]], ask)

    return made


_SENTIMENT_FILES = ("run.json", "config.toml", "vocab.json", "labels.json")
READERS: dict[str, Make] = {
    **{f"table {ending}": _table(ending) for ending in (".csv", ".tsv", ".jsonl", ".json")},
    "table .csv.gz": _table(".csv.gz", gzip.compress),
    "table .csv.bz2": _table(".csv.bz2", bz2.compress),
    "table .csv.xz": _table(".csv.xz", lzma.compress),
    "lines": _lines,
    **{f"tags {ending}": _tagged(ending) for ending in _TAGGED},
    "tags .ann": _standoff,
    **{f"pairs {ending}": _pairs(ending) for ending in _PAIRS},
    "lexicon": _fixed(".dict", [_LEXICON], lambda path: [*read_pairs(path, symbols=True)]),
    **{f"captions {ending}": _captions(ending) for ending in (".tsv", ".csv", ".json")},
    "pictures": _pictures,
    "array .npy": _arrays(".npy"),
    "array .npz": _arrays(".npz"),
    "vectors": _fixed(".txt", [b"2 3\nfilm 1 2 3\nplot 2 3 4\n", b"film 1 2 3\nplot 2 3 4\n"], load_vectors),
    "tensors": _tensors,
    "settings": _settings,
    **{f"run {name}": _run_file("sentiment", name) for name in _SENTIMENT_FILES},
    "run features.json": _run_file("digit", "features.json"),
    "run characters.json": _run_file("tag", "characters.json"),
    "run pictures.json": _run_file("caption", "pictures.json"),
    "run spacing.json": _run_file("g2p", "spacing.json"),
    **{f"report {name}": _result_file(name) for name in ("results.json", "report.json", "metrics.jsonl")},
    **{f"request {endpoint}": _requests(endpoint) for endpoint in _REQUESTS},
    **{f"task {task}": _task(task) for task in TASKS},
    **OWN_FILES,
}
