"""How quickly the coordinator's pages open with many analyses in the store, what many views leave in memory, and many viewers."""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.loopback import BIN, loopback
from benchmarks.measured import resident_megabytes, table, verdict
from benchmarks.simulated import simulate, write_sites
from coordinator.client.federation import serving
from coordinator.records import Analysis
from coordinator.sql_store import SqlStore
from coordinator.states import AnalysisState
from shared.request import AnalysisRequest

ANALYSES, VIEWS, WARM_UP, OPENED, VIEWERS = 1_000, 1_000, 200, 21, 100
TARGET_SECONDS, TARGET_GROWTH = 0.3, 5.0
"""Of a page to open; of memory over all views, in MB."""
BROWSER = {"Accept": "text/html"}


@dataclass(frozen=True)
class Served:
    """A coordinator whose store is full, and whose sites are gone."""

    url: str
    pid: int
    fitted: str
    """An analysis with a result."""


@contextmanager
def served(analyses: int) -> Iterator[Served]:
    """One fit through real sites, its like in the store so many times, and then the coordinator alone."""
    with TemporaryDirectory(prefix="fedglmm-bench-", dir="/var/tmp") as folder:
        place, data = Path(folder), simulate(2_000, 5, 20)
        request = {"formula": data.formula, "family": "binomial"}
        with loopback(place, write_sites(place / "sites", data, 2), processes=False) as running:
            running.fit(request)
        fitted = filled(SqlStore(f"sqlite:///{place / 'coordinator.db'}"), analyses)
        serve = [str(BIN / "fedglmm-coordinator"), "serve", str(place / "coordinator.toml")]
        before = _children()
        with serving(serve, place / "coordinator.json.again") as announced:
            (pid,) = _children() - before
            yield Served(announced["url"], pid, fitted)


def filled(store: SqlStore, analyses: int) -> str:
    """Adds analyses like the one that is there, with its rounds and its result; returns the id of the last."""
    (first,) = store.newest(limit=1)
    specification, rounds, result = store.specification(first.id), store.rounds(first.id), store.result(first.id)
    for number in range(analyses - 1):
        request = AnalysisRequest(**first.request.model_dump() | {"title": f"Analysis {number}"})
        added = store.add(Analysis.submitted(request, specification), specification)
        for entry in rounds:
            store.add_round(added.id, entry)
        store.change(added.id, AnalysisState(first.state), result=result)
    store.close()
    return added.id


def opening(http: httpx.Client, place: str) -> float:
    """The median of the seconds in which a page opens."""
    taken = []
    for _ in range(OPENED):
        began = time.perf_counter()
        http.get(place).raise_for_status()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def growth(http: httpx.Client, pid: int, places: list[str], views: int) -> float:
    """The MB by which so many views leave the process larger, after some that warm it up."""

    def view(number: int) -> None:
        for k in range(number):
            http.get(places[k % len(places)]).raise_for_status()

    view(WARM_UP)
    before = resident_megabytes(pid)
    view(views)
    return resident_megabytes(pid) - before


async def watched(url: str, analysis: str, viewers: int) -> tuple[float, float]:
    """The seconds in which the list opens while so many watch an analysis, and in which all of them are told of its end."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, headers=BROWSER, timeout=60.0, limits=limits) as http:
        ready = [asyncio.Event() for _ in range(viewers)]
        watching = [asyncio.create_task(_watch(http, analysis, one)) for one in ready]
        await asyncio.gather(*(one.wait() for one in ready))
        opened = await asyncio.to_thread(_opening, url)
        began = time.perf_counter()
        (await http.delete(f"/v1/analyses/{analysis}")).raise_for_status()
        await asyncio.gather(*watching)
        return opened, time.perf_counter() - began


def _opening(url: str) -> float:
    with httpx.Client(base_url=url, headers=BROWSER, timeout=60.0) as http:
        return opening(http, "/analyses")


async def _watch(http: httpx.AsyncClient, analysis: str, ready: asyncio.Event) -> None:
    async with http.stream("GET", f"/analyses/{analysis}/events") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("id:"):  # it has read what there was, and is told from now on
                ready.set()


def paused(http: httpx.Client, request: dict[str, Any]) -> str:
    """An analysis that waits for its sites."""
    analysis = str(http.post("/v1/analyses", json=request).raise_for_status().json()["id"])
    while http.get(f"/v1/analyses/{analysis}").json()["state"] != AnalysisState.PAUSED:
        time.sleep(0.05)
    return analysis


def _children() -> set[int]:
    """The processes that this one has started."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text(encoding="ascii").split()}


def main() -> None:
    with served(ANALYSES) as running, httpx.Client(base_url=running.url, headers=BROWSER, timeout=60.0) as http:
        places = {
            "the list of analyses": "/analyses",
            "the list by a state": "/analyses?state=converged",
            "the list by a formula that none has": "/analyses?formula=nowhere&since=2026-01-01",
            "how an analysis went": f"/analyses/{running.fitted}",
            "a result with its plots": f"/analyses/{running.fitted}/result",
            "the form of a new analysis": "/analyses/new",
        }
        opened = {name: opening(http, place) for name, place in places.items()}
        more = growth(http, running.pid, list(places.values()), VIEWS)
        request = json.loads(http.get(f"/analyses/{running.fitted}/files/result.json").content)
        asked = {"formula": request["formula"], "family": request["family"]}
        during, told = asyncio.run(watched(running.url, paused(http, asked), VIEWERS))
    print(f"## The coordinator's pages with {ANALYSES:,} analyses in the store\n")
    rows = [(name, f"{taken * 1000:.0f}", verdict(taken, at_most=TARGET_SECONDS)) for name, taken in opened.items()]
    rows.append((f"the list, while {VIEWERS} watch", f"{during * 1000:.0f}", verdict(during, at_most=TARGET_SECONDS)))
    rows.append((f"until all {VIEWERS} are told of an ending", f"{told * 1000:.0f}", ""))
    print(table(("what opens", "ms, median", "target, s"), rows))
    print(
        f"{VIEWS:,} further views leave {more:.1f} MB in memory ({verdict(more, at_most=TARGET_GROWTH)}).\n", flush=True
    )


if __name__ == "__main__":
    main()
