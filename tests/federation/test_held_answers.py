"""An answer is held back for as long as was asked, and leads to the result; what is done to an analysis is what was meant."""

import asyncio
from pathlib import Path

import pytest

from tests.federation.fake_sites import FakeSite, build, eventually, problem, submitted
from tests.federation.real_server import served, watchers_of

pytestmark = pytest.mark.anyio


async def test_an_answer_that_is_held_back_leads_to_the_result(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    request = {"formula": "y ~ x", "family": "binomial"}
    async with served(build(tmp_path, sites)) as running:
        headers = {"Prefer": "wait=20", "Idempotency-Key": "monday"}
        response = await running.http.post("/v1/analyses", json=request, headers=headers)
        assert (response.status_code, response.headers["Preference-Applied"]) == (303, "wait=20")
        analysis_id = response.json()["id"]
        assert response.headers["Location"] == f"/v1/analyses/{analysis_id}/result"
        followed = await running.http.post("/v1/analyses", json=request, headers=headers, follow_redirects=True)
        result = await running.http.get(f"/v1/analyses/{analysis_id}/result")
    assert (followed.status_code, followed.content) == (200, result.content)
    assert result.json()["convergence"]["outcome"] == "converged"


async def test_an_answer_is_held_back_no_longer_than_was_asked(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        response = await running.http.post("/v1/analyses", json={"formula": "y ~ x"}, headers={"Prefer": "wait=1"})
        assert (response.status_code, response.json()["state"]) == (201, "running")
        assert (response.headers["Preference-Applied"], response.headers["Location"]) == (
            "wait=1",
            response.json()["links"]["self"],
        )
        await eventually(lambda: watchers_of(running) == 0)


async def test_an_ending_without_a_result_is_the_usual_answer(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].override = lambda path, _: problem(403, "rows", "too few.", "G5") if path == "prepare" else None
    async with served(build(tmp_path, sites)) as running:
        response = await running.http.post("/v1/analyses", json={"formula": "y ~ x"}, headers={"Prefer": "wait=20"})
    assert (response.status_code, response.json()["state"]) == (201, "refused")
    assert response.json()["problem"]["where"] == "Bern"


async def test_only_what_is_meant_is_done_to_an_analysis(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with served(build(tmp_path, sites)) as running:
        http = running.http
        place = f"/v1/analyses/{await submitted(http)}"
        early = await http.delete(place, params={"only": "delete"})
        assert (early.status_code, early.json()["code"]) == (409, "not_ended")
        assert (await http.delete(place, params={"only": "cancel"})).json()["state"] == "cancelled"
        late = await http.delete(place, params={"only": "cancel"})
        assert (late.status_code, late.json()["code"]) == (409, "ended")
        assert (await http.get(place)).json()["state"] == "cancelled"
        assert (await http.delete(place, params={"only": "delete"})).status_code == 204
        assert (await http.get(place)).status_code == 404
