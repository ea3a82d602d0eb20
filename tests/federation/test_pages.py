"""What the coordinator's pages show, that they load nothing from elsewhere, and how they say what is wrong."""

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from coordinator.client.summary import summary
from coordinator.client.tables import latex_table
from coordinator.dashboard.wording import LABELS, STATES
from coordinator.plots.catalogue import PlotName, plot
from coordinator.plots.svg import standalone
from coordinator.states import AnalysisState
from coordinator.wanted import Wanted
from site_node.app import create_app as create_site
from tests.federation.fake_sites import REQUEST, FakeSite, KeptStore, build, problem, until
from tests.federation.one_site import Site
from tests.federation.pages import HOST, Page, Visitor, visitor
from tests.federation.real_server import served

pytestmark = pytest.mark.anyio

POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PATIENCE = 60.0
"""Seconds that a missing site is waited for: what is paused stays so, however slow the machine is."""
HOSTILE = "<script>alert(1)</script>\" onload='x' {{ 7 * 7 }} &amp; \u202e"
FORM = {"formula": "y ~ x", "family": "binomial", "sites": ["Bern", "Aarau", "Chur"], "once": "1"}


@pytest.fixture
async def app(tmp_path: Path, sites: dict[str, FakeSite]) -> AsyncIterator[FastAPI]:
    made = build(tmp_path, sites, patience=PATIENCE)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def anna(app: FastAPI) -> AsyncIterator[Visitor]:
    async with visitor(app) as somebody:
        yield somebody


async def submitted(anna: Visitor, *states: str, **request: Any) -> str:
    """An analysis in one of the states; ended unless given."""
    answer = await anna.http.post("/v1/analyses", json=REQUEST | request)
    assert answer.status_code == 201, answer.text
    await until(anna.http, answer.json()["id"], *states)
    return str(answer.json()["id"])


async def everything(anna: Visitor, sites: dict[str, FakeSite]) -> list[str]:
    """Every page there is, of analyses that ended well, were refused, or are waited for; parts of pages too."""
    good = await submitted(anna, title=HOSTILE)
    sites["Bern"].override = lambda path, _body: (
        problem(403, "too_few_rows", f"the site has too few rows {HOSTILE}", "G5") if path == "prepare" else None
    )
    refused = await submitted(anna, title=HOSTILE)
    sites["Bern"].down = True
    paused = await submitted(anna, "paused", title=HOSTILE)
    of_one = [f"/analyses/{one}{part}" for one in (good, refused, paused) for part in ("", "/standing", "/trace")]
    results = [f"/analyses/{good}/result", f"/analyses/{good}/result?exponentiate=true"]
    new = ["/analyses/new", *(f"/analyses/new?again={one}" for one in (good, refused, paused))]
    lists = ["/analyses", "/analyses?state=", "/analyses?state=refused", "/analyses?state=cancelled"]
    lists += [f"/analyses?who={quote(HOSTILE)}&formula={quote(HOSTILE)}"]
    return [*lists, *of_one, *results, *new, "/sites", "/sites/now", "/sign-in", "/nothing"]


async def test_no_page_has_a_script_or_a_style_in_it_or_loads_anything_from_elsewhere(
    anna: Visitor, sites: dict[str, FakeSite]
) -> None:
    for place in await everything(anna, sites):
        answer = await anna.get(place)
        assert answer.headers["Content-Security-Policy"] == POLICY, place
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        page = Page.of(answer)
        assert page.all("style") == []
        assert all(one.get("src") for one in page.all("script")), place
        for _, attributes in page.elements:
            assert not [name for name in attributes if name == "style" or name.startswith(("on", "hx-on"))], place
        for link in page.links():
            assert re.match(r"/(?!/)|\?", link), (place, link)


async def test_every_link_of_every_page_answers(anna: Visitor, sites: dict[str, FakeSite]) -> None:
    tried: set[str] = set()
    for place in await everything(anna, sites):
        page = Page.of(await anna.get(place))
        path = place.partition("?")[0]
        links = {f"{path}{link}" if link.startswith("?") else link for link in page.links()}
        for link in links - tried:
            answer = await anna.get(link)
            assert answer.status_code in {200, 303}, (place, link, answer.status_code)
        tried |= links
    assert len(tried) > 30


