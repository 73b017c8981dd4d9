"""Streams: equal to the whole sequence, wherever they are, and texts that are written while one reads."""

import base64
import hmac
import json
import random

import numpy as np
import pytest

from seqkit.serve import Limits
from seqkit.serve.runs import ServedRun
from seqkit.serve.tokens import from_token, to_token
from seqkit.topologies.next_step import NextStep
from seqkit.topologies.synced.frames import SyncedFrames
from tests.serve.clients import client_of, tiny


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return tiny("frames", tmp_path_factory.mktemp("frames"), SyncedFrames, bidirectional=False, delay=2)


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    return tiny("charlm", tmp_path_factory.mktemp("charlm"), NextStep)


def server(model, key=b"k" * 32, version="v1", limits=None):
    served = ServedRun(model, version, limits or Limits())
    return client_of(limits, open_run=lambda path: served, key=key)


@pytest.fixture(scope="module")
def sequence(frames):
    generator, size = random.Random(3), frames.codec.layout.size
    return [[round(generator.gauss(0, 1), 3) for _ in range(size)] for _ in range(11)]


def test_a_stream_over_a_socket_answers_as_the_whole_sequence_is_answered(frames, sequence):
    with server(frames) as client:
        whole = client.post("/predict", json={"input": sequence}).json()["answer"]["labels"]
        with client.websocket_connect("ws://localhost/stream") as socket:
            found = []
            for frame in sequence:
                socket.send_text(json.dumps({"steps": [frame]}))
                found += socket.receive_json()["answers"]
            socket.send_text(json.dumps({"end": True}))
            found += socket.receive_json()["answers"]
    assert [answer["label"] for answer in found] == whole
    assert [answer["frame"] for answer in found] == list(range(1, len(whole) + 1))


def test_a_stream_moves_between_two_servers_bit_equal(frames, sequence):
    with server(frames) as one, server(frames) as other:
        with one.websocket_connect("ws://localhost/stream") as socket:
            socket.send_text(json.dumps({"steps": sequence, "end": True}))
            expected = socket.receive_json()["answers"]
        found, token = [], None
        for number, frame in enumerate(sequence):
            request = {"steps": [frame]} if token is None else {"steps": [frame], "token": token}
            reply = (one, other)[number % 2].post("/stream", json=request).json()
            found, token = found + reply["answers"], reply["token"]
        found += other.post("/stream", json={"token": token, "end": True}).json()["answers"]
    assert found == expected


def test_a_stream_moves_from_a_socket_to_another_one(frames, sequence):
    with server(frames) as client:
        with client.websocket_connect("ws://localhost/stream") as socket:
            socket.send_text(json.dumps({"steps": sequence[:5], "save": True}))
            reply = socket.receive_json()
            socket.send_text(json.dumps({"steps": sequence[5:], "end": True}))
            expected = socket.receive_json()["answers"]
        with client.websocket_connect("ws://localhost/stream") as socket:
            socket.send_text(json.dumps({"token": reply["token"], "steps": sequence[5:], "end": True}))
            assert socket.receive_json()["answers"] == expected


def test_a_token_that_was_changed_or_signed_by_another_is_refused(frames, sequence):
    with server(frames) as client, server(frames, key=b"other" * 8) as stranger:
        token = client.post("/stream", json={"steps": sequence[:3]}).json()["token"]
        signed = bytearray(base64.urlsafe_b64decode(token))
        for place in (0, 31, 40, len(signed) - 1):
            changed = bytearray(signed)
            changed[place] ^= 1
            forged = base64.urlsafe_b64encode(changed).decode()
            assert client.post("/stream", json={"token": forged}).status_code == 403
        for forged in ("", "a", "ä" * 60, token[:-8], "A" * 10_000):
            assert client.post("/stream", json={"token": forged}).status_code == 403
        assert stranger.post("/stream", json={"token": token}).status_code == 403
        assert client.post("/stream", json={"token": token}).status_code == 200


def test_what_was_signed_with_the_key_for_something_else_is_no_token(frames, sequence):
    key = b"key" * 8
    with server(frames, key=key) as client:
        token = client.post("/stream", json={"steps": sequence[:3]}).json()["token"]
        content = base64.urlsafe_b64decode(token)[32:]
        other = base64.urlsafe_b64encode(hmac.digest(key, content, "sha256") + content).decode()
        assert client.post("/stream", json={"token": other}).status_code == 403


def test_a_token_of_another_version_of_the_run_is_refused(frames, sequence):
    with server(frames) as client, server(frames, version="v2") as newer:
        token = client.post("/stream", json={"steps": sequence[:3]}).json()["token"]
        assert newer.post("/stream", json={"token": token}).status_code == 409


