"""The coordinator's app behind a real server on a real port, in the test's own event loop, and readers of its events."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from coordinator.events import Watchers
from coordinator.serving import Server
from tests.federation.fake_sites import eventually

PATIENCE = 20.0


@dataclass(frozen=True)
class Read:
    """One event as its reader sees it."""

    number: int
    kind: str
    data: dict[str, Any]


@dataclass
class Served:
    """A running server, and an analyst who asks it over the network."""

    server: Server
    done: "asyncio.Task[None]"
    http: httpx.AsyncClient
    watchers: Watchers

    async def stop(self) -> None:
        """As SIGTERM does."""
        self.server.should_exit = True
        await asyncio.wait_for(self.done, PATIENCE)


def watchers_of(running: Served) -> int:
    return len(running.watchers)


@asynccontextmanager
async def served(app: FastAPI, port: int = 0) -> AsyncIterator[Served]:
    listening = socket.create_server(("127.0.0.1", port))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = Server(app, address=address)
    done = asyncio.create_task(server.serve(sockets=[listening]))
    await eventually(lambda: server.started)
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as http:
        running = Served(server, done, http, app.state.service.watchers)
        try:
            yield running
        finally:
            await running.stop()


@asynccontextmanager
async def stream(http: httpx.AsyncClient, analysis_id: str, after: int = 0) -> AsyncIterator[AsyncIterator[Read]]:
    """The events of an analysis as they come."""
    headers = {"Last-Event-ID": str(after)} if after else {}
    async with http.stream("GET", f"/v1/analyses/{analysis_id}/events", headers=headers) as response:
        assert response.status_code == 200
        yield _read(response)


async def _read(response: httpx.Response) -> AsyncIterator[Read]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "data" in fields:
            yield Read(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


async def all_events(http: httpx.AsyncClient, analysis_id: str, after: int = 0) -> list[Read]:
    """Every event up to the end of the stream."""
    async with stream(http, analysis_id, after) as events:
        return [event async for event in events]
