"""Every task answers over HTTP as its model does in Python."""

import json
import math

import pytest

from tests.serve.clients import as_json


def same(one, other):
    if isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6)
    if isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in other)
    if isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.fixture(scope="module")
def inputs(trial, served):
    raws = trial.inputs(trial.examples[:12])
    return [as_json(raw, served.inputs.kind) for raw in raws]


@pytest.fixture(scope="module")
def expected(trial, served, inputs):
    """What ``model.predict`` says of the same inputs."""
    raws = [served.inputs.read(value) for value in inputs]
    predictions = trial.model.predict(raws)
    return [json.loads(json.dumps(trial.task.format_prediction(each)[1])) for each in predictions]


def test_many_inputs_are_answered_as_the_model_answers_them(client, inputs, expected):
    answered = client.post("/predict", json={"inputs": inputs})
    assert answered.status_code == 200, answered.text
    assert same(answered.json()["answers"], expected)


def test_one_input_is_answered_as_among_many(client, inputs, expected):
    answers = [client.post("/predict", json={"input": value}).json()["answer"] for value in inputs[:4]]
    assert same(answers, expected[:4])


def test_the_document_describes_what_is_read(client, served):
    document = client.get("/openapi.json").json()
    # null is no bound.
    assert ": null" not in json.dumps(document["paths"])
    one, _ = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert one["properties"]["input"] == served.input_schema()


@pytest.mark.parametrize(
    "wrong", [None, True, 3, {}, [[[]]], [None], ["a", 1], [[1e999]], "/etc/passwd", "\x00", "../.."]
)
def test_an_input_of_another_kind_is_a_sentence_or_an_answer_and_never_a_failure(client, wrong):
    body = json.dumps({"input": wrong}).replace("Infinity", "1e999")
    answered = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answered.status_code in (200, 422), answered.text
    assert answered.status_code == 200 or answered.json()["error"]


def test_a_text_never_names_a_file(client, served, tmp_path):
    (tmp_path / "secret.csv").write_text("1,2\n")
    if served.inputs.kind in ("frames", "picture", "numbers", "vectors"):
        answered = client.post("/predict", json={"input": str(tmp_path / "secret.csv")})
        assert answered.status_code == 422
        assert "secret" not in answered.json()["error"]


def test_what_a_run_can_do_is_what_its_facts_say(client, inputs):
    facts = client.get("/runs/one").json()
    explained = client.post("/explain", json={"input": inputs[0]})
    assert (explained.status_code == 200) == facts["explains"], explained.text
    written = client.post("/generate", json={"prompt": "a", "length": 3})
    assert (written.status_code == 200) == facts["generates"]
    stepped = client.post("/stream", json={"steps": []})
    assert (stepped.status_code == 200) == facts["streams"]


def test_an_explanation_has_a_value_for_each_step(client, inputs):
    if not client.get("/runs/one").json()["explains"]:
        return
    inside = client.post("/explain", json={"input": inputs[0]}).json()
    for part in inside["influence"].values():
        assert len(part["steps"]) == len(part["values"])
    for layer in inside["layers"]:
        assert all(len(values) == len(layer["steps"]) for values in layer["states"].values())
    assert inside["layers"]


def test_a_table_is_read_where_inputs_are_numbers(client, served, inputs):
    kind, names = served.inputs.kind, list(served.inputs.names)
    rows = {"frames": lambda: inputs[0], "numbers": lambda: inputs, "vectors": lambda: inputs[0]}.get(kind, list)()
    plain = "\n".join(",".join(map(repr, row)) for row in rows)
    answered = client.post("/predict", content=plain, headers={"content-type": "text/csv; charset=utf-8"})
    if not rows:
        assert answered.status_code == 415
        assert "reads no table" in answered.json()["error"]
        return
    wanted = client.post("/predict", json={"inputs" if kind == "numbers" else "input": rows}).json()
    assert same(answered.json(), wanted)
    if names:
        turned = [names[::-1], *(row[::-1] for row in rows)]
        named = "\r\n".join(",".join(map(str, row)) for row in turned)
        assert same(client.post("/predict", content=named, headers={"content-type": "text/csv"}).json(), wanted)
    for wrong, words in (("1,2\nx,3", "row 2 of the table has 'x'"), (b"\xff\xfe1", "not CSV in UTF-8")):
        refused = client.post("/predict", content=wrong, headers={"content-type": "text/csv"})
        assert refused.status_code in (400, 422)
        assert words in refused.json()["error"]


def test_a_missing_number_of_a_frame_is_null(client, served, inputs):
    if served.inputs.kind != "frames":
        pytest.skip("it reads no frames")
    gap = [None, *inputs[0][0][1:]]
    answered = client.post("/predict", json={"input": [gap, *inputs[0][1:]]})
    assert answered.status_code == 200
    table = "\n".join(",".join("" if cell is None else repr(cell) for cell in row) for row in [gap, *inputs[0][1:]])
    as_table = client.post("/predict", content=table, headers={"content-type": "text/csv"})
    assert same(as_table.json(), answered.json())
