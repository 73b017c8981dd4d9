"""What the service takes, what it refuses, and with which sentence."""

import json
import threading
import time

import pytest

from seqkit import load
from seqkit.serve import Limits
from seqkit.serve.runs import ServedRun

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def model(trained):
    return load(trained[0])


def labels(answered):
    return [answer["label"] for answer in answered.json()["answers"]]


def test_requests_of_many_clients_are_answered_together_and_each_gets_its_own(make_client, model):
    texts = [f"the film and its story with {word}" for word in ("wonderful", "dull", "moving", "awful") * 8]
    expected, found = [prediction.label for prediction in model.predict(texts)], {}
    with make_client() as client:
        held = threading.Event()

        def ask(number):
            held.wait()
            found[number] = client.post("/predict", json={"input": texts[number]}).json()["answer"]["label"]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(texts))]
        for thread in threads:
            thread.start()
        held.set()
        for thread in threads:
            thread.join()
        assert [found[number] for number in range(len(texts))] == expected
        counts = metrics(client)
    assert counts["seqkit_batched_inputs_total"] == len(texts)
    assert counts["seqkit_batches_total"] < len(texts)


def metrics(client):
    lines = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_one_input_that_cannot_be_read_costs_the_others_nothing(make_client, run):
    from seqkit.serve import open_served

    class Picky(ServedRun):
        def answer(self, items, options):
            if len(items) > 1:
                raise RuntimeError("one of them is poison")
            return super().answer(items, options)

    def open_run(path):
        opened = open_served(run, Limits())
        return Picky(opened.model, opened.version, Limits())

    with make_client(open_run=open_run) as client:
        gate, found = threading.Barrier(6), []

        def ask():
            gate.wait()
            found.append(client.post("/predict", json={"input": "a dull film"}).status_code)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [200] * 6


def test_a_blank_text_has_no_answer(make_client):
    with make_client() as client:
        assert client.post("/predict", json={"inputs": [" ", "a film", ""]}).json()["answers"][::2] == [None, None]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"[" * 100_000, 400, "inside each other"),
        (b'{"input": ' + b"[" * 40 + b"]" * 40 + b"}", 400, "inside each other"),
        (b'{"input": NaN}', 400, "no number of JSON"),
        (b'{"input": ' + b"9" * 5000 + b"}", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"[]", 422, "one JSON object"),
        (b"{}", 422, "either input"),
        (b'{"input": "a", "inputs": []}', 422, "either input"),
        (b'{"input": 3}', 422, "wrong type"),
        (b'{"input": "a", "unput": 1}', 422, "unknown field 'unput'"),
        (b'{"input": "a", "options": {"beam_size": 3}}', 422, "no options"),
        (b'{"input": "a", "run": "two"}', 404, "unknown run 'two'"),
    ],
)
def test_what_is_not_a_request_is_refused_in_a_sentence(make_client, body, status, words):
    with make_client() as client:
        answered = client.post("/predict", content=body, headers=JSON)
    assert answered.status_code == status
    assert words in answered.json()["error"]


def test_a_bracket_in_a_text_is_not_a_list(make_client):
    with make_client() as client:
        assert client.post("/predict", json={"input": 'a " \\ ' + "[" * 1000}).status_code == 200


def test_a_form_of_another_page_is_refused(make_client):
    with make_client() as client:
        answered = client.post("/predict", content=b'{"input": "a"}', headers={"content-type": "text/plain"})
    assert answered.status_code == 415


def test_a_body_that_is_too_large_is_refused_whether_or_not_it_says_so(make_client):
    def pieces():
        for _ in range(64):
            yield b" " * 1024

    with make_client(Limits(body_bytes=10_000)) as client:
        assert client.post("/predict", content=b" " * 10_001, headers=JSON).status_code == 413
        assert client.post("/predict", content=pieces(), headers=JSON).status_code == 413
        assert client.post("/predict", json={"input": "a film"}).status_code == 200


def test_too_many_inputs_and_too_long_ones_are_refused(make_client):
    with make_client(Limits(inputs=3, steps=5)) as client:
        assert client.post("/predict", json={"inputs": ["a"] * 4}).status_code == 422
        answered = client.post("/predict", json={"inputs": ["a", "the " * 6]})
    assert answered.status_code == 422
    assert answered.json()["error"].startswith("input 2: ")


class Slow(ServedRun):
    """Takes a while over each batch."""

    seconds = 0.5

    def answer(self, items, options):
        time.sleep(self.seconds)
        return super().answer(items, options)


@pytest.fixture
def slow(run):
    from seqkit.serve import open_served

    def open_run(path):
        opened = open_served(run, Limits())
        return Slow(opened.model, opened.version, Limits())

    return open_run


def test_an_answer_that_takes_too_long_is_given_up(make_client, slow):
    with make_client(Limits(seconds=0.1), open_run=slow) as client:
        answered = client.post("/predict", json={"input": "a film"})
    assert answered.status_code == 504
    assert "0.1 seconds" in answered.json()["error"]


def test_who_comes_while_too_many_wait_is_told_when_to_come_back(make_client, slow):
    with make_client(Limits(waiting=2), open_run=slow) as client:
        first = threading.Thread(target=client.post, args=("/predict",), kwargs={"json": {"inputs": ["a", "b"]}})
        first.start()
        time.sleep(0.15)
        answered = client.post("/predict", json={"input": "a film"})
        busy = client.get("/ready")
        first.join()
        assert client.get("/ready").status_code == 200
        # Nothing of what was answered is counted among what waits.
        for _ in range(2):
            assert client.post("/predict", json={"inputs": ["a", "b"]}).status_code == 200
        assert metrics(client)["seqkit_waiting_inputs"] == 0
    assert (answered.status_code, answered.headers["retry-after"]) == (503, "1")
    assert busy.status_code == 503


