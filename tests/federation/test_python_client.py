"""The analyst's package against a live coordinator: the same numbers blocking and awaited, typed errors, and broken lines."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_type_hints

import httpx
import pytest

from coordinator.client import AsyncCoordinator, Coordinator, Fit, asks
from coordinator.client.asks import Options
from coordinator.client.following import Progress
from coordinator.sql_store import SqlStore
from shared.errors import (
    CredentialsError,
    FormulaError,
    NoResultError,
    RefusedError,
    RequestError,
    RoleError,
    SettingsError,
    SiteError,
    UnknownAnalysisError,
    UnreachableError,
)
from shared.request import AnalysisRequest
from tests.federation.fake_sites import REQUEST, FakeSite, build, eventually, pooled, problem
from tests.federation.people import key_of, keys_file
from tests.federation.real_server import Served, served

pytestmark = pytest.mark.anyio
PATIENCE = 60.0
FORMULA = REQUEST["formula"]
HTML = {"Content-Type": "text/html"}
Do = Callable[..., Awaitable[Any]]


def url_of(running: Served) -> str:
    return str(running.http.base_url).rstrip("/")


class Blocking:
    """A `Coordinator` whose calls run in a thread, so that the server in this test's loop can answer them."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._own = Coordinator(url, key)

    def __getattr__(self, name: str) -> Do:
        return lambda *arguments, **named: asyncio.to_thread(getattr(self._own, name), *arguments, **named)