def test_tokens_keep_what_a_stream_has_to_the_bit(frames, sequence):
    stream = frames.stream()
    for frame in sequence[:4]:
        stream.push(frame)
    snapshot = stream.snapshot()
    found = from_token(b"key", "v", to_token(b"key", "v", snapshot))
    assert found.facts == snapshot.facts
    assert all(np.array_equal(found.arrays[name], array) for name, array in snapshot.arrays.items())
    assert snapshot.arrays


def test_a_message_that_cannot_be_read_leaves_the_stream_as_it_was(frames, sequence):
    with server(frames) as client, client.websocket_connect("ws://localhost/stream") as socket:
        socket.send_text(json.dumps({"steps": sequence, "end": True}))
        expected = socket.receive_json()["answers"]
        found = []
        for frame in sequence:
            for wrong in (
                '{"steps": [[1]]}',
                "{",
                "[]",
                json.dumps({"steps": [frame, "x"]}),
                '{"token": "x"}',
                "[" * 99,
            ):
                socket.send_text(wrong)
                assert socket.receive_json()["error"]
            socket.send_text(json.dumps({"steps": [frame]}))
            found += socket.receive_json()["answers"]
        socket.send_text(json.dumps({"end": True}))
        assert found + socket.receive_json()["answers"] == expected


def test_a_text_that_is_streamed_costs_what_it_costs_as_a_whole_wherever_it_is_cut(writer):
    text = "da bel kada mel ab"
    with server(writer) as client:
        whole = client.post("/predict", json={"input": text}).json()["answer"]
        for cuts in ([text], [text[:5], text[5:]], list(text)):
            with client.websocket_connect("ws://localhost/stream") as socket:
                socket.send_text(json.dumps({"steps": cuts}))
                found = socket.receive_json()["answers"]
            assert sum(answer["nats"] for answer in found) == pytest.approx(whole["nats"], rel=1e-4)
            assert sum(answer["tokens"] for answer in found) == whole["tokens"]


def test_too_many_streams_are_sent_away_and_one_that_closes_makes_room(frames):
    from starlette.websockets import WebSocketDisconnect

    with server(frames, limits=Limits(streams=1)) as client:
        with client.websocket_connect("ws://localhost/stream") as socket:
            with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://localhost/stream"):
                raise AssertionError
            socket.send_text("{}")
            assert socket.receive_json() == {"answers": []}
        with client.websocket_connect("ws://localhost/stream") as socket:
            socket.send_text("{}")
            assert socket.receive_json() == {"answers": []}


def test_a_page_of_another_origin_opens_no_socket(frames):
    from starlette.websockets import WebSocketDisconnect

    with server(frames) as client:
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("ws://localhost/stream", headers={"origin": "http://evil"}),
        ):
            raise AssertionError
        with client.websocket_connect(
            "ws://localhost/stream", headers={"host": "localhost", "origin": "http://localhost"}
        ) as socket:
            socket.send_text("{}")
            assert socket.receive_json() == {"answers": []}


def events(answered):
    assert answered.headers["content-type"].startswith("text/event-stream")
    found = [event.partition("data: ") for event in answered.text.split("\n\n") if event]
    return [(name.strip(), json.loads(data)) for name, _, data in found]


def test_a_text_is_written_piece_by_piece_as_generate_writes_it(writer):
    options = {"length": 40, "temperature": 0.7, "top_k": 5, "top_p": 0.9, "seed": 4}
    expected = "".join(writer.generate("da", **options))
    with server(writer) as client:
        *pieces, (name, about) = events(client.post("/generate", json={"prompt": "da", **options}))
    assert "".join(data["text"] for _, data in pieces) == expected
    assert len(pieces) > 5
    assert (name, about["run"]) == ("event: done", "one")


def test_what_was_not_seen_in_training_is_noted(writer):
    with server(writer) as client:
        *_, (_, about) = events(client.post("/generate", json={"prompt": "Ж", "length": 2}))
    assert "not seen in training" in about["notes"][0]


@pytest.mark.parametrize(
    "wrong", [{"length": 0}, {"length": 10**6}, {"temperature": -1}, {"top_p": 0}, {"seed": -1}, {"stop": [""]}]
)
def test_a_text_that_cannot_be_written_is_refused_before_it_begins(writer, wrong):
    with server(writer) as client:
        answered = client.post("/generate", json=wrong)
    assert answered.status_code == 422
    assert answered.json()["error"]


def test_a_message_of_a_whole_book_is_refused(writer):
    with server(writer) as client:
        assert client.post("/stream", json={"steps": ["da " * 4000]}).status_code == 422
        assert client.post("/stream", json={"steps": ["da " * 3]}).status_code == 200
