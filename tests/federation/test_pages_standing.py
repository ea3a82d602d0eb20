"""How things stand, on the coordinator's pages: the list, an analysis that is under way or was refused, the sites."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI

from coordinator.dashboard.wording import STATES
from coordinator.states import AnalysisState
from tests.federation.fake_sites import REQUEST, FakeSite, KeptStore, build, problem, until
from tests.federation.pages import Page, Visitor, submitted
from tests.federation.real_server import served

pytestmark = pytest.mark.anyio


async def test_the_list_shows_state_model_owner_and_time_and_goes_on_by_pages(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await submitted(anna, title=f"number {k}.") for k in range(5)]
    monkeypatch.setattr("coordinator.dashboard.analyses_page.ON_A_PAGE", 2)
    seen, place = [], "/analyses"
    while place:
        page = await anna.page(place)
        assert {"Model", "State", "Who", "Submitted (UTC)"} <= set(
            re.findall(r"Model|State|Who|Submitted \(UTC\)", page.text)
        )
        seen += re.findall(r"number \d\.", page.text)
        place = next((str(one["href"]) for one in page.all("a") if one.get("rel") == "next"), "")
    assert seen == [f"number {k}." for k in reversed(range(5))]
    assert f"/analyses/{ids[-1]}/result" in (await anna.page("/analyses")).links()
    assert "number" not in (await anna.page("/analyses?state=refused")).text
    assert "number" in (await anna.page("/analyses?state=converged")).text


async def test_the_list_is_of_what_is_wanted_on_its_further_pages_too(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(3):
        await submitted(anna, title=f"number {k}.")
    monkeypatch.setattr("coordinator.dashboard.analyses_page.ON_A_PAGE", 1)
    seen, place = [], "/analyses?state=&who=&formula=Y+%7E&since=2026-01-01&until="
    while place:
        page = await anna.page(place)
        seen += re.findall(r"number \d\.", page.text)
        fields = {str(one["name"]): one["value"] for one in page.all("input") if "value" in one and one["id"]}
        assert fields == {"formula": "Y ~", "who": "", "since": "2026-01-01", "until": ""}
        place = next((str(one["href"]) for one in page.all("a") if one.get("rel") == "next"), "")
    assert seen == ["number 2.", "number 1.", "number 0."]
    for other in ("who=rolf", "formula=nowhere", "until=2026-01-01"):
        page = await anna.page(f"/analyses?{other}")
        assert "There is no analysis like that here." in page.text
        assert "/analyses" in page.links()


async def test_a_paused_analysis_says_who_is_missing_and_since_when(anna: Visitor, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].down = True
    analysis = await submitted(anna, "paused")
    page = await anna.page(f"/analyses/{analysis}")
    since = (await anna.get(f"/v1/analyses/{analysis}")).json()["since"][:19].replace("T", " ")
    assert f"Missing since {since} UTC: Bern" in page.text
    answer = await anna.send(f"/analyses/{analysis}/cancel", {}, seen=f"/analyses/{analysis}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/analyses/{analysis}")
    assert "It was cancelled" in (await anna.page(f"/analyses/{analysis}")).text


async def test_an_analysis_that_a_person_has_to_approve_says_where(anna: Visitor, sites: dict[str, FakeSite]) -> None:
    sites["Chur"].override = lambda path, _body: (
        problem(409, "awaiting_approval", "a person has not decided yet.") if path == "prepare" else None
    )
    page = await anna.page(f"/analyses/{await submitted(anna, 'awaiting_approval')}")
    assert "It waits for a person at a site to approve it" in page.text
    assert re.search(r"Somebody is asked to approve this since \S+ \S+ UTC: Chur", page.text)


async def test_a_refused_analysis_says_whose_rule_and_what_to_do(anna: Visitor, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].override = lambda path, _body: (
        problem(403, "too_few_rows", "the site has too few rows.", "G5") if path == "prepare" else None
    )
    page = await anna.page(f"/analyses/{await submitted(anna)}")
    assert "It was refused by a site" in page.text
    assert "Bern" in page.text
    assert "too few rows" in page.text


async def test_the_trace_shows_every_round_with_the_length_of_its_step_and_no_psi(app: FastAPI, anna: Visitor) -> None:
    analysis = await submitted(anna)
    rounds = app.state.service.store.rounds(analysis)
    answer = await anna.get(f"/analyses/{analysis}/trace")
    page = Page.of(answer)
    cells = {
        name: [one[f"data-{name}"] for _, one in page.elements if f"data-{name}" in one]
        for name in ("round", "likelihood", "decrement")
    }
    assert cells["round"] == [str(one.number) for one in rounds]
    assert [float(one or "nan") for one in cells["likelihood"]] == [one.log_likelihood for one in rounds]
    assert [float(one or "nan") for one in cells["decrement"]] == [one.decrement for one in rounds]
    assert len(rounds) >= 3
    for one in rounds:
        for parameter in one.psi:
            assert f"{parameter:.6f}" not in answer.text


async def test_the_page_of_a_running_analysis_is_told_what_happens_after_what_it_shows(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    store = KeptStore()
    for site in sites.values():
        site.hold = asyncio.Event()
    async with served(build(tmp_path, sites, store)) as server:
        analysis = (await server.http.post("/v1/analyses", json=REQUEST)).json()["id"]
        await until(server.http, analysis, "running")
        page = Page.of(await server.http.get(f"/analyses/{analysis}"))
        (told,) = [one for one in page.all("p") if one.get("id") == "connection"]
        known = len(store.events(analysis))
        assert (told["data-events"], told["data-after"]) == (f"/analyses/{analysis}/events", str(known))
        assert set(json.loads(told["data-endings"] or "")) == {one.value for one in AnalysisState if one.ended}
        async with server.http.stream("GET", f"/analyses/{analysis}/events?after={known}") as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            for site in sites.values():
                assert site.hold is not None
                site.hold.set()
            text = "".join([chunk async for chunk in stream.aiter_text()])
    numbers = [int(one) for one in re.findall(r"^id: (\d+)$", text, re.MULTILINE)]
    assert numbers == list(range(known + 1, len(store.events(analysis)) + 1))
    assert "psi" not in text


async def test_the_sites_are_shown_as_they_answer_with_what_they_refused(
    anna: Visitor, sites: dict[str, FakeSite]
) -> None:
    await submitted(anna)
    sites["Bern"].override = lambda path, _body: (
        problem(403, "too_few_rows", "only 7 rows.", "G5") if path == "prepare" else None
    )
    sites["Chur"].override = lambda path, _body: (
        problem(422, "other_dictionary", "another dictionary.") if path == "prepare" else None
    )
    await submitted(anna)
    sites["Aarau"].down = True
    page = await anna.page("/sites/now")
    assert re.search(r"Bern reachable 1 open \S+ \S+ the same", page.text)
    assert re.search(r"Chur reachable 1 open \S+ \S+ another one", page.text)
    assert "Aarau not reachable" in page.text
    assert re.search(r"Refused lately Bern by rule G5 , too few rows", page.text)
    assert "only 7 rows" not in page.text


def test_every_state_has_its_words() -> None:
    assert set(STATES) == set(AnalysisState)
