"""What the site's page shows, and what follows from a decision that is made on it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from coordinator import asking
from shared.dictionary import Dictionary, Variable
from site_node.data.inference import write_dictionary
from site_node.release.approvals import Approvals
from site_node.release.history import History
from site_node.release.ledger import read_ledger
from site_node.settings import SiteSettings
from tests.federation.fake_sites import client, eventually, until
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.one_site import CLOSE, Site
from tests.federation.pages import Page
from tests.federation.real_sites import Heard, coordinator_of, real_sites
from tests.federation.site_counter import HERE, person

pytestmark = pytest.mark.anyio
MODEL = {"formula": "d ~ x + (1 | site)", "family": "binomial", "title": "Deaths"}
HOSTILE = "</code><script>alert(1)</script>\"'&"


@pytest.fixture(autouse=True)
def _asks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LONGEST_FOR_A_PERSON", 0.1)


def asks_a_person(settings: SiteSettings, folder: Path) -> SiteSettings:
    return settings.model_copy(update={"approval": "person", "approvals": folder / "approvals.db"})


def three_sites(folder: Path) -> dict[str, Heard]:
    """Of a consortium; at the second a person approves."""
    made = real_sites(folder, DICTIONARY, made_up(sites=3).tables(), "default", masked=True)
    made["S1"].settings = asks_a_person(made["S1"].settings, folder)
    made["S1"].restart()
    return made


@asynccontextmanager
async def waiting(folder: Path, sites: dict[str, Heard]) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """An analysis once it waits for the person."""
    async with client(coordinator_of(folder, sites)) as http:
        analysis = (await http.post("/v1/analyses", json=MODEL)).json()["id"]
        await until(http, analysis, "awaiting_approval")
        yield http, analysis


async def test_what_is_approved_on_the_page_goes_on_and_what_left_for_it_is_then_on_the_page(tmp_path: Path) -> None:
    sites = three_sites(tmp_path)
    async with waiting(tmp_path, sites) as (http, analysis), person(sites["S1"].settings) as somebody:
        listed = await somebody.page("/waiting")
        assert "waits for a decision" in listed.text
        assert f"/analyses/{analysis}" in listed.links()
        asked = await somebody.page(f"/analyses/{analysis}")
        assert "the coordinator of the consortium made up, by its key" in asked.text
        assert "S0, S1, S2" in asked.text
        assert "What left for it Nothing." in asked.text
        answer = await somebody.send(f"/analyses/{analysis}/approve", seen=f"/analyses/{analysis}", days=7)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/analyses/{analysis}")
        assert (await until(http, analysis))["state"] == "converged"
        approved = Approvals(tmp_path / "approvals.db", "S1").find(analysis).decision
        assert approved is not None
        assert approved.expires == approved.at + timedelta(days=7)
        done = await somebody.page(f"/analyses/{analysis}")
        for words in ("approved until", "takes part", "answered the start", "answered round 1", "ended: converged"):
            assert words in done.text
        everything = await somebody.page("/analyses")
        assert "Deaths d ~ x + (1 | site) ended: converged" in everything.text
        assert "Nothing waits." in (await somebody.page("/waiting")).text


async def test_what_is_denied_on_the_page_ends_with_the_reason(tmp_path: Path) -> None:
    sites = three_sites(tmp_path)
    async with waiting(tmp_path, sites) as (http, analysis), person(sites["S1"].settings) as somebody:
        await somebody.send(f"/analyses/{analysis}/deny", seen=f"/analyses/{analysis}", reason="No ethics vote.")
        view = await until(http, analysis)
        assert view["state"] == "refused"
        assert "No ethics vote." in view["problems"][0]["message"]
        everything = await somebody.page("/analyses")
        assert "refused: rule approval, denied" in everything.text
        assert "denied. No ethics vote" in (await somebody.page("/waiting")).text


async def test_what_ended_before_anybody_decided_waits_no_longer_and_cannot_be_decided(tmp_path: Path) -> None:
    sites = three_sites(tmp_path)
    asked = Approvals(tmp_path / "approvals.db", "S1")
    async with waiting(tmp_path, sites) as (http, analysis), person(sites["S1"].settings) as somebody:
        form = (await somebody.page(f"/analyses/{analysis}")).value("form_token")
        await http.delete(f"/v1/analyses/{analysis}")
        await eventually(lambda: not asked.find(analysis).waits)
        listed = await somebody.page("/waiting")
        assert "Nothing waits." in listed.text
        assert "ended before anybody decided: cancelled" in listed.text
        assert "There is nothing to decide" in (await somebody.page(f"/analyses/{analysis}")).text
        for decision, field in (("approve", {"days": 7}), ("deny", {"reason": ""})):
            answer = await somebody.http.post(
                f"/analyses/{analysis}/{decision}", data={"form_token": form, **field}, headers={"Origin": HERE}
            )
            assert (answer.status_code, "ended before anybody decided" in answer.text) == (422, True)
    assert asked.find(analysis).decision is None


async def test_the_model_is_told_by_what_is_computed_and_not_by_its_formula(tmp_path: Path) -> None:
    site = Site(tmp_path)
    settings = asks_a_person(site.settings, tmp_path)
    specification = site.specification(formula="harmless ~ 1", title="Harmless")
    (tmp_path / "ledger.jsonl").touch()
    with pytest.raises(Exception, match="nobody at the site has approved"):
        Approvals(settings.approvals, "A").check("one", specification)
    async with person(settings) as somebody:
        page = await somebody.page("/analyses/one")
    assert "What is explained death" in page.text
    assert "binomial, logit link" in page.text
    assert "the intercept by site" in page.text
    assert "(Intercept) 1 in each row treatmentb whether treatment is b" in page.text
    assert "open: the coordinator sees this site's own log-likelihood" in page.text
    assert json.loads(page.text.split("The specification as JSON", 1)[1].split(" Decide ", 1)[0]) == json.loads(
        specification.model_dump_json()
    )


@pytest.mark.parametrize("days", ["0", "366", "-1", "1.5", "", "\u0663", "seven", "1" * 5000])
async def test_an_approval_of_no_such_number_of_days_is_none(tmp_path: Path, days: str) -> None:
    site = Site(tmp_path)
    settings = asks_a_person(site.settings, tmp_path)
    (tmp_path / "ledger.jsonl").touch()
    approvals = Approvals(settings.approvals, "A")
    with pytest.raises(Exception, match="nobody at the site has approved"):
        approvals.check("one", site.specification())
    async with person(settings) as somebody:
        answer = await somebody.send("/analyses/one/approve", seen="/analyses/one", days=days)
    assert (answer.status_code, "1 to 365 whole days" in answer.text) == (422, True)
    assert approvals.find("one").decision is None


async def test_nobody_decides_where_nobody_is_asked_or_about_what_nobody_asked(tmp_path: Path) -> None:
    settings = Site(tmp_path).settings
    (tmp_path / "ledger.jsonl").touch()
    async with person(settings) as somebody:
        assert "Nobody is asked" in (await somebody.page("/waiting")).text
        assert (await somebody.send("/analyses/one/approve", seen="/data", days=1)).status_code == 422
    async with person(asks_a_person(settings, tmp_path)) as somebody:
        assert (await somebody.send("/analyses/one/deny", seen="/data", reason="")).status_code == 404
        await somebody.page("/analyses/one", 404)


async def test_whatever_others_wrote_is_text_on_every_page(tmp_path: Path) -> None:
    site = Site(tmp_path)
    settings = asks_a_person(site.settings, tmp_path)
    site.settings = settings
    specification = site.specification(title=HOSTILE)
    approvals = Approvals(settings.approvals, "A")
    async with site.client() as coordinator:
        assert (await site.prepare(coordinator, specification)).status_code == 409
        approvals.deny("one", HOSTILE)
        assert (await site.prepare(coordinator, specification)).status_code == 403
        approvals.approve("one", timedelta(days=2))
        assert (await site.prepare(coordinator, specification)).status_code == 200
        ending = await coordinator.post("/v1/analyses/one/close", json=CLOSE | {"outcome": HOSTILE})
        assert ending.status_code in {200, 422}
        approvals.deny("one", HOSTILE)
    async with person(settings) as somebody:
        for place in ("/waiting", "/analyses", "/analyses/one", "/ledger", "/data", f"/ledger?head={HOSTILE}"):
            page = await somebody.page(place)
            assert page.all("script") == [], place
            assert "<script>alert(1)</script>" in page.text or place.startswith("/ledger?"), place


async def test_the_ledger_says_what_left_the_newest_first_and_hands_it_out(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with site.client() as coordinator:
        await site.prepare(coordinator)
        await coordinator.post("/v1/analyses/one/contributions", json=site.start())
    chain = read_ledger(site.settings.ledger)
    async with person(site.settings) as somebody:
        page = await somebody.page("/ledger")
        assert "verified 2 entries, each as it was written." in page.text
        assert chain.head in page.text
        assert page.text.index("answered the start") < page.text.index("takes part")
        export = await somebody.http.get("/ledger/export")
        assert export.content == site.settings.ledger.read_bytes()
        assert "attachment" in export.headers["Content-Disposition"]
        assert "is in it" in (await somebody.page(f"/ledger?head={chain.entries[0].hash}")).text
        assert "is not in it" in (await somebody.page(f"/ledger?head={'0' * 63}1")).text


async def test_older_entries_are_a_page_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("site_node.page.ledger_page.MOST_LISTED", 2)
    site = Site(tmp_path)
    async with site.client() as coordinator:
        for name in ("a", "b", "c"):
            await site.prepare(coordinator, analysis=name)
    async with person(site.settings) as somebody:
        first = await somebody.page("/ledger")
        assert {"/analyses/c", "/analyses/b", "/ledger?before=2"} <= first.links()
        last = await somebody.page("/ledger?before=2")
        assert {one for one in last.links() if one.startswith(("/analyses/", "/ledger?"))} == {"/analyses/a"}
        for before in ("%C3%A4", "9" * 5000, "-1", "%D9%A2"):
            assert "/analyses/c" in (await somebody.page(f"/ledger?before={before}")).links()
        assert "Nothing has left." in (await somebody.page("/ledger?before=0")).text


async def test_a_ledger_that_others_changed_is_told_on_every_page_that_goes_by_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with site.client() as coordinator:
        for name in ("a", "b", "c"):
            await site.prepare(coordinator, analysis=name)
    lines = site.settings.ledger.read_bytes().splitlines(keepends=True)
    async with person(site.settings) as somebody:
        assert "verified 3 entries" in (await somebody.page("/ledger")).text
        site.settings.ledger.write_bytes(lines[0] + lines[1].replace(b'"prepared"', b'"refused" ') + lines[2])
        for place in ("/ledger", "/analyses", "/analyses/a"):
            page = await somebody.page(place)
            assert "Line 2 of the ledger: it is not what was written." in page.text, place
            assert {"/analyses/b", "/analyses/c"}.isdisjoint(page.links()), place
        assert "verified" not in (await somebody.page("/ledger")).text
        assert (await somebody.http.get("/ledger/export")).content == lines[0]


async def test_a_ledger_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    async with person(Site(tmp_path).settings) as somebody:
        page = await somebody.page("/ledger", 503)
        assert "There is no such ledger." in page.text


VARIABLES = Dictionary(
    variables=(
        Variable(name="arm", type="factor", levels=("a", "b", "c")),
        Variable(name="dead", type="integer"),
        Variable(name="age", type="number", unit="years", range=(0, 120)),
        Variable(name="gone", type="number"),
        Variable(name="sex", type="factor", levels=("f", "m")),
    )
)


def rows() -> str:
    """With a level of two, a number that one row has, missing ages, a text that the dictionary lacks."""
    cells = [("ab"[k % 2], str(k // 2 % 2), "" if k < 4 else "50.25", "fm"[k // 4 % 2], "Mrs Smith") for k in range(40)]
    odd = [("c", "0", "50.25", "f", "Mrs Smith")] * 2 + [("a", "7713", "50.25", "Lieutenant", "Mrs Smith")]
    return "arm,dead,age,sex,remark\n" + "".join(",".join(one) + "\n" for one in cells + odd)


async def test_the_data_are_held_against_dictionary_and_floors_and_no_cell_is_shown(tmp_path: Path) -> None:
    settings = Site(tmp_path).settings
    write_dictionary(VARIABLES, settings.dictionary)
    settings = settings.model_copy(update={"data": tmp_path / "rows.csv"})
    (tmp_path / "rows.csv").write_text(rows(), encoding="utf-8")
    async with person(settings) as somebody:
        before = await somebody.page("/data")
        assert "would be refused" not in before.text
        answer = await somebody.send("/data", seen="/data", analysis="")
        text = Page.of(answer).text
    assert answer.status_code == 200
    assert "43 rows" in text
    assert "age is missing in 4 of 43 rows" in text
    assert "arm : of these there are 1 to 2, and it has to be none or at least 3: c." in text
    assert "dead : of these there are 1 to 2, and it has to be none or at least 3: 1 of its values." in text
    assert "never read: 1 of them." in text
    assert "rare level" in text
    assert "does not fit" in text
    for cell in ("7713", "Lieutenant", "Smith", "50.25", "remark"):
        assert cell not in answer.text, cell


async def test_the_data_are_held_against_a_model_that_waits(tmp_path: Path) -> None:
    site = Site(tmp_path)
    settings = asks_a_person(site.settings, tmp_path)
    few = site.specification(title="Too many", formula="death ~ treatment", random=())
    with pytest.raises(Exception, match="nobody at the site has approved"):
        Approvals(settings.approvals, "A").check("one", few)
    site.data.write_text("treatment,death\n" + "a,0\na,1\nb,0\nb,1\n" * 4, encoding="utf-8")
    async with person(settings) as somebody:
        assert [one["value"] for one in (await somebody.page("/data?analysis=one")).all("option")] == ["", "one"]
        answer = await somebody.send("/data", seen="/data", analysis="one")
        assert "too few rows" in answer.text
        answer = await somebody.send("/data", seen="/data", analysis="nobody")
        assert answer.status_code == 404


async def test_a_file_that_cannot_be_read_is_told_as_a_page(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.data.unlink()
    async with person(site.settings) as somebody:
        answer = await somebody.send("/data", seen="/data", analysis="")
        assert answer.status_code == 422
        assert "This cannot be done" in answer.text


async def test_the_policy_is_told_with_the_numbers_in_force(tmp_path: Path) -> None:
    more: dict[str, Any] = {"specifications_per_window": 7, "window_days": 11, "history": tmp_path / "history.db"}
    site = Site(tmp_path)
    settings = asks_a_person(site.settings, tmp_path).model_copy(update=more)
    async with person(settings) as somebody:
        assert "0 of 7 different models were asked in the last 11 days" in (await somebody.page("/policy")).text
        history = History(settings.history, b"secret")
        now = datetime.now(UTC).timestamp()
        with history.writing() as kept:
            for k in range(9):
                kept.begin(f"old{k}", site.specification(title=f"old {k}"), "before", now - 5.0)
            for k in range(3):
                kept.begin(f"new{k}", site.specification(title=f"new {k}"), "after", now - 1.0)
            kept.begin("long-ago", site.specification(title="long ago"), "after", now - 12 * 86400.0)
        page = await somebody.page("/policy")
    assert "3 of 7 different models were asked in the last 11 days" in page.text
    for rule in ("approval", "G1", "G3", "G4", "G5"):
        assert rule in page.text
    for words in ("a third", "a fifth", "At least 20 rows", "3 groups", "0.33 parameters a row", "fewer than 3 units"):
        assert words in page.text
    assert "G2" not in page.text


async def test_of_a_consortium_the_hash_is_on_the_page_to_be_read_aloud(tmp_path: Path) -> None:
    settings = three_sites(tmp_path)["S1"].settings
    async with person(settings) as somebody:
        page = await somebody.page("/policy")
    agreed = settings.agreed()
    assert agreed is not None
    assert agreed[0].sha256[:4] in page.text
    assert "G2" in page.text
    assert "noise of which only the sum over all sites of an analysis makes sense" in page.text


async def test_an_open_policy_says_that_nothing_is_held_back(tmp_path: Path) -> None:
    settings = Site(tmp_path).settings.model_copy(update={"policy": "open"})
    async with person(settings) as somebody:
        page = await somebody.page("/policy")
    assert "for public or synthetic data only" in page.text
    assert not any(rule in page.text for rule in ("G1", "G3", "G4", "G5"))


async def test_a_history_that_is_none_is_told_as_a_page(tmp_path: Path) -> None:
    settings = Site(tmp_path).settings.model_copy(update={"history": tmp_path / "history.db"})
    (tmp_path / "history.db").write_bytes(b"this is no database, and long enough to be seen to be none" * 20)
    async with person(settings) as somebody:
        assert "what was asked of the site cannot be read" in (await somebody.page("/policy", 503)).text.lower()
