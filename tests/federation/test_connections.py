"""Connections that ask nothing end, and do not keep others out."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from shared import connections
from tests.federation.fake_sites import FakeSite, build, client, submitted, until
from tests.federation.real_server import PATIENCE, Served, served, stream

pytestmark = pytest.mark.anyio
HEAD = b"GET /health HTTP/1.1\r\nHost: here\r\n"
WHOLE = HEAD + b"\r\n"


@asynccontextmanager
async def opened(running: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(running.http.base_url.host, running.http.base_url.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether nothing more comes. An aborted connection may also be reset."""
    try:
        return not await asyncio.wait_for(reader.read(), PATIENCE)
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", HEAD, WHOLE], ids=["nothing", "half", "after-an-answer"])
async def test_a_request_whose_head_does_not_come_is_given_up_at_its_deadline(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    async with served(build(tmp_path, sites)) as running, opened(running) as (reader, writer):
        writer.write(sent)
        if sent == WHOLE:
            assert await asyncio.wait_for(reader.readuntil(b'{"status":"ok"}'), PATIENCE)
            writer.write(HEAD)
        assert await ended(reader)


async def test_one_connection_too_many_costs_the_oldest_that_asks_nothing(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        analysis = await submitted(running.http)
        async with AsyncExitStack() as held, stream(running.http, analysis) as events:
            assert (await anext(events)).number == 1
            monkeypatch.setattr(connections, "most_open", lambda: 2)
            others = [await held.enter_async_context(opened(running)) for _ in range(3)]
            for reader, _ in others[:-1]:
                assert await ended(reader)
            others[-1][1].write(WHOLE)
            assert b"200 OK" in await asyncio.wait_for(others[-1][0].readline(), PATIENCE)
            sites["Bern"].hold.set()
            assert [event.data["state"] async for event in events if event.kind == "state"][-1] == "converged"


async def test_what_is_being_answered_is_not_ended_for_one_more(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        analysis = await submitted(running.http)
        async with stream(running.http, analysis) as events, stream(running.http, analysis) as others:
            assert [(await anext(some)).number for some in (events, others)] == [1, 1]
            monkeypatch.setattr(connections, "most_open", lambda: 2)
            async with opened(running) as (reader, _):
                assert await ended(reader)
            sites["Bern"].hold.set()
            for some in (events, others):
                assert [event.data["state"] async for event in some if event.kind == "state"][-1] == "converged"


async def test_a_coordinator_without_a_file_left_waits_for_the_site_as_for_one_that_is_missing(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    failures = [OSError(errno.EMFILE, "Too many open files")] * 2

    def without_files(path: str, _body: object) -> None:
        if path == "contributions" and failures:
            raise failures.pop()

    sites["Bern"].override = without_files
    async with client(build(tmp_path, sites, patience=20)) as http:
        view = await until(http, await submitted(http))
    assert (view["state"], failures) == ("converged", [])