async def test_what_others_wrote_is_shown_and_never_a_part_of_the_page(
    anna: Visitor, sites: dict[str, FakeSite]
) -> None:
    shown = 0
    for place in await everything(anna, sites):
        answer = await anna.get(place)
        assert "<script>alert" not in answer.text, place
        page = Page.of(answer)
        shown += HOSTILE.partition("\u202e")[0].strip() in page.text
        assert not any(attributes.get("onload") for _, attributes in page.elements)
    assert shown >= 8


async def test_every_page_can_be_found_ones_way_in(anna: Visitor, sites: dict[str, FakeSite]) -> None:
    """A language, one heading of the first order, landmarks, a name for every field, heads for every column."""
    for place in await everything(anna, sites):
        page = Page.of(await anna.get(place))
        if place.endswith(("/standing", "/trace")):
            continue
        assert page.all("html")[0]["lang"] == "en"
        assert len(page.all("h1")) == len(page.all("main")) == len(page.all("header")) == 1, place
        assert all("alt" in image for image in page.all("img"))
        labelled = {one.get("for") for one in page.all("label")}
        for tag in ("input", "select", "textarea"):
            for one in page.all(tag):
                named = one.get("id") in labelled or one.get("aria-label") or one.get("type") in {"hidden", "checkbox"}
                assert named, (place, one)
        assert all(one.get("scope") for one in page.all("th")), place
        assert len(page.all("caption")) == len(page.all("table")), place
        ids = [one["id"] for _, one in page.elements if "id" in one]
        assert len(ids) == len(set(ids)), place


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


async def test_a_result_is_shown_as_lme4_prints_it_with_its_tables_and_plots(anna: Visitor) -> None:
    analysis = await submitted(anna)
    result = (await anna.get(f"/v1/analyses/{analysis}/result")).json()
    page = await anna.page(f"/analyses/{analysis}/result")
    assert " ".join(summary(result).split()) in page.text
    assert "Tests and intervals are Wald's" in page.text
    drawn = [one["aria-labelledby"] for one in page.all("svg")]
    assert drawn == ["forest-title", "correlation-title"]
    rows = [one for one in page.all("g") if one.get("class") == "row"]
    (slope,) = [row for row in result["tidy"] if row["term"] == "x"]
    assert [float(one["data-estimate"] or "nan") for one in rows][:1] == [slope["estimate"]]
    ratios = await anna.page(f"/analyses/{analysis}/result?exponentiate=true")
    assert [one["aria-labelledby"] for one in ratios.all("svg")] == ["ratios-title", "correlation-title"]


async def test_warnings_come_before_any_number(anna: Visitor) -> None:
    analysis = await submitted(anna, max_rounds=1)
    answer = await anna.get(f"/analyses/{analysis}/result")
    text = Page.of(answer).text
    assert text.index("The rounds are used up") < text.index("Summary")
    assert "Estimates" not in text


async def test_every_file_of_a_result_is_what_it_says(anna: Visitor) -> None:
    analysis = await submitted(anna)
    result = (await anna.get(f"/v1/analyses/{analysis}/result")).json()
    names = {
        link.rpartition("/")[2]
        for link in (await anna.page(f"/analyses/{analysis}/result")).links()
        if "/files/" in link
    }
    files = {}
    for name in names:
        answer = await anna.get(f"/analyses/{analysis}/files/{name}")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{analysis}-{name}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        files[name] = answer.content
    assert json.loads(files["result.json"]) == result
    rows = list(csv.DictReader(io.StringIO(files["estimates.csv"].decode())))
    assert [float(row["estimate"]) for row in rows] == [row["estimate"] for row in result["tidy"]]
    assert files["estimates.tex"].decode() == latex_table(result)
    assert files["forest.svg"].decode() == standalone(plot(PlotName.FOREST, result))
    assert files["convergence.png"].startswith(b"\x89PNG")
    assert files["ratios.pdf"].startswith(b"%PDF")
    assert (await anna.get(f"/analyses/{analysis}/files/passwd")).status_code == 404


