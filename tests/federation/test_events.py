"""Events of an analysis through a real server: live, resumable, and nobody left waiting."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import fastapi.routing
import fastapi.sse
import httpx
import pytest

from coordinator import events
from coordinator.records import Analysis
from coordinator.sql_store import SqlStore
from coordinator.store import MemoryStore
from shared.errors import StoreError
from shared.messages import Problem
from tests.federation.fake_sites import FakeSite, build, client, eventually, submitted, until
from tests.federation.people import entry, keys_file, shown
from tests.federation.real_server import all_events, served, stream, watchers_of

pytestmark = pytest.mark.anyio
ROUND = {"round", "log_likelihood", "decrement", "accepted", "seconds"}


class Turnstile(asyncio.Event):
    """Lets one round's answer pass for each push."""

    def __init__(self) -> None:
        super().__init__()
        self._free = asyncio.Semaphore(0)

    def push(self) -> None:
        self._free.release()

    async def wait(self) -> Literal[True]:
        return await self._free.acquire()


async def test_each_round_is_told_before_the_next_is_answered(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    turnstile = Turnstile()
    sites["Bern"].hold = turnstile
    async with served(build(tmp_path, sites)) as running:
        analysis_id = await submitted(running.http)
        told, states = [], []
        async with stream(running.http, analysis_id) as events:
            turnstile.push()
            async for event in events:
                told.append(event.number)
                if event.kind == "round":
                    assert set(event.data) == ROUND
                    assert len(sites["Bern"].rounds) <= event.data["round"] + 1
                    turnstile.push()
                else:
                    states.append(event.data["state"])
        trace = (await running.http.get(f"/v1/analyses/{analysis_id}/rounds")).json()["rounds"]
    assert told == list(range(1, len(told) + 1))
    assert states == ["submitted", "preparing", "running", "converged"]
    assert len(told) == len(states) + len(trace)


async def test_the_events_are_the_views_and_the_rounds_and_hold_nothing_else(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    async with served(build(tmp_path, sites)) as running:
        analysis_id = await submitted(running.http)
        events = await all_events(running.http, analysis_id)
        view = (await running.http.get(f"/v1/analyses/{analysis_id}")).json()
        trace = (await running.http.get(f"/v1/analyses/{analysis_id}/rounds")).json()["rounds"]
    assert [event.data for event in events if event.kind == "round"] == trace
    assert events[-1].data == view
    assert {event.kind for event in events} == {"state", "round"}


@pytest.mark.parametrize("kind", ["memory", "sql"])
async def test_a_reader_that_comes_back_gets_exactly_what_it_missed(
    tmp_path: Path, sites: dict[str, FakeSite], kind: str
) -> None:
    store = MemoryStore() if kind == "memory" else SqlStore(f"sqlite:///{tmp_path / 'a.db'}")
    async with served(build(tmp_path, sites, store)) as running:
        analysis_id = await submitted(running.http)
        events = await all_events(running.http, analysis_id)
        for last in range(1, len(events) + 1):
            assert await all_events(running.http, analysis_id, last) == events[last:]


async def test_a_stream_is_taken_up_after_a_restart_of_the_coordinator(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    url, turnstile = f"sqlite:///{tmp_path / 'a.db'}", Turnstile()
    sites["Bern"].hold = turnstile
    before = []
    async with served(build(tmp_path, sites, SqlStore(url))) as running:
        analysis_id = await submitted(running.http)
        turnstile.push()
        async with stream(running.http, analysis_id) as events:
            async for event in events:
                before.append(event)
                if event.kind == "round":
                    break
    sites["Bern"].hold = None
    async with served(build(tmp_path, sites, SqlStore(url))) as running:
        after = await all_events(running.http, analysis_id, before[-1].number)
        everything = await all_events(running.http, analysis_id)
    assert before + after == everything
    assert [event.number for event in everything] == list(range(1, len(everything) + 1))
    assert (before[-1].data["round"], everything[-1].data["state"]) == (1, "converged")


async def test_a_pause_and_who_is_waited_for_are_events(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Aarau"].down = True
    async with served(build(tmp_path, sites, patience=60)) as running:
        analysis_id = await submitted(running.http)
        states = []
        async with stream(running.http, analysis_id) as events:
            async for event in events:
                if event.kind == "state":
                    states.append((event.data["state"], event.data["waiting_for"]))
                sites["Aarau"].down = sites["Aarau"].down and states[-1][0] != "paused"
    assert states[1:5] == [("preparing", []), ("paused", ["Aarau"]), ("preparing", []), ("running", [])]


async def test_a_cancellation_is_told_and_reaches_the_sites(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        analysis_id = await submitted(running.http)
        async with stream(running.http, analysis_id) as events:
            last = None
            async for event in events:
                if event.data.get("state") == "running":
                    await eventually(lambda: sites["Bern"].rounds)
                    await running.http.delete(f"/v1/analyses/{analysis_id}")
                last = event.data
        await eventually(lambda: all(site.closed for site in sites.values()))
    assert last is not None
    assert last["state"] == "cancelled"


async def test_several_watchers_see_the_same(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        analysis_id = await submitted(running.http)
        reading = [asyncio.create_task(all_events(running.http, analysis_id)) for _ in range(3)]
        await eventually(lambda: watchers_of(running) == 3)
        sites["Bern"].hold.set()
        first, *others = await asyncio.gather(*reading)
        await eventually(lambda: watchers_of(running) == 0)
    assert first[-1].data["state"] == "converged"
    assert all(other == first for other in others)


async def test_a_reader_that_vanishes_leaves_no_waiter(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        analysis_id = await submitted(running.http)
        async with stream(running.http, analysis_id) as events:
            assert (await anext(events)).number == 1
            assert watchers_of(running) == 1
        await eventually(lambda: watchers_of(running) == 0)
        with pytest.raises(httpx.ReadTimeout):
            await running.http.post(
                "/v1/analyses", json={"formula": "y ~ x"}, headers={"Prefer": "wait=60"}, timeout=0.2
            )
        await eventually(lambda: watchers_of(running) == 0)


async def test_a_stream_ends_when_the_analysis_is_deleted(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].hold = asyncio.Event()
    store = MemoryStore()
    async with served(build(tmp_path, sites, store)) as running:
        known = await submitted(running.http)
        specification = store.specification(known)
        another = Analysis.submitted(store.get(known).request, specification)
        waiting = store.add(another, specification)  # nobody runs it
        async with stream(running.http, waiting.id) as events:
            assert (await anext(events)).data["state"] == "submitted"
            store.delete(waiting.id)
            assert [event async for event in events] == []
        await eventually(lambda: watchers_of(running) == 0)


async def test_a_coordinator_that_stops_ends_its_streams_and_held_answers_at_once(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        analysis_id = await submitted(running.http)
        reading = asyncio.create_task(all_events(running.http, analysis_id))
        held = asyncio.create_task(
            running.http.post("/v1/analyses", json={"formula": "y ~ x"}, headers={"Prefer": "wait=60"})
        )
        await eventually(lambda: watchers_of(running) == 2)
        began = time.monotonic()
        await running.stop()
        assert time.monotonic() - began < 30  # the held answer would be held for 60
        assert (await reading)[-1].data["state"] in {"preparing", "running"}
        assert (await held).status_code == 201


async def test_a_quiet_stream_has_a_heartbeat_and_says_when_to_come_back(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fastapi.sse._PING_INTERVAL == 15
    monkeypatch.setattr(fastapi.routing, "_PING_INTERVAL", 0.05)
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        analysis_id = await submitted(running.http)
        async with running.http.stream("GET", f"/v1/analyses/{analysis_id}/events") as response:
            lines = response.aiter_lines()
            assert await anext(lines) == "retry: 1000"
            while not (await anext(lines)).startswith(":"):
                pass
            assert response.headers["Content-Type"].startswith("text/event-stream")
            assert "no-store" in response.headers["Cache-Control"]
            assert response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30, "", "1,2"])
async def test_a_last_event_id_that_is_no_number_is_refused(
    tmp_path: Path, sites: dict[str, FakeSite], last: str
) -> None:
    async with client(build(tmp_path, sites)) as http:
        analysis_id = await submitted(http)
        response = await http.get(f"/v1/analyses/{analysis_id}/events", headers={"Last-Event-ID": last})
    assert response.status_code == 422
    assert Problem.model_validate_json(response.content).where == "header.last-event-id"


async def test_an_unknown_analysis_and_a_missing_key_are_told_before_a_stream_begins(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    async with client(build(tmp_path, sites, keys=keys_file({"anna": "read"}))) as http:
        path = "/v1/analyses/nobody/events"
        assert (await http.get(path)).status_code == 401
        response = await http.get(path, headers=shown("anna"))
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
    assert Problem.model_validate_json(response.content).code == "unknown_analysis"


@pytest.mark.parametrize("changed", [{"revoked": "2026-02-01"}, {"expires": "2026-02-01"}])
async def test_a_key_that_ends_takes_its_stream_with_it_before_the_next_event_is_told(
    tmp_path: Path, sites: dict[str, FakeSite], changed: dict[str, str]
) -> None:
    turnstile = sites["Bern"].hold = Turnstile()
    app = build(tmp_path, sites, keys=keys_file({"anna": "run", "rolf": "read"}))
    async with served(app) as running, asyncio.timeout(60):
        running.http.headers.update(shown("anna"))
        analysis_id = await submitted(running.http)
        async with running.http.stream("GET", f"/v1/analyses/{analysis_id}/events", headers=shown("rolf")) as response:
            lines = response.aiter_lines()
            assert [line async for line in _up_to(lines, "running")]
            ring = keys_file({"anna": "run"}) + entry("rolf", "read", **changed)
            await asyncio.to_thread((tmp_path / "keys.toml").write_text, ring, encoding="utf-8")
            turnstile.push()
            assert [line async for line in lines if line.startswith("data:")] == []
        async with running.http.stream("GET", f"/v1/analyses/{analysis_id}/events") as response:
            assert [line async for line in _up_to(response.aiter_lines(), '"round":1')]


@pytest.mark.parametrize("admitted", [0, 1, 4])
async def test_who_watches_is_asked_before_each_event_also_of_those_that_are_stored(
    sites: dict[str, FakeSite], tmp_path: Path, admitted: int
) -> None:
    answers = iter([True] * admitted + [False] * 100)

    async def ask() -> bool:
        return next(answers)

    store = MemoryStore()
    async with served(build(tmp_path, sites, store)) as running:
        analysis_id = await submitted(running.http)
        await until(running.http, analysis_id)
        found = [event async for event in events.Watch(store, analysis_id, ask).events()]
        assert found == store.events(analysis_id)[:admitted]
    assert len(found) == admitted


async def test_a_key_that_ends_takes_a_stream_with_it_on_which_nothing_happens(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_AGAIN_SECONDS", 0.05)
    sites["Bern"].hold = asyncio.Event()
    app = build(tmp_path, sites, keys=keys_file({"anna": "run"}))
    async with served(app) as running, asyncio.timeout(60):
        running.http.headers.update(shown("anna"))
        analysis_id = await submitted(running.http)
        async with running.http.stream("GET", f"/v1/analyses/{analysis_id}/events") as response:
            lines = response.aiter_lines()
            assert [line async for line in _up_to(lines, "running")]
            await asyncio.to_thread((tmp_path / "keys.toml").write_text, entry("beth", "run"), encoding="utf-8")
            assert [line async for line in lines if line.startswith("data:")] == []
        assert watchers_of(running) == 0


async def _up_to(lines: AsyncIterator[str], text: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if text in line:
            return


async def test_a_database_that_fails_ends_a_stream_and_the_reader_is_told_why_at_the_next(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise StoreError(where="database")

    async with served(build(tmp_path, sites)) as running:
        analysis_id = await submitted(running.http)
        await until(running.http, analysis_id)
        with monkeypatch.context() as now:
            now.setattr(MemoryStore, "events", broken)
            assert await all_events(running.http, analysis_id) == []
            now.setattr(MemoryStore, "get", broken)
            response = await running.http.get(f"/v1/analyses/{analysis_id}/events")
        assert (response.status_code, response.json()["code"]) == (503, "store")
        assert (await all_events(running.http, analysis_id))[-1].data["state"] == "converged"


async def test_the_stream_is_documented(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    async with client(build(tmp_path, sites)) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
    operation = paths["/v1/analyses/{analysis_id}/events"]["get"]
    content = operation["responses"]["200"]["content"]
    assert list(content) == ["text/event-stream"]
    assert "event: round" in content["text/event-stream"]["example"]
    assert "303" in paths["/v1/analyses"]["post"]["responses"]