Connect = Callable[..., Any]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes a connection of a kind, and closes it after the test."""
    async with AsyncExitStack() as stack:

        def made(kind: Any, url: str, key: str | None = None) -> Any:
            connection = kind(url, key)
            stack.push_async_callback(connection.close)
            return connection

        yield made


KINDS = pytest.mark.parametrize("kind", [Blocking, AsyncCoordinator], ids=["blocking", "awaited"])


@KINDS
async def test_a_fit_is_the_maximum_over_all_rows(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    heard: list[Progress] = []
    async with served(build(tmp_path, sites)) as running:
        coordinator = connect(kind, url_of(running))
        fit: Fit = await coordinator.fit(FORMULA, family="binomial", title="A fit", on_progress=heard.append)
        (analysis,) = await coordinator.analyses()
        assert await coordinator.result(analysis["id"]) == fit.result
        assert [one.analysis["state"] for one in heard][-1] == "converged"
        assert [entry for one in heard for entry in one.rounds] == await coordinator.rounds(analysis["id"])
    assert list(fit.params.values()) == pytest.approx(pooled(sites), rel=1e-9)
    assert (fit.nobs, fit.outcome, fit.result["title"]) == (120, "converged", "A fit")


async def test_blocking_and_awaited_give_the_same_numbers_to_the_last_digit(
    tmp_path: Path, sites: dict[str, FakeSite], connect: Connect
) -> None:
    async with served(build(tmp_path, sites)) as running:
        fits = [await connect(kind, url_of(running)).fit(FORMULA) for kind in (Blocking, AsyncCoordinator)]
    assert fits[0].to_csv() == fits[1].to_csv()


def test_both_connections_have_the_same_methods_and_arguments() -> None:
    for name, method in inspect.getmembers(Coordinator, inspect.isfunction):
        if not name.startswith("_"):
            ours, theirs = (inspect.signature(one).parameters for one in (method, getattr(AsyncCoordinator, name)))
            assert list(ours.values()) == list(theirs.values()), name


def test_the_options_of_a_fit_are_the_fields_of_a_request() -> None:
    assert set(get_type_hints(Options)) | {"formula"} == set(AnalysisRequest.model_fields)


@KINDS
async def test_what_the_consortium_has_is_there(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    async with served(build(tmp_path, sites)) as running:
        coordinator = connect(kind, url_of(running))
        assert [site["name"] for site in await coordinator.sites()] == list(sites)
        assert [variable["name"] for variable in await coordinator.dictionary()] == ["x", "y"]
        assert await coordinator.analyses() == []


@KINDS
async def test_analyses_are_listed_by_state_who_formula_and_days(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    keys = keys_file({"anna": "run", "rolf": "run"})
    async with served(build(tmp_path, sites, keys=keys)) as running:
        anna, rolf = (connect(kind, url_of(running), key_of(name)) for name in ("anna", "rolf"))
        await anna.fit(FORMULA)
        with pytest.raises(SiteError, match="its start has another size"):  # which these sites have for one model only
            await rolf.fit("y ~ 1 + (1 | site)")
        day = date.fromisoformat((await rolf.analyses())[0]["created_at"][:10])
        for filters, owners in (
            ({}, ["rolf", "anna"]),
            ({"who": "anna", "state": "converged"}, ["anna"]),
            ({"formula": "Y ~ 1 +"}, ["rolf"]),
            ({"state": "failed"}, ["rolf"]),
            ({"since": day, "until": day.isoformat()}, ["rolf", "anna"]),
            ({"since": day + timedelta(days=1)}, []),
            ({"state": "refused", "who": None}, []),
        ):
            assert [one["owner"] for one in await anna.analyses(**filters)] == owners, filters


@KINDS
async def test_a_result_that_is_asked_for_too_early_is_its_own_error_and_is_there_later(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        coordinator = connect(kind, url_of(running))
        analysis_id = await coordinator.submit_request(AnalysisRequest.model_validate(REQUEST))
        with pytest.raises(NoResultError, match=r"Ask again once it has ended\.") as caught:
            await coordinator.result(analysis_id)
        assert caught.value.where == analysis_id
        sites["Bern"].hold.set()
        fit = await coordinator.wait(analysis_id)
        assert await coordinator.result(analysis_id) == fit.result


@KINDS
async def test_the_report_is_the_coordinators_own(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    async with served(build(tmp_path, sites)) as running:
        coordinator = connect(kind, url_of(running))
        sites["Bern"].hold = asyncio.Event()
        analysis_id = await coordinator.submit(**REQUEST, title="Dosis für Kinder")
        with pytest.raises(NoResultError, match=r"Ask again once it has ended\."):
            await coordinator.report(analysis_id)
        sites["Bern"].hold.set()
        await coordinator.wait(analysis_id)
        report = await coordinator.report(analysis_id)
        assert report.encode() == (await running.http.get(f"/v1/analyses/{analysis_id}/report")).content
    assert "<h1>Dosis für Kinder</h1>" in report


def test_what_is_no_page_is_no_report() -> None:
    for answer in (
        httpx.Response(200, json={}),
        httpx.Response(200),
        httpx.Response(200, content=b"\xff", headers=HTML),
    ):
        with pytest.raises(SiteError, match="it is no coordinator"):
            asks.report("k7mqabcdefgh").answered(answer, "http://127.0.0.1:8000")


@KINDS
async def test_a_formula_error_marks_the_place_below_the_formula(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    async with served(build(tmp_path, sites)) as running:
        with pytest.raises(FormulaError) as caught:
            await connect(kind, url_of(running)).fit("y ~ x + dose")
    told, line, caret = str(caught.value).split("\n")
    assert told.startswith("formula, character 9, at `dose`: ")
    assert (line, caret) == ("    y ~ x + dose", "            ^")
    assert caught.value.remedy


@KINDS
async def test_who_may_not_is_told_what_to_do(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    keys = keys_file({"reader": "read", "anna": "run"})
    async with served(build(tmp_path, sites, keys=keys)) as running:
        for key in (None, key_of("nobody")):
            with pytest.raises(CredentialsError, match=r"Show a key by .*`Coordinator\(url, key\)` in Python"):
                await connect(kind, url_of(running), key).analyses()
        with pytest.raises(RoleError) as caught:
            await connect(kind, url_of(running), key_of("reader")).fit(FORMULA)
        assert caught.value.remedy
        assert (await connect(kind, url_of(running), key_of("anna")).fit(FORMULA)).has_estimates


@KINDS
async def test_what_is_wrong_is_an_error_of_its_own_kind(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    sites["Chur"].override = lambda path, _body: (
        problem(403, "refused", "not this.", "G5") if path == "prepare" else None
    )
    async with served(build(tmp_path, sites)) as running:
        coordinator, url = connect(kind, url_of(running)), url_of(running)
        for ask in (coordinator.analysis, coordinator.result, coordinator.wait, coordinator.cancel):
            with pytest.raises(UnknownAnalysisError, match="there is no such analysis"):
                await ask("nobody")
        with pytest.raises(RequestError, match=r"there is no field `familly`\. Did you mean `family`"):
            await coordinator.fit(FORMULA, familly="poisson")
        with pytest.raises(RefusedError, match="Chur: ") as caught:
            await coordinator.fit(FORMULA)
        assert caught.value.rule == "G5"
        (refused,) = await coordinator.analyses()
        with pytest.raises(RequestError, match=r"it has ended already: it is refused\."):
            await coordinator.cancel(refused["id"])
        await coordinator.delete(refused["id"])
        assert await coordinator.analyses() == []
    with pytest.raises(UnreachableError, match=r"nothing listens there.* Is it running"):
        await connect(kind, url).analyses()
    with pytest.raises(SettingsError, match="begins with http"):
        kind("coordinator.example")


@KINDS
async def test_an_analysis_that_is_cancelled_ends_the_waiting(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        coordinator = connect(kind, url_of(running))
        analysis_id = await coordinator.submit(**REQUEST)
        waiting = asyncio.create_task(connect(kind, url_of(running)).wait(analysis_id))
        assert (await coordinator.cancel(analysis_id))["state"] == "cancelled"
        with pytest.raises(SiteError, match="cancelled") as caught:
            await asyncio.wait_for(waiting, PATIENCE)
        assert caught.value.code == "cancelled"


async def test_a_task_that_waits_can_be_cancelled_and_the_analysis_goes_on(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    sites["Bern"].hold = asyncio.Event()
    heard: list[Progress] = []
    async with served(build(tmp_path, sites)) as running, AsyncCoordinator(url_of(running)) as coordinator:
        waiting = asyncio.create_task(coordinator.fit(FORMULA, on_progress=heard.append))
        await eventually(lambda: heard)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, PATIENCE)
        (analysis,) = await coordinator.analyses()
        assert analysis["state"] in {"submitted", "preparing", "running"}
        sites["Bern"].hold.set()
        assert (await coordinator.wait(analysis["id"])).has_estimates


@KINDS
async def test_over_a_restart_of_the_coordinator_it_says_so_goes_on_and_misses_nothing(
    tmp_path: Path, sites: dict[str, FakeSite], kind: Any, connect: Connect
) -> None:
    database, held = f"sqlite:///{tmp_path / 'a.db'}", asyncio.Event()
    sites["Bern"].hold = held
    heard: list[Progress] = []
    async with served(build(tmp_path, sites, SqlStore(database))) as running:
        url, port = url_of(running), running.http.base_url.port
        assert port is not None
        waiting = asyncio.create_task(connect(kind, url).fit(FORMULA, on_progress=heard.append))
        await eventually(lambda: sites["Bern"].rounds)
        await eventually(lambda: heard)
    await eventually(lambda: any(one.notice for one in heard))
    sites["Bern"].hold = None
    held.set()
    async with served(build(tmp_path, sites, SqlStore(database)), port):
        fit = await asyncio.wait_for(waiting, PATIENCE)
    notices = [one.notice for one in heard if one.notice]
    assert notices == [
        "The connection to the coordinator broke. Trying again for 60 s.",
        "The coordinator answers again.",
    ]
    rounds = [entry["round"] for one in heard for entry in one.rounds]
    assert rounds == [entry["round"] for entry in fit.result["convergence"]["trace"]]
