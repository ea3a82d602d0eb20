"""The coordinator with the real optimiser, the real app, and sites that answer over a fake transport."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from coordinator.site_client import SiteClient
from coordinator.sql_store import SqlStore
from shared.logged import plain_only
from shared.messages import Problem
from tests.federation.fake_sites import (
    REQUEST,
    FakeSite,
    build,
    client,
    eventually,
    pooled,
    problem,
    submitted,
    until,
)


@pytest.mark.anyio
async def test_a_fit_is_the_pooled_fit_and_its_trace_and_sites_are_told(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    async with client(build(tmp_path, sites)) as http:
        response = await http.post("/v1/analyses", json=REQUEST)
        analysis_id = response.json()["id"]
        assert response.headers["Location"] == f"/v1/analyses/{analysis_id}"
        view = await until(http, analysis_id)
        assert view["state"] == "converged", view
        assert view["problem"] is None
        result = (await http.get(view["links"]["result"])).json()
        fixed = [row["estimate"] for row in result["tidy"] if row["effect"] == "fixed"]
        np.testing.assert_allclose(fixed, pooled(sites), rtol=1e-10)
        rounds = (await http.get(view["links"]["rounds"])).json()["rounds"]
        assert [entry["round"] for entry in rounds] == list(range(1, view["round"] + 1))
        assert rounds[-1]["decrement"] == view["decrement"] <= 1e-16
        assert all(set(entry) == {"round", "log_likelihood", "decrement", "accepted", "seconds"} for entry in rounds)
    for site in sites.values():
        assert [body["outcome"] for body in site.closed] == ["converged"]
        assert site.closed[0]["psi"] == pytest.approx(fixed)


@pytest.mark.anyio
async def test_every_round_carries_the_sum_of_the_last(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    async with client(build(tmp_path, sites)) as http:
        await until(http, await submitted(http))
    first, second = sites["Bern"].rounds[:2]
    parts = [site._logistic(np.array(first["psi"])) for site in sites.values()]
    assert first["previous"] is None
    assert second["previous"]["value"] == pytest.approx(sum(part.value for part in parts), rel=1e-14)
    assert sites["Aarau"].rounds == sites["Bern"].rounds


@pytest.mark.anyio
async def test_a_roster_leaves_the_other_sites_alone(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    async with client(build(tmp_path, sites)) as http:
        view = await until(http, await submitted(http, sites=["Bern", "Chur"]))
    assert view["roster"] == ["Bern", "Chur"]
    assert sites["Aarau"].asked == []


@pytest.mark.anyio
async def test_all_refusals_are_collected_and_the_others_are_told(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].override = lambda path, _: problem(403, "rows", "too few.", "G5") if path == "prepare" else None
    sites["Chur"].override = lambda path, _: problem(422, "data", "a level.") if path == "prepare" else None
    async with client(build(tmp_path, sites)) as http:
        analysis_id = await submitted(http)
        view = await until(http, analysis_id)
        answer = await http.get(f"/v1/analyses/{analysis_id}/result")
        await eventually(lambda: sites["Aarau"].closed)
    assert view["state"] == "refused"
    assert [(one["where"], one["code"], one["rule"]) for one in view["problems"]] == [
        ("Bern", "rows", "G5"),
        ("Chur", "data", ""),
    ]
    assert view["problem"]["where"] == "Bern, Chur"
    assert (answer.status_code, answer.headers["Content-Type"]) == (409, "application/problem+json")
    assert "refused" in answer.json()["message"]
    assert [(body["outcome"], body["psi"]) for body in sites["Aarau"].closed] == [("refused", None)]


WRONG: dict[str, Callable[[dict[str, Any]], httpx.Response]] = {
    "not JSON": lambda _: httpx.Response(200, text="hello"),
    "a field less": lambda body: httpx.Response(200, json={"kind": "evaluate", "round": body["round"]}),
    "a wrong size": lambda body: httpx.Response(
        200,
        json={
            "kind": "evaluate",
            "round": body["round"],
            "contribution": {"value": 0.0, "gradient": [0.0], "hessian": [-1.0]},
        },
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_every_site_with_a_wrong_answer_is_named_at_once(
    tmp_path: Path, sites: dict[str, FakeSite], wrong: Callable[[dict[str, Any]], httpx.Response]
) -> None:
    for name in ("Aarau", "Chur"):
        sites[name].override = lambda path, body: (
            wrong(body) if path == "contributions" and body["kind"] == "evaluate" else None
        )
    async with client(build(tmp_path, sites, patience=60)) as http:
        view = await until(http, await submitted(http))
    assert (view["state"], view["problem"]["where"]) == ("failed", "Aarau, Chur")
    assert {one["code"] for one in view["problems"]} == {"site_answer"}


@pytest.mark.anyio
async def test_cancelling_stops_the_rounds_and_tells_the_sites(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with client(build(tmp_path, sites)) as http:
        analysis_id = await submitted(http)
        await eventually(lambda: sites["Bern"].rounds)
        answer = await http.delete(f"/v1/analyses/{analysis_id}")
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
        await eventually(lambda: all(site.closed for site in sites.values()))
        assert (await http.get(f"/v1/analyses/{analysis_id}")).json()["round"] == 0
        assert (await http.get(f"/v1/analyses/{analysis_id}/result")).status_code == 409
        assert (await http.delete(f"/v1/analyses/{analysis_id}")).status_code == 204
        assert (await http.get(f"/v1/analyses/{analysis_id}")).status_code == 404
    assert [(body["outcome"], body["psi"]) for body in sites["Bern"].closed] == [("cancelled", None)]


@pytest.mark.anyio
async def test_a_round_limit_has_a_result_too(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    async with client(build(tmp_path, sites)) as http:
        view = await until(http, await submitted(http, max_rounds=1))
        result = await http.get(view["links"]["result"])
    assert (view["state"], result.status_code) == ("round_limit", 200)
    assert result.json()["convergence"]["outcome"] == "round_limit"


@pytest.mark.anyio
async def test_an_idempotency_key_stands_for_one_request_also_after_a_restart_and_is_refused_for_another_with_its_id(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    url, headers = f"sqlite:///{tmp_path / 'a.db'}", {"Idempotency-Key": "monday"}
    async with client(build(tmp_path, sites, SqlStore(url))) as http:
        first = await http.post("/v1/analyses", json=REQUEST, headers=headers)
    async with client(build(tmp_path, sites, SqlStore(url))) as http:
        same = await http.post("/v1/analyses", json=REQUEST, headers=headers)
        other = await http.post("/v1/analyses", json=REQUEST | {"max_rounds": 9}, headers=headers)
        assert (await until(http, first.json()["id"]))["state"] == "converged"
        assert len((await http.get("/v1/analyses")).json()["analyses"]) == 1
    assert (first.status_code, same.status_code, other.status_code) == (201, 200, 409)
    assert same.json()["id"] == first.json()["id"]
    problem = Problem.model_validate_json(other.content)
    assert (problem.code, problem.where) == ("idempotency_key_reused", "Idempotency-Key")
    assert problem.remedy == f"Use a new key, or look at analysis {first.json()['id']}."


@pytest.mark.anyio
async def test_analyses_are_listed_newest_first_in_pages(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    async with client(build(tmp_path, sites)) as http:
        ids = [await submitted(http, title=str(number)) for number in range(3)]
        for analysis_id in ids:
            await until(http, analysis_id)
        page = (await http.get("/v1/analyses?limit=2")).json()
        rest = (await http.get(f"/v1/analyses?limit=2&before={page['before']}&state=converged")).json()
        assert [one["title"] for one in page["analyses"]] == ["2", "1"]
        assert ([one["id"] for one in rest["analyses"]], rest["before"]) == ([ids[0]], None)
        like_that = (await http.get("/v1/analyses?formula=Y%20~&since=2026-01-01&limit=1")).json()
        assert [one["id"] for one in like_that["analyses"]] == [ids[2]]
        for place in ("who=nobody", "formula=nowhere", "until=2026-01-01", f"until=2026-01-01&before={ids[2]}"):
            assert (await http.get(f"/v1/analyses?{place}")).json() == {"analyses": [], "before": None}, place


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("request_line", "body", "status", "where"),
    [
        ("GET /v1/analyses/nobody", None, 404, "nobody"),
        ("GET /v1/analyses/nobody/result", None, 404, "nobody"),
        ("GET /v1/analyses/nobody/rounds", None, 404, "nobody"),
        ("DELETE /v1/analyses/nobody", None, 404, "nobody"),
        ("GET /v1/nothing", None, 404, "coordinator"),
        ("PUT /v1/analyses", None, 405, "coordinator"),
        ("GET /v1/analyses/NO_ID", None, 422, "path.analysis_id"),
        ("GET /v1/analyses?limit=0", None, 422, "query.limit"),
        ("GET /v1/analyses?since=yesterday", None, 422, "query.since"),
        ("GET /v1/analyses?formula=%00", None, 422, "query.formula"),
        ("GET /v1/analyses?owner=anna", None, 422, "query.owner"),
        ("POST /v1/analyses", {"formula": "y ~ x", "secret": 7}, 422, "body.secret"),
        ("POST /v1/analyses", {"formula": "y ~ x", "max_rounds": 424242}, 422, "body.max_rounds"),
    ],
)
async def test_errors_are_problems_that_name_the_place_and_quote_nothing(  # noqa: PLR0917 -- a table's columns
    tmp_path: Path, sites: dict[str, FakeSite], request_line: str, body: object, status: int, where: str
) -> None:
    async with client(build(tmp_path, sites)) as http:
        response = await http.request(*request_line.split(), json=body)
    told = Problem.model_validate_json(response.content)
    assert (response.status_code, told.where) == (status, where)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "424242" not in response.text


@pytest.mark.anyio
@pytest.mark.parametrize("change", [{"formula": "y ~ nothere"}, {"formula": "y ~ ("}, {"sites": ["Atlantis"]}])
async def test_a_request_that_cannot_be_carried_out_reaches_no_site(
    tmp_path: Path, sites: dict[str, FakeSite], change: dict[str, Any]
) -> None:
    async with client(build(tmp_path, sites)) as http:
        response = await http.post("/v1/analyses", json=REQUEST | change)
        assert response.status_code == 422
        assert Problem.model_validate_json(response.content).message
        assert (await http.get("/v1/analyses")).json()["analyses"] == []
    assert all(site.asked == [] for site in sites.values())


@pytest.mark.anyio
async def test_sites_say_who_they_are_or_why_not(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    async with client(build(tmp_path, sites)) as http:
        await http.get("/v1/sites")
        sites["Chur"].down = True
        answer = (await http.get("/v1/sites")).json()["sites"]
        assert (await http.get("/v1/dictionary")).json()["variables"][0]["name"] == "x"
    bern, _, chur = answer
    assert (bern["name"], bern["reachable"], bern["policy"], bern["fingerprint"]) == ("Bern", True, "open", "same")
    assert (chur["reachable"], chur["problem"]["where"]) == (False, "Chur")
    assert chur["last_seen"] is not None


@pytest.mark.anyio
async def test_a_fault_of_the_coordinator_ends_one_analysis_and_quotes_nothing(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ValueError("row 17: secret")

    monkeypatch.setattr(SiteClient, "start", crash)
    async with client(build(tmp_path, sites)) as http:
        view = await until(http, await submitted(http))
        assert (view["state"], view["problem"]["code"]) == ("failed", "internal")
        assert "secret" not in json.dumps(view)
        assert (await http.get("/health")).status_code == 200


def test_a_line_of_the_log_holds_no_arrays() -> None:
    event = {"event": "x", "sites": ["Bern"], "psi": [0.1, 0.2], "sum": np.zeros(2), "by_site": {"Bern": 1.0}}
    assert plain_only(None, "info", event) == {"event": "x", "sites": ["Bern"]}