async def test_a_result_that_is_asked_for_too_early_is_a_409_in_words(
    anna: Visitor, sites: dict[str, FakeSite]
) -> None:
    sites["Bern"].down = True
    analysis = await submitted(anna, "paused")
    for place in ("result", "report", "files/result.json"):
        answer = await anna.get(f"/analyses/{analysis}/{place}")
        assert answer.status_code == 409
        assert "There is no result: the analysis is paused." in Page.of(answer).text
        assert "Ask again once it has ended." in Page.of(answer).text


async def test_what_does_not_fit_how_things_stand_is_a_409_in_words(anna: Visitor, sites: dict[str, FakeSite]) -> None:
    over = await submitted(anna)
    sites["Bern"].down = True
    under_way = await submitted(anna, "paused")
    for analysis, what in ((over, "cancel"), (under_way, "delete")):
        answer = await anna.send(f"/analyses/{analysis}/{what}", {}, seen=f"/analyses/{over}")
        assert answer.status_code == 409
        assert "Nothing was changed" in Page.of(answer).text


NO_PAGE = "There is no page at this address. Is it complete? The list of all analyses leads to every page."
NO_ANALYSIS = "There is no such analysis. Look for it among all analyses; it may have been deleted."


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/nothing", f"/nothing {NO_PAGE}"),
        ("/static/nothing", f"/static/nothing {NO_PAGE}"),
        ("/analyses/nobody-has-this", f"nobody-has-this {NO_ANALYSIS}"),
        ("/analyses/nobody-has-this/result", f"nobody-has-this {NO_ANALYSIS}"),
        ("/analyses?before=nobody", f"nobody {NO_ANALYSIS}"),
        ("/analyses/new?again=nobody", f"nobody {NO_ANALYSIS}"),
    ],
)
async def test_what_there_is_not_is_a_404_in_a_readers_words(anna: Visitor, place: str, said: str) -> None:
    answer = await anna.get(place)
    assert answer.status_code == 404
    assert f"Not found {said} All analyses" in Page.of(answer).text
    assert "/analyses" in Page.of(answer).links()
    as_a_program = await anna.get(place, Accept="*/*")
    assert as_a_program.headers["Content-Type"] == "application/problem+json"


NO_DAY = "This is no day. Choose one, or write it as 2026-01-31."
STATE_NAMES = ", ".join(state.replace("_", " ") for state in AnalysisState)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/analyses?since=today", f"From {NO_DAY}"),
        ("/analyses?until=2026-02-30", f"To {NO_DAY}"),
        ("/analyses?state=nonsense", f"State There is no such state. The states are: {STATE_NAMES}."),
        ("/analyses?who=%01", "Who Nobody can be called this. Write at most 300 characters, on one line."),
        (
            f"/analyses?formula={'x' * 301}",
            "Formula with This cannot be a part of a formula. Write at most 300 characters",
        ),
        (
            "/analyses?colour=red",
            "colour (in the address) This page can do nothing with it. Leave it out of the address.",
        ),
        ("/analyses?before=NO", NO_ANALYSIS),
        ("/analyses/new?again=NO", NO_ANALYSIS),
        ("/analyses/NOT_AN_ID", NO_ANALYSIS),
    ],
)
async def test_an_address_that_makes_no_sense_is_a_422_in_a_readers_words(anna: Visitor, place: str, said: str) -> None:
    answer = await anna.get(place)
    page = Page.of(answer)
    assert answer.status_code == 422
    assert f"This cannot be carried out {said}" in page.text
    assert not re.search(r"query\.|path\.|/docs describes|GET /v1|pattern", page.text)
    assert "/analyses" in page.links()
    as_a_program = await anna.get(place, Accept="*/*")
    assert as_a_program.json()["where"].startswith(("query.", "path.")), "programs are told the field"


async def test_the_filters_are_called_the_same_on_the_page_and_where_one_is_at_fault(anna: Visitor) -> None:
    fields = [str(one["for"]) for one in (await anna.page("/analyses")).all("label")]
    assert set(fields) == set(LABELS) == set(Wanted.model_fields)
    for field in fields:
        label = re.search(rf'<label for="{field}">(.*?)</label>', (await anna.get("/analyses")).text)
        where = re.search(r'<p class="where">(.*?)</p>', (await anna.get(f"/analyses?{field}=%01")).text)
        assert label is not None
        assert where is not None
        assert label[1].lower() == where[1].lower()