def test_only_who_knows_the_token_is_answered(make_client):
    with make_client(token="open sesame, please") as client:
        refused = client.post("/predict", json={"input": "a"})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        for wrong in ("Bearer open", "Basic open sesame, please", "Bearer ", "Bearer \xe4"):
            headers = {"authorization": wrong.encode("latin-1")}
            assert client.get("/runs", headers=headers).status_code == 401
        answered = client.post("/predict", json={"input": "a"}, headers={"authorization": "Bearer open sesame, please"})
        assert answered.status_code == 200
        assert client.get("/health").status_code == client.get("/").status_code == 200
        assert client.get("/metrics").status_code == client.get("/openapi.json").status_code == 401


def test_a_page_that_calls_itself_otherwise_reaches_nothing(make_client):
    with make_client() as client:
        assert client.get("/runs", headers={"host": "evil.example:8000"}).status_code == 421
        assert client.get("/runs", headers={"host": "127.0.0.1:8000"}).status_code == 200
    with make_client(is_local=False) as client:
        assert client.get("/runs", headers={"host": "models.example"}).status_code == 200


def test_several_runs_are_told_apart_by_name(make_client):
    with make_client(paths=("one", "two")) as client:
        assert [run["name"] for run in client.get("/runs").json()["runs"]] == ["one", "two"]
        assert "say which run: one, two" in client.post("/predict", json={"input": "a"}).json()["error"]
        assert client.post("/predict", json={"input": "a", "run": "two"}).json()["run"] == "two"
        assert client.post("/runs/one/predict", json={"input": "a"}).json()["run"] == "one"
        assert client.post("/runs/one/predict", json={"input": "a", "run": "two"}).status_code == 422
        assert client.get("/runs/..%2f..%2fetc").status_code == 404


def test_wrong_paths_and_methods_are_reported_in_json(make_client):
    with make_client() as client:
        assert "Not Found" in client.get("/nothing").json()["error"]
        answered = client.get("/predict")
        assert (answered.status_code, answered.headers["allow"]) == (405, "POST")


def test_an_error_that_nobody_foresaw_is_logged_with_signs_and_kept_from_the_client(make_client, run, caplog):
    class Broken(ServedRun):
        def prepare(self, value):
            raise RuntimeError(f"\x1b]0;owned\x07 {value} secret")

    from seqkit.serve import open_served

    def open_run(path):
        opened = open_served(run, Limits())
        return Broken(opened.model, opened.version, Limits())

    with make_client(open_run=open_run) as client:
        answered = client.post("/predict", json={"input": "a\nb"})
        assert answered.status_code == 500
        assert "secret" not in answered.text
        assert client.get("/health").status_code == 200
    assert "␛]0;owned␇" in caplog.text
    assert "\x1b" not in caplog.text


def test_metrics_never_hold_what_a_client_wrote(make_client):
    with make_client() as client:
        client.get("/runs/x%22%7D%201%0Afake_total%209")
        client.get("/zzz")
        text = client.get("/metrics").text
    assert "fake_total" not in text
    assert "zzz" not in text
    assert 'endpoint="/runs/{name}",status="404"' in text


def test_the_page_needs_nobody_else_and_runs_no_script_but_its_own(make_client):
    with make_client() as client:
        page = client.get("/")
        files = [client.get(path).text for path in ("/page.js", "/page.css")]
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "style=" not in page.text
    assert "onclick" not in page.text
    for text in (page.text, *files):
        assert "http://" not in text
        assert "https://" not in text
    assert not {"innerHTML", "insertAdjacentHTML", "document.write", "eval("} & {*files[0].replace("(", "( ").split()}


@pytest.mark.parametrize("text", ["\ud800", "\x00\x1b[2J", "a" * 100_000, "../../etc/passwd", "{{7*7}}", "\u202e"])
def test_any_text_has_an_answer(make_client, text):
    with make_client() as client:
        answered = client.post("/predict", content=json.dumps({"input": text}), headers=JSON)
    assert answered.status_code == 200
    assert answered.json()["answer"]["label"]


def test_who_does_not_read_is_left_after_a_while():
    import asyncio

    from seqkit.serve.guard import Guard, send_json
    from seqkit.serve.metrics import Metrics

    async def application(scope, receive, send):
        await send_json(send, {})

    async def never(message):
        await asyncio.Event().wait()

    scope = {"type": "http", "path": "/predict", "headers": [(b"host", b"localhost")]}
    guard = Guard(application, Metrics(), None, True, send_seconds=0.05)
    asyncio.run(asyncio.wait_for(guard(scope, None, never), 5))


def test_a_limit_of_time_leaves_a_task_that_was_cancelled_for_another_reason():
    import asyncio

    from seqkit.serve.deadline import Deadlines

    deadlines = Deadlines()

    async def wait(seconds):
        with deadlines.within(seconds, lambda: ValueError("late")):
            await asyncio.sleep(5)

    async def cancelled():
        task = asyncio.create_task(wait(5))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    with pytest.raises(ValueError, match="late"):
        asyncio.run(wait(0.01))
