"""No request is read beyond the limit, and none within it is changed."""

import asyncio
from collections.abc import Sequence
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.asgi import Message, Receive, Scope, Send
from shared.body_limit import BodyLimit
from shared.messages import Problem

LIMIT = 10


class Served:
    """An app behind the limit, and what passed on both sides."""

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.after: list[str] = []
        self.read = 0
        self.sent: list[Message] = []

    async def app(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self.body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.after.append("http.disconnect")
                return
            self.body += message["body"]
            more = message["more_body"]
        self.after.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def ask(self, chunks: Sequence[bytes], headers: Sequence[tuple[bytes, bytes]] = (), *, gone: bool = False) -> None:
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": chunk, "more_body": gone or number < len(chunks)}
            for number, chunk in enumerate(chunks, start=1)
        ]

        async def receive() -> Message:
            self.read += 1
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            self.sent.append(message)

        asyncio.run(BodyLimit(self.app, LIMIT)({"type": "http", "headers": list(headers)}, receive, send))

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=5))
def test_a_body_passes_whole_or_not_at_all(chunks: list[bytes]) -> None:
    served, body = Served(), b"".join(chunks)
    served.ask(chunks)
    if len(body) <= LIMIT:
        assert (served.status, served.body, served.after) == (200, body, ["http.disconnect"])
    else:
        assert (served.status, served.body) == (413, None)


@pytest.mark.parametrize("length", [b"11", b"9" * 30, b"9" * 5000])
def test_a_body_that_is_announced_too_large_is_not_read(length: bytes) -> None:
    served = Served()
    served.ask([b"x"], [(b"content-length", length)])
    assert (served.status, served.read, served.body) == (413, 0, None)


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"5")], [(b"content-length", b"-1")]])
def test_a_body_that_does_not_say_its_length_or_lies_is_read_up_to_the_limit(
    headers: list[tuple[bytes, bytes]],
) -> None:
    served = Served()
    served.ask([b"12345"] * 1000, headers)
    assert (served.status, served.read, served.body) == (413, 3, None)


def test_the_answer_is_a_problem_and_the_connection_ends() -> None:
    served = Served()
    served.ask([b"x" * 11])
    start, body = served.sent
    headers = dict(start["headers"])
    problem = Problem.model_validate_json(body["body"])
    assert (problem.code, problem.where) == ("too_large", "body")
    assert headers[b"content-type"] == b"application/problem+json"
    assert (headers[b"content-length"], headers[b"connection"]) == (str(len(body["body"])).encode(), b"close")


def test_a_client_that_goes_away_in_the_middle_is_the_apps_to_know() -> None:
    served = Served()
    served.ask([b"x"], gone=True)
    assert (served.after, served.sent) == (["http.disconnect"], [])


def test_a_body_that_trickles_is_given_up_at_its_deadline_and_the_connection_ends() -> None:
    sent: list[Message] = []
    read = 0

    async def trickle() -> Message:
        nonlocal read
        read += 1
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def app(*_: object) -> None:
        raise AssertionError("it has no body yet")

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(BodyLimit(app, LIMIT, deadline=0.1)({"type": "http", "headers": []}, trickle, send))
    problem = Problem.model_validate_json(sent[1]["body"])
    assert (sent[0]["status"], problem.code, problem.where) == (408, "too_slow", "body")
    assert problem.message == "the body did not come within 0.1 s."
    assert dict(sent[0]["headers"])[b"connection"] == b"close"
    assert read >= 2


def test_the_time_that_an_app_takes_is_not_the_bodys() -> None:
    sent: list[Message] = []

    async def whole() -> Message:
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.2)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(BodyLimit(app, LIMIT, deadline=0.05)({"type": "http", "headers": []}, whole, send))
    assert sent[0]["status"] == 200


def test_other_connections_are_left_alone() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: object) -> NoReturn:
        raise AssertionError("nothing is read or sent")

    asyncio.run(BodyLimit(app, LIMIT)({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]
