"""The service as a process: what it does on a socket that nobody treats kindly, and how it stops."""

import asyncio
import concurrent.futures
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from benchmarks.serve import trial_under_load, workers_of
from seqkit import load
from seqkit.export.write import export
from tests.serve.process import Service

pytestmark = pytest.mark.command


@pytest.fixture(scope="module")
def service(run):
    with Service(run) as service:
        yield service


def test_a_process_answers_and_says_where(service, run):
    assert f"serving {run.name} at http://127.0.0.1:" in service.errors[0]
    assert service.post({"input": "a wonderful film"})["answer"]["label"]


HOSTILE = [
    b"",
    b"\x00\x01\x02",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
    b"GET /\x1b[2J HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_no_bytes_end_the_service_or_steer_a_terminal(service, content):
    service.raw(content, 0.5)
    assert service.post({"input": "a dull film"})["answer"]["label"]
    assert "\x1b" not in "".join(service.errors)


def test_clients_that_begin_and_send_no_more_keep_nobody_waiting(service):
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n"
    begun = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(200)]
    try:
        for number, connection in enumerate(begun):
            connection.sendall((b"", b"POST /pre", head, head + b"\r\n{")[number % 4])
        began = time.monotonic()
        assert service.post({"input": "a dull film"})["answer"]["label"]
        assert time.monotonic() - began < 5
    finally:
        for connection in begun:
            connection.close()


@pytest.mark.slow
def test_a_connection_that_stays_silent_is_ended(service):
    for content in (b"", b"POST /predict HTTP/1.1\r\nHo"):
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(content)
            connection.settimeout(60)
            with pytest.raises(ConnectionResetError):
                raise ConnectionResetError if connection.recv(1) == b"" else AssertionError
    body = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    assert service.raw(body, 60).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_stop_answers_what_was_taken(run, workers):
    with Service(run, "--workers", workers) as service:
        service.post({"input": "a film"})
        texts = ["the film and its story with a dull actor"] * 200
        taken, outcomes = threading.Semaphore(0), []

        def ask():
            taken.release()
            try:
                outcomes.append(len(service.post({"inputs": texts})["answers"]))
            except urllib.error.URLError as error:
                # It was not taken: the socket was closed before.
                outcomes.append(error.reason)

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for _ in range(16):
                pool.submit(ask)
            for _ in range(16):
                taken.acquire()
            time.sleep(0.1)
            service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) in (0, -signal.SIGTERM)
    assert 200 in outcomes
    assert all(
        outcome == 200 or isinstance(outcome, ConnectionRefusedError | ConnectionResetError) for outcome in outcomes
    ), outcomes


@pytest.mark.slow
def test_killed_workers_and_a_new_version_cost_no_request_its_answer(run, tmp_path):
    # An export starts in a moment; the service around it is the same.
    pytest.importorskip("onnxruntime")
    folder = tmp_path / "model"
    export(run, out=folder)
    lines = [f"the film was {word} and {other}" for word in ("wonderful", "dull") for other in ("long", "moving")]
    expected = [prediction.label for prediction in load(run).predict(lines)]
    with Service(folder, "--workers", 2) as service:
        service.post({"input": "a film"})
        first = workers_of(service.process.pid)
        assert len(first) == 2
        shocks = [
            lambda: os.kill(first[0], signal.SIGKILL),
            lambda: os.utime(folder / "runtime.json"),
            lambda: os.kill(first[1], signal.SIGKILL),
        ]
        found = asyncio.run(trial_under_load(service.port, lines, expected, shocks, flights=200, turns=20))
        assert found.answered >= 4000
        assert found.wrong == 0
        assert found.repeated
        end = time.monotonic() + 60
        while len(workers_of(service.process.pid)) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        assert not {*first} & {*workers_of(service.process.pid)}
        assert service.post({"input": "a film"})["answer"]["label"]


def test_wrong_options_are_reported_in_a_sentence(run, command, tmp_path):
    short = tmp_path / "token"
    short.write_text("1234")
    other = tmp_path / "other"
    other.write_text("schlüssel für alle meine Modelle", "utf-8")
    for options, words in (
        (["--port", "70000"], "--port must be from 0 to 65535"),
        (["--workers", "0"], "--workers must be at least 1"),
        (["--token-file", short], "fewer than 16 characters"),
        (["--token-file", other], "must be one line of ASCII characters"),
        (["--key-file", tmp_path / "none"], "cannot be read"),
    ):
        done = command("serve", run, *options)
        assert done.returncode == 2
        assert words in done.stderr
    done = command("serve", tmp_path / "nothing")
    assert done.returncode != 0
    assert str(tmp_path / "nothing") in done.stderr


@pytest.mark.parametrize("token", ["1234", "schlüssel für alle meine Modelle"])
def test_a_token_of_the_environment_is_looked_at_as_one_of_a_file_is(token, run, command, monkeypatch):
    monkeypatch.setenv("SEQKIT_SERVE_TOKEN", token)
    done = command("serve", run)
    assert done.returncode == 2
    assert "seqkit: SEQKIT_SERVE_TOKEN " in done.stderr


def test_a_port_that_is_taken_is_reported_in_a_sentence(service, run, command):
    done = command("serve", run, "--port", service.port)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {service.port}" in done.stderr


def test_a_socket_is_refused_in_a_sentence_and_a_silent_end_is_not_an_error(service):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{service.port}/stream")
    assert refused.value.response.status_code == 422
    assert b"whole inputs" in refused.value.response.body
    assert "unexpected" not in "".join(service.errors)


@pytest.mark.slow
def test_schemathesis_finds_nothing_in_what_the_document_promises(service):
    if importlib.util.find_spec("schemathesis") is None:
        pytest.skip("schemathesis is not installed")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.address}/openapi.json"]
    options = ["--max-examples", "20", "--seed", "1", "--request-timeout", "60"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
