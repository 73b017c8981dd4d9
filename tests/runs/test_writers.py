"""What the writers of answers make of rows."""

import io
import json

from seqkit.runs.answers import AnsweredRow
from seqkit.runs.rows import InputRow
from seqkit.runs.writers import JsonArrayWriter


def test_an_array_of_answers_is_json_with_an_object_for_each_row():
    file = io.StringIO()
    writer = JsonArrayWriter(lambda label: (label, {"label": label}), file)
    for text, label in (("fine", "good"), ("dull", "bad"), ("so", "bad")):
        writer.write([AnsweredRow(InputRow(text, values={"text": text}), label)])
    writer.finish()
    assert [row["predicted_label"] for row in json.loads(file.getvalue())] == ["good", "bad", "bad"]
    assert [row["text"] for row in json.loads(file.getvalue())] == ["fine", "dull", "so"]
