"""What a site's socket may do: each kind of answer that is none has its name, and none of them takes all memory."""

import asyncio
import gzip
from contextlib import closing, suppress

import httpx
import pytest

from coordinator import site_connection
from coordinator.site_answers import UNREACHABLE, Answering
from coordinator.site_client import SiteClient
from coordinator.site_connection import SiteConnection
from shared.errors import FedglmmError, SiteError
from shared.messages import CloseReply, CloseRequest, ContributionMessage, EvaluateReply, EvaluateRequest, RandomEffect
from shared.parameters import ParameterLayout

LAYOUT = ParameterLayout(("(Intercept)",))
REQUEST = EvaluateRequest(round=3, specification_sha256="0", psi=(0.0,), basis=(), previous=None)
REPLY = EvaluateReply(
    round=3, contribution=ContributionMessage(value=-1.0, gradient=(0.1,), hessian=(-1.0,))
).model_dump_json()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = OK + f"Content-Length: {len(REPLY)}\r\n\r\n{REPLY}".encode()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_connection, "RETRY_PAUSES", (0.0, 0.0))


def evaluated(*answers: bytes) -> tuple[FedglmmError | float, list[bytes]]:
    """What came of a question to a socket that sends these bytes, one connection after the other; and what it read."""
    left, requests = list(answers), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError):  # the client may have read enough
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

    async def run() -> FedglmmError | float:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with SiteClient(SiteConnection(Answering("Bern", url), deadline=10)) as site:
                try:
                    return (await site.evaluate("a", REQUEST, LAYOUT)).value
                except FedglmmError as error:
                    return error

    return asyncio.run(run()), requests


def fault(*answers: bytes) -> SiteError:
    error, _ = evaluated(*answers)
    assert isinstance(error, SiteError)
    assert error.where == "Bern"
    return error


def test_an_answer_is_asked_for_without_encoding() -> None:
    value, (request,) = evaluated(WHOLE)
    assert value == -1.0
    assert b"accept-encoding: identity\r\n" in request.lower()


def test_a_site_that_disconnects_without_a_response_is_asked_again_and_then_unreachable() -> None:
    assert evaluated(b"", b"", WHOLE)[0] == -1.0
    assert fault(b"").code == UNREACHABLE


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"\x00\xff\xfegarbage\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX-H: " + b"a" * 200_000 + b"\r\n\r\n", "not HTTP"),
        (WHOLE[: -len(REPLY) // 2], "breaks off"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "breaks off"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(REPLY.encode()), "encoded"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + b"no gzip", "encoded"),
        (OK + b"\r\n" + b"\xff\xfe", "no JSON"),
        (OK + b"\r\n" + b"[" * 100_000, "no JSON"),
    ],
)
def test_bytes_that_are_no_answer_are_a_wrong_answer_at_once(answer: bytes, said: str) -> None:
    error, requests = evaluated(answer)
    assert isinstance(error, SiteError)
    assert (error.code, len(requests)) == ("site_answer", 1)
    assert said in error.message


def test_an_answer_that_trickles_is_late_at_the_deadline_whatever_comes_meanwhile() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"Content-Length: 1000000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)

    async def run() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with SiteClient(SiteConnection(Answering("Bern", url), deadline=0.3)) as site:
                await site.evaluate("a", REQUEST, LAYOUT)

    with pytest.raises(SiteError, match=r"Bern: no answer within 0\.3 s") as caught:
        asyncio.run(run())
    assert caught.value.code == "site_late"


def test_an_answer_of_more_than_64_mb_is_given_up_and_not_kept() -> None:
    assert fault(OK + b"\r\n" + b" " * (65 * 2**20)).message == "its answer is larger than 64 MB."


def test_an_answer_is_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_connection, "LARGEST_ANSWER", 2**20)
    assert fault(OK + b"\r\n" + REPLY.encode() + b" " * (2**20 - len(REPLY)) + b" ").message.endswith("than 1 MB.")
    assert evaluated(OK + b"\r\n" + REPLY.encode() + b" " * (2**20 - len(REPLY)))[0] == -1.0


def test_a_number_that_is_too_large_is_a_wrong_answer() -> None:
    error = fault(OK + b"\r\n" + REPLY.replace("-1.0", "-1e308", 1).encode())
    assert (error.code, error.message) == ("site_answer", "it holds a number larger than 1e+100.")


def closed(reply: CloseReply, effects: int) -> CloseReply:
    async def run() -> CloseReply:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, text=reply.model_dump_json()))
        async with SiteClient(SiteConnection(Answering("Bern", "http://bern"), transport=transport)) as site:
            return await site.close("a", CloseRequest(outcome="converged"), effects)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("modes", "sds", "effects"),
    [((), (1.0,), 1), ((1.0,), (), 1), ((1.0, 2.0), (1.0, 1.0), 1), ((1.0,), (-1.0,), 1), ((1.0,), (1.0,), 0)],
)
def test_an_effect_of_the_wrong_size_or_with_a_negative_sd_is_a_wrong_answer(
    modes: tuple[float, ...], sds: tuple[float, ...], effects: int
) -> None:
    with pytest.raises(SiteError, match="Bern: its effect") as caught:
        closed(CloseReply(site_effect=RandomEffect(modes=modes, standard_deviations=sds)), effects)
    assert caught.value.code == "site_answer"


def test_an_effect_of_the_right_size_or_none_is_taken() -> None:
    effect = RandomEffect(modes=(1.0, 2.0), standard_deviations=(0.0, 1.0))
    assert closed(CloseReply(site_effect=effect), 2).site_effect == effect
    assert closed(CloseReply(), 2).site_effect is None