async def test_an_address_of_forms_and_a_file_that_there_is_not_are_told_with_what_to_do(anna: Visitor) -> None:
    analysis = await submitted(anna)
    for place, status, said in (
        (f"/analyses/{analysis}/cancel", 405, "There is nothing to look at: forms are sent to this address. Go back"),
        ("/sign-out", 405, "There is nothing to look at: forms are sent to this address. Go back to the page"),
        (f"/analyses/{analysis}/files/x", 404, "There is no such file of this result. The page of the result has all"),
    ):
        answer = await anna.get(place)
        assert answer.status_code == status
        assert said in Page.of(answer).text


async def test_a_fault_of_the_coordinators_own_is_a_page_without_its_text(
    app: FastAPI, anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(app.state.service.store, "newest", fails)
    answer = await anna.get("/analyses")
    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "fault of its own" in Page.of(answer).text
    assert "a secret" not in answer.text


async def test_the_form_knows_the_dictionary_and_writes_the_formula_of_a_choice(anna: Visitor) -> None:
    page = await anna.page("/analyses/new")
    assert [one["value"] for one in page.all("input") if one.get("name") == "terms"] == ["x", "y"]
    chosen = FORM | {"formula": "", "response": "y", "terms": ["x", "y"], "group": "site", "do": "write"}
    written = Page.of(await anna.send("/analyses/new", chosen, seen="/analyses/new"))
    assert "y ~ x + (1 | site)" in written.text


async def test_the_form_says_what_would_be_fitted_and_how_to_ask_for_it_elsewhere(anna: Visitor) -> None:
    answer = await anna.send("/analyses/new/check", FORM | {"formula": "y ~ x + (1 | site)"}, seen="/analyses/new")
    page = Page.of(answer)
    assert "(Intercept) x" in page.text
    assert "by site: (Intercept)" in page.text
    assert '"roster": [ "Bern", "Aarau", "Chur" ]' in page.text
    assert f"curl -sL {HOST}/v1/analyses" in page.text
    assert "coordinator.fit( 'y ~ x + (1 | site)', family='binomial', )" in page.text
    assert 'fed_glmer( y ~ x + (1 | site), family = "binomial"' in page.text


@pytest.mark.parametrize(
    ("formula", "at"),
    [("y ~ x + nonsense", "nonsense"), ("y ~ x +* x", "*"), ("y ~ (x", " "), ("y ~ log(x, 2)", "log")],
)
async def test_a_typo_in_a_formula_is_marked_where_it_is(anna: Visitor, formula: str, at: str) -> None:
    for do in ("submit", "check"):
        answer = await anna.send("/analyses/new", FORM | {"formula": formula, "do": do}, seen="/analyses/new")
        assert answer.status_code == (422 if do == "submit" else 200)
        marked = re.search(r'<pre class="marked"[^>]*>(.*?)<mark>(.*?)</mark>(.*?)</pre>', answer.text, re.DOTALL)
        assert marked is not None, answer.text
        assert marked[2] == at
        assert (marked[1] + marked[2] + marked[3]).rstrip() == formula
        assert formula in (re.search(r"<textarea.*?>(.*?)</textarea>", answer.text, re.DOTALL) or [""])[1]
        assert 'aria-invalid="true"' in answer.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"formula": ""}, "There is no formula yet."),
        ({"sites": []}, "There is no site."),
        ({"tolerance": "small"}, "tolerance"),
        ({"link": "inverse"}, "no link inverse"),
        ({"max_rounds": "1000"}, "max_rounds"),
        ({"weights": "z"}, "no numeric variable"),
    ],
)
async def test_what_cannot_be_asked_for_is_said_beside_the_form_which_keeps_what_was_written(
    anna: Visitor, change: dict[str, Any], said: str
) -> None:
    fields = FORM | {"title": "kept", "do": "submit"} | change
    answer = await anna.send("/analyses/new", fields, seen="/analyses/new")
    assert answer.status_code == 422
    assert said in Page.of(answer).text
    assert Page.of(answer).value("title") == "kept"


