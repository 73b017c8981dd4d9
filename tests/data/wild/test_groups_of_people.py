"""Groups in every task: nothing of a speaker, a document or a person is in two splits."""

import random

import pytest

from seqkit.config import make_config
from seqkit.errors import SeqkitError
from seqkit.runs import find_task


def splits_of(task, path, notes, **options):
    kind = find_task(task)
    return kind.read(make_config(kind.config, {"data": str(path), **options}), notes)


def groups_by_split(splits, group):
    return [{group(example) for example in split} for split in (splits.train, splits.valid, splits.test)]


def check_apart(groups, notes, column):
    assert all(groups), "a split is empty"
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert any(note.startswith(f"no value of {column!r} is divided: ") for note in notes)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_pairs_of_a_document_stay_together_and_those_that_share_a_source_join_their_documents(tmp_path, name):
    mark = "," if name == "a.csv" else "\t"
    rows = [(f"go {n}", f"va {n}", f"d{n // 3}") for n in range(60)] + [("go 0", "allez 0", "d19")]
    (tmp_path / name).write_text("".join(mark.join(row) + "\n" for row in [("source", "target", "doc"), *rows]))
    notes = []
    splits = splits_of("translate", tmp_path / name, notes, group_column="doc", max_characters=50)
    document = {source: doc for source, _, doc in rows[:60]}
    groups = groups_by_split(splits, lambda pair: document[pair.source])
    check_apart(groups, notes, "doc")
    # d0 and d19 have a source in common.
    assert any({"d0", "d19"} <= group for group in groups)


COLUMNS = "doc word tag\n" + "\n".join(
    "".join(f"d{n // 2} w{n}x{k} {'BA'[k % 2]}\n" for k in range(3)) for n in range(30)
)
TAGGED = {
    "a.conll": (COLUMNS, "doc"),
    "a.jsonl": ("".join(f'{{"tokens": ["w{n}"], "tags": ["A"], "doc": "d{n // 2}"}}\n' for n in range(30)), "doc"),
    "a.csv": ("doc,tokens,tags\n" + "".join(f"d{n // 2},w{n} x,A B\n" for n in range(30)), "doc"),
    "a.conllu": (
        "".join(
            (f"# newdoc id = d{n // 2}\n" if n % 2 == 0 else "") + f"1\tw{n}\t_\tN\t_\t_\t0\troot\t_\t_\n\n"
            for n in range(30)
        ),
        "newdoc id",
    ),
}


@pytest.mark.parametrize("name", TAGGED)
def test_sentences_of_a_document_stay_together_in_every_form(tmp_path, name):
    content, column = TAGGED[name]
    (tmp_path / name).write_text(content)
    notes = []
    splits = splits_of("tag", tmp_path / name, notes, group_column=column)
    groups = groups_by_split(splits, lambda sentence: sentence.group)
    check_apart(groups, notes, column)
    assert len(set.union(*groups)) == 15
    assert all(sentence.group == f"d{int(sentence.words[0][1:].split('x')[0]) // 2}" for sentence in splits.train)


def test_sequences_of_a_person_stay_together_and_the_person_is_not_a_feature(tmp_path):
    generator = random.Random(0)
    for n in range(12):
        rows = [f"{generator.random()},{'ab'[k % 2]},p{n // 2}" for k in range(4)]
        (tmp_path / f"{n:02}.csv").write_text("x,label,who\n" + "\n".join(rows) + "\n")
    notes = []
    splits = splits_of("frames", tmp_path, notes, group_column="who")
    check_apart(groups_by_split(splits, lambda clip: clip.group), notes, "who")
    assert splits.train[0].clip.layout.names == ("x",)


@pytest.mark.parametrize(
    ("task", "name", "content", "message"),
    [
        ("tag", "a.conll", COLUMNS.replace("d3 ", "  "), "a.conll:"),
        ("tag", "a.conll", COLUMNS.replace("d3 w6x1", "d4 w6x1"), "are of two groups, 'd3' and 'd4'; correct it"),
        ("tag", "a.jsonl", TAGGED["a.jsonl"][0] + '{"tokens": ["x"], "tags": ["A"]}\n', "a.jsonl:31: no key 'doc'"),
        ("tag", "a.csv", TAGGED["a.csv"][0] + ",a b,A B\n", "a.csv:32: 'doc' is empty; name the group of the sentence"),
        ("translate", "a.csv", "source,target\na,b\n", "no column 'doc' (the columns are source, target)"),
        (
            "translate",
            "a.csv",
            "source,target,doc\na,b,\n",
            "a.csv:2: column 'doc' is empty; name the group of the row",
        ),
    ],
)
def test_a_row_without_its_group_is_named(tmp_path, task, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(SeqkitError) as caught:
        splits_of(task, tmp_path / name, [], group_column="doc")
    assert message in str(caught.value)
