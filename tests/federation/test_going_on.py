"""An analysis goes on where it was after a site or the coordinator was away, to the same bits; or it ends by name."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from coordinator.sql_store import SqlStore
from tests.federation.fake_sites import (
    FakeSite,
    KeptStore,
    build,
    client,
    submitted,
    until,
)


@pytest.mark.anyio
async def test_a_dead_site_pauses_the_analysis_and_then_fails_it_by_name(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    sites["Aarau"].down = True
    async with client(build(tmp_path, sites, patience=1.0)) as http:
        analysis_id = await submitted(http)
        paused = await until(http, analysis_id, "paused")
        view = await until(http, analysis_id)
    assert paused["waiting_for"] == ["Aarau"]
    assert (view["state"], view["problem"]["where"]) == ("failed", "Aarau")
    assert view["problem"]["code"] == "site_unreachable"


@pytest.mark.anyio
async def test_a_site_that_comes_back_continues_the_same_round(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    site = sites["Aarau"]

    def vanish(path: str, body: dict[str, Any]) -> httpx.Response | None:
        site.down = path == "contributions" and body["round"] == 2 and not site.down
        return httpx.Response(503) if site.down else None

    site.override = vanish
    async with client(build(tmp_path, sites, patience=20)) as http:
        analysis_id = await submitted(http)
        paused = await until(http, analysis_id, "paused")
        site.down, site.override = False, lambda _path, _body: None
        view = await until(http, analysis_id)
    assert (paused["waiting_for"], paused["round"], view["state"]) == (["Aarau"], 1, "converged")
    assert len(sites["Bern"].rounds) == view["round"]


@pytest.mark.anyio
async def test_a_site_that_restarts_is_prepared_again_and_asked_again(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    site = sites["Bern"]
    forgotten: list[int] = []

    def forget(path: str, body: dict[str, Any]) -> None:
        if path == "contributions" and body["round"] == 2 and not forgotten:
            forgotten.append(2)
            site.prepared.clear()

    site.override = forget
    async with client(build(tmp_path, sites)) as http:
        view = await until(http, await submitted(http))
    assert view["state"] == "converged"
    assert (forgotten, site.asked.count("prepare")) == ([2], 2)


@pytest.mark.anyio
async def test_a_site_whose_data_changed_over_a_restart_ends_the_analysis(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    site = sites["Bern"]

    def change(path: str, body: dict[str, Any]) -> None:
        if path == "contributions" and body["round"] == 2:
            site.prepared.clear()
            site.fingerprint = "another"

    site.override = change
    async with client(build(tmp_path, sites)) as http:
        view = await until(http, await submitted(http))
    assert (view["state"], view["problem"]["where"]) == ("refused", "Bern")
    assert "changed" in view["problem"]["message"]


def without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    for entry in result["convergence"]["trace"]:
        del entry["seconds"]
    return result


@pytest.mark.anyio
async def test_a_coordinator_that_is_killed_goes_on_at_the_stored_round_to_the_same_bits(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    async with client(build(tmp_path, sites)) as http:
        analysis_id = await submitted(http)
        await until(http, analysis_id)
        uninterrupted = (await http.get(f"/v1/analyses/{analysis_id}/result")).json()
    database, site = f"sqlite:///{tmp_path / 'coordinator.db'}", sites["Bern"]
    site.override = lambda path, body: httpx.Response(503) if path == "contributions" and body["round"] == 3 else None
    async with client(build(tmp_path, sites, SqlStore(database), patience=60)) as http:
        analysis_id = await submitted(http)
        assert (await until(http, analysis_id, "paused"))["round"] == 2
    site.override = lambda _path, _body: None
    site.rounds.clear()
    async with client(build(tmp_path, sites, SqlStore(database))) as http:
        await until(http, analysis_id)
        resumed = (await http.get(f"/v1/analyses/{analysis_id}/result")).json()
    assert site.rounds[0]["round"] == 3
    assert without_seconds(resumed) == without_seconds(uninterrupted)


@pytest.mark.anyio
async def test_stored_rounds_that_do_not_follow_from_each_other_end_the_analysis(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    class Forgetful(KeptStore):
        def rounds(self, analysis_id: str) -> list[Any]:
            return super().rounds(analysis_id)[1:]

    store = Forgetful()
    sites["Bern"].override = lambda path, body: (
        httpx.Response(503) if path == "contributions" and body["round"] == 3 else None
    )
    async with client(build(tmp_path, sites, store, patience=60)) as http:
        analysis_id = await submitted(http)
        await until(http, analysis_id, "paused")
    async with client(build(tmp_path, sites, store)) as http:
        view = await until(http, analysis_id)
    assert (view["state"], view["problem"]["where"]) == ("failed", "round 2")