async def test_a_form_that_is_sent_twice_is_one_analysis_and_a_changed_one_another(app: FastAPI, anna: Visitor) -> None:
    once = (await anna.page("/analyses/new")).value("once")
    fields = FORM | {"once": once, "do": "submit"}
    first, again = [await anna.send("/analyses/new", fields, seen="/analyses/new") for _ in range(2)]
    assert first.headers["Location"] == again.headers["Location"]
    other = await anna.send("/analyses/new", fields | {"title": "changed"}, seen="/analyses/new")
    assert other.headers["Location"] != first.headers["Location"]
    assert len(app.state.service.store.newest(limit=9)) == 2
    for place in (first, other):
        await until(anna.http, place.headers["Location"].rpartition("/")[2])


async def test_an_analysis_is_repeated_as_it_was_asked_for(app: FastAPI, anna: Visitor) -> None:
    before = await submitted(anna, sites=["Bern", "Chur"], title="first", tolerance=1e-12, confidence_level=0.9)
    answer = await anna.get(f"/analyses/new?again={before}")
    page = Page.of(answer)
    fields: dict[str, Any] = {
        str(one["name"]): one.get("value", "") for one in page.all("input") if one.get("type") is None
    }
    ticked = [one["value"] for one in page.all("input") if one.get("name") == "sites" and "checked" in one]
    assert ticked == ["Bern", "Chur"]
    sent = FORM | fields | {"sites": ticked, "do": "submit", "once": page.value("once")}
    after = (await anna.send("/analyses/new", sent, seen="/analyses/new")).headers["Location"].rpartition("/")[2]
    assert after != before
    store = app.state.service.store
    assert store.get(after).request == store.get(before).request
    await until(anna.http, after)


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


async def test_a_part_of_a_page_whose_session_has_ended_has_the_page_loaded_anew(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    app = build(
        tmp_path,
        sites,
        keys="[[keys]]\nname = 'anna'\nrole = 'run'\ncreated = 2026-01-31\nsha256 = '" + "0" * 64 + "'\n",
    )
    async with app.router.lifespan_context(app), visitor(app) as somebody:
        answer = await somebody.get("/analyses", **{"HX-Request": "true"})
        assert (answer.status_code, answer.headers["HX-Refresh"]) == (401, "true")


def elsewhere(page: Page) -> set[str]:
    """Where a page leads to; it has all places on it that it leads to itself."""
    within = {link for link in page.links() if link.startswith("#")}
    assert within <= {f"#{one['id']}" for _, one in page.elements if "id" in one}
    return page.links() - within


async def test_the_coordinators_interface_is_described_on_a_page_that_loads_nothing(anna: Visitor) -> None:
    answer = await anna.get("/docs")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    page = Page.of(answer)
    assert (elsewhere(page), page.all("script"), page.all("link")) == ({"/openapi.json"}, [], [])
    assert "GET /v1/analyses" in page.text
    assert "a part of the formula, in small or capital letters" in page.text
    assert "wait=SECONDS holds the answer back" in page.text, "without a mark of its own"
    assert "length_of_stay ~ age10 + sex" in page.text, "an example of a request"
    assert "there is no such analysis here. See what there is." in page.text, "an error"
    assert (await anna.get("/redoc")).status_code == 404


async def test_a_sites_interface_is_described_on_a_page_that_loads_nothing(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(create_site(Site(tmp_path).settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        page = Page.of(await http.get("/docs"))
        assert (elsewhere(page), page.all("script"), page.all("link")) == ({"/openapi.json"}, [], [])
        assert "POST /v1/analyses/{analysis_id}/prepare" in page.text
        assert "Sent, for example" in page.text
        assert (await http.get("/openapi.json")).status_code == 200
        assert (await http.get("/redoc")).status_code == 404


def test_every_state_has_its_words() -> None:
    assert set(STATES) == set(AnalysisState)


async def test_files_of_the_pages_are_asked_for_anew_and_found_unchanged(anna: Visitor) -> None:
    first = await anna.get("/static/page.css")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await anna.get("/static/page.css", **{"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    for outside in ("/static/../rendering.py", "/static/%2e%2e/rendering.py", "/static/vendor/../../rendering.py"):
        assert (await anna.get(outside)).status_code == 404, outside
