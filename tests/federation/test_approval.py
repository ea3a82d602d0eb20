"""A fit waits for a person at a site, whom the coordinator names, and goes on, or ends, with the decision."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from coordinator import asking
from coordinator.settings import Settings
from shared.errors import RequestError
from shared.specification import Specification
from site_node.release.approvals import Approvals
from tests.federation.fake_sites import client, eventually, until
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import Heard, coordinator_of, real_sites

pytestmark = pytest.mark.anyio
MODEL = {"formula": "d ~ x + (1 | site)"}
MONTH = timedelta(days=30)


@pytest.fixture(autouse=True)
def _asks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LONGEST_FOR_A_PERSON", 0.1)


def sites(folder: Path, *, masked: bool = True) -> tuple[dict[str, Heard], Approvals]:
    """Three, at the second of which a person approves; what that person writes to."""
    made = real_sites(folder, DICTIONARY, made_up(sites=3).tables(), "default", masked=masked)
    asks = {"approval": "person", "approvals": folder / "approvals.db"}
    made["S1"].settings = made["S1"].settings.model_copy(update=asks)
    made["S1"].restart()
    return made, Approvals(folder / "approvals.db", "S1")


def _nobody_answers(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


@asynccontextmanager
async def waiting(
    folder: Path, made: dict[str, Heard], **settings: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """An analysis once it waits for the person."""
    async with client(coordinator_of(folder, made, **settings)) as http:
        analysis = (await http.post("/v1/analyses", json=MODEL)).json()["id"]
        view = await until(http, analysis, "awaiting_approval")
        assert (view["waiting_for"], view["problem"]) == (["S1"], None)
        yield http, analysis


@pytest.mark.parametrize("masked", [True, False])
async def test_an_analysis_waits_for_the_person_by_the_sites_name_and_runs_once_approved(
    masked: bool, tmp_path: Path
) -> None:
    made, person = sites(tmp_path, masked=masked)
    async with waiting(tmp_path, made) as (http, analysis):
        (request,) = person.all()
        assert (request.analysis, request.specification.roster) == (analysis, ("S0", "S1", "S2"))
        person.approve(analysis, MONTH)
        assert (await until(http, analysis))["state"] == "converged"


async def test_an_analysis_that_waits_for_a_person_keeps_no_other_from_running(tmp_path: Path) -> None:
    made, person = sites(tmp_path, masked=False)
    others = MODEL | {"sites": ["S0", "S2"]}
    async with waiting(tmp_path, made, running_at_once=1) as (http, analysis):
        other = (await http.post("/v1/analyses", json=others)).json()["id"]
        assert (await until(http, other))["state"] == "converged"
        assert (await http.get(f"/v1/analyses/{analysis}")).json()["state"] == "awaiting_approval"
        person.approve(analysis, MONTH)
        assert (await until(http, analysis))["state"] == "converged"


async def test_beyond_so_many_that_wait_for_people_one_keeps_its_place(tmp_path: Path) -> None:
    made, person = sites(tmp_path, masked=False)
    others = MODEL | {"sites": ["S0", "S2"]}
    async with waiting(tmp_path, made, running_at_once=1, awaiting_at_once=0) as (http, analysis):
        other = (await http.post("/v1/analyses", json=others)).json()["id"]
        asked = len(made["S1"].messages)
        await eventually(lambda: len(made["S1"].messages) >= asked + 3)
        assert (await http.get(f"/v1/analyses/{other}")).json()["state"] == "submitted"
        person.deny(analysis)
        assert (await until(http, analysis))["state"] == "refused"
        assert (await until(http, other))["state"] == "converged"


async def test_nothing_leaves_and_the_ledger_stays_empty_while_it_waits(tmp_path: Path) -> None:
    made, person = sites(tmp_path)
    async with waiting(tmp_path, made) as (http, analysis):
        told = [answer for path, _, answer in made["S1"].messages if path == "prepare"]
        assert told
        assert {answer["code"] for answer in told} == {"awaiting_approval"}
        assert made["S1"].settings.ledger.read_text(encoding="utf-8") == ""
        person.deny(analysis)
        await until(http, analysis)


async def test_what_is_denied_ends_as_refused_with_the_rule_and_the_reason(tmp_path: Path) -> None:
    made, person = sites(tmp_path)
    async with waiting(tmp_path, made) as (http, analysis):
        person.deny(analysis, "No ethics vote.")
        view = await until(http, analysis)
    assert view["state"] == "refused"
    (problem,) = view["problems"]
    assert (problem["where"], problem["rule"], problem["code"]) == ("S1", "approval", "denied")
    assert "No ethics vote." in problem["message"]


async def test_an_approval_that_has_expired_is_waited_for_anew(tmp_path: Path) -> None:
    made, person = sites(tmp_path)
    async with waiting(tmp_path, made) as (http, analysis):
        long_ago = person.find(analysis).asked - timedelta(days=2)
        Approvals(tmp_path / "approvals.db", "S1", lambda: long_ago).approve(analysis, timedelta(days=1))
        asked = len(made["S1"].messages)
        await eventually(lambda: len(made["S1"].messages) >= asked + 3)
        assert (await http.get(f"/v1/analyses/{analysis}")).json()["state"] == "awaiting_approval"
        assert "has expired" in made["S1"].messages[-1][2]["message"]
        person.approve(analysis, MONTH)
        assert (await until(http, analysis))["state"] == "converged"


async def test_nobody_is_waited_for_longer_than_was_set(tmp_path: Path) -> None:
    made, _ = sites(tmp_path)
    async with waiting(tmp_path, made, approval_deadline_seconds=0.3) as (http, analysis):
        view = await until(http, analysis)
    assert view["state"] == "failed"
    (problem,) = view["problems"]
    assert (problem["where"], problem["code"]) == ("S1", "awaiting_approval")


async def test_an_analysis_that_another_site_fails_names_that_one_alone_and_is_over_for_the_person_too(
    tmp_path: Path,
) -> None:
    made, person = sites(tmp_path)
    away = httpx.MockTransport(_nobody_answers)
    async with client(coordinator_of(tmp_path, made | {"S0": away}, site_deadline_seconds=0.3)) as http:
        analysis = (await http.post("/v1/analyses", json=MODEL)).json()["id"]
        view = await until(http, analysis)
        await eventually(lambda: person.find(analysis).ended is not None)
    assert view["state"] == "failed"
    assert [(problem["where"], problem["code"]) for problem in view["problems"]] == [("S0", "site_unreachable")]
    with pytest.raises(RequestError, match=r"ended before anybody decided \(failed\)"):
        person.approve(analysis, MONTH)


async def test_an_analysis_that_somebody_cancels_is_over_for_the_person_too(tmp_path: Path) -> None:
    made, person = sites(tmp_path)
    async with waiting(tmp_path, made) as (http, analysis):
        await http.delete(f"/v1/analyses/{analysis}")
        await eventually(lambda: person.find(analysis).ended == "cancelled")


async def test_another_specification_under_the_same_id_is_not_approved(tmp_path: Path) -> None:
    made, person = sites(tmp_path, masked=False)
    async with waiting(tmp_path, made) as (http, analysis):
        person.approve(analysis, MONTH)
        await until(http, analysis)
    approved = next(asked["specification"] for path, asked, _ in made["S1"].messages if path == "prepare")
    other = Specification.model_validate(approved).model_copy(update={"max_rounds": 3}).model_dump(mode="json")
    async with httpx.AsyncClient(transport=made["S1"].site, base_url="http://127.0.0.1") as asking:
        answer = await asking.post(f"/v1/analyses/{analysis}/prepare", json={"specification": other})
    assert (answer.status_code, answer.json()["code"]) == (422, "other_specification")


async def test_an_analysis_that_is_denied_while_it_runs_gets_no_further_round(tmp_path: Path) -> None:
    made, person = sites(tmp_path, masked=False)

    class Denying(Heard):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("contributions") and self.messages[-1][1].get("round") == 1:
                person.deny(request.url.path.split("/")[3])
            return await super().handle_async_request(request)

    made["S1"] = Denying(made["S1"].settings)
    async with waiting(tmp_path, made) as (http, analysis):
        person.approve(analysis, MONTH)
        view = await until(http, analysis)
    assert (view["state"], view["round"], view["problems"][0]["code"]) == ("refused", 1, "denied")


async def test_a_site_that_restarts_while_it_waits_asks_nobody_twice(tmp_path: Path) -> None:
    made, person = sites(tmp_path)
    async with waiting(tmp_path, made) as (http, analysis):
        made["S1"].restart()
        asked = len(made["S1"].messages)
        await eventually(lambda: len(made["S1"].messages) >= asked + 3)
        assert [request.analysis for request in person.all()] == [analysis]
        person.approve(analysis, MONTH)
        made["S1"].restart()
        assert (await until(http, analysis))["state"] == "converged"


def test_the_coordinator_waits_for_a_day_unless_it_is_set_otherwise() -> None:
    assert Settings.model_fields["approval_deadline_seconds"].default == 24 * 3600
