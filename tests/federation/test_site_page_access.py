"""Who sees the site's page: the link that is good once, this machine's own address, forms from elsewhere, sessions that end."""

import re
from pathlib import Path

import httpx
import pytest
import structlog
from fastapi.routing import APIRoute

from shared.page import sessions as rules
from shared.page.sessions import Sessions
from site_node.page.app import INSIDE as PAGES
from site_node.settings import SiteSettings
from tests.federation.one_site import Site
from tests.federation.pages import Page
from tests.federation.site_counter import COOKIE, HERE, PORT, person

pytestmark = pytest.mark.anyio
INSIDE = ("/waiting", "/analyses", "/analyses/one", "/ledger", "/ledger/export", "/data", "/policy", "/")
FORMS = ("/data", "/sign-out", "/analyses/one/approve", "/analyses/one/deny")


@pytest.fixture
def settings(tmp_path: Path) -> SiteSettings:
    made = Site(tmp_path).settings.model_copy(update={"approval": "person", "approvals": tmp_path / "approvals.db"})
    made.ledger.touch()
    return made


async def test_without_a_sign_in_no_page_is_shown_and_no_form_does_anything(settings: SiteSettings) -> None:
    routes = [route for page in PAGES for route in page.router.routes if isinstance(route, APIRoute)]
    assert {one.path.replace("{analysis}", "one") for one in routes} == {*INSIDE, *FORMS} - {"/sign-out"}
    async with person(settings, signed_in=False) as somebody:
        for place in INSIDE:
            answer = await somebody.http.get(place)
            assert (answer.status_code, "needs a sign-in" in answer.text) == (401, True), place
        for place in FORMS:
            answer = await somebody.http.post(place, headers={"Origin": HERE})
            assert answer.status_code == 401, place


async def test_the_link_lets_in_once_and_another_one_is_printed_then(settings: SiteSettings) -> None:
    async with person(settings, signed_in=False) as somebody:
        (first,) = somebody.links
        code = somebody.code
        assert first == f"{HERE}/sign-in?code={code}"
        for _ in range(2):  # to look at it uses nothing up: a program that looks ahead may
            assert (await somebody.page(first)).value("code") == code
        answer = await somebody.sign_in()
        assert (answer.status_code, answer.headers["Location"]) == (303, "/waiting")
        assert "Nothing waits." in (await somebody.page("/waiting")).text
        assert len(somebody.links) == 2
        assert somebody.code != code
        somebody.http.cookies.clear()
        assert (await somebody.sign_in(code)).status_code == 401
        assert len(somebody.links) == 2
        await somebody.page("/waiting", 401)
        assert (await somebody.sign_in()).status_code == 303


@pytest.mark.parametrize("code", ["x", "\u00e4", "x" * 5000])
async def test_no_other_code_lets_in(settings: SiteSettings, code: str) -> None:
    async with person(settings, signed_in=False) as somebody:
        answer = await somebody.sign_in(code)
        assert answer.status_code == 401
        assert COOKIE not in answer.headers.get("Set-Cookie", "")


async def test_the_cookie_is_for_this_page_alone_and_no_script_reads_it(settings: SiteSettings) -> None:
    async with person(settings, signed_in=False) as somebody:
        name, *attributes = re.split("; ", (await somebody.sign_in()).headers["Set-Cookie"])
    assert name.startswith(f"{COOKIE}=")
    assert {one.lower() for one in attributes} == {"httponly", "path=/", "samesite=strict"}


@pytest.mark.parametrize(
    "host", ["attacker.example:8155", "127.0.0.1", "127.0.0.1:80", "localhost", "127.0.0.1.example:8155", ""]
)
async def test_a_name_of_another_page_that_leads_here_is_not_answered(settings: SiteSettings, host: str) -> None:
    async with person(settings) as somebody:
        for place in ("/waiting", "/sign-in", "/static/page.css", "/nothing"):
            answer = await somebody.http.get(place, headers={"Host": host})
            assert (answer.status_code, answer.json()["where"]) == (403, "Host"), place


async def test_the_machines_own_names_lead_here(settings: SiteSettings) -> None:
    async with person(settings) as somebody:
        for host in (f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"LOCALHOST:{PORT}"):
            assert (await somebody.http.get("/waiting", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "origin", [None, "null", "http://attacker.example", "http://127.0.0.1:9", f"https://127.0.0.1:{PORT}"]
)
async def test_a_form_of_a_page_elsewhere_does_nothing(settings: SiteSettings, origin: str | None) -> None:
    async with person(settings) as somebody:
        token = (await somebody.page("/data")).value("form_token")
        headers = {} if origin is None else {"Origin": origin}
        for place in FORMS:
            answer = await somebody.http.post(place, data={"form_token": token}, headers=headers)
            assert answer.status_code == 403, place
            assert "was not sent from a page that is yours now" in answer.text
        await somebody.page("/waiting")


@pytest.mark.parametrize("token", ["", "x", "\u00e4"])
async def test_a_form_without_this_sessions_token_does_nothing(settings: SiteSettings, token: str) -> None:
    async with person(settings) as somebody:
        for place in FORMS:
            answer = await somebody.http.post(place, data={"form_token": token}, headers={"Origin": HERE})
            assert answer.status_code == 403, place
        await somebody.page("/waiting")


async def test_a_sign_in_from_elsewhere_opens_nothing(settings: SiteSettings) -> None:
    async with person(settings, signed_in=False) as somebody:
        code = somebody.code
        answer = await somebody.http.post(
            "/sign-in", data={"code": code}, headers={"Origin": "http://attacker.example"}
        )
        assert answer.status_code == 403
        assert somebody.code == code


async def test_every_answer_forbids_scripts_frames_and_whatever_is_elsewhere(settings: SiteSettings) -> None:
    async with person(settings) as somebody:
        for place in (*INSIDE, "/sign-in", "/static/page.css", "/nothing"):
            answer = await somebody.http.get(place)
            policy = dict(one.split(" ", 1) for one in answer.headers["Content-Security-Policy"].split("; "))
            assert policy["default-src"] == "'none'", place
            assert "script-src" not in policy, place
            assert {policy["style-src"], policy["img-src"], policy["form-action"]} == {"'self'"}, place
            assert policy["frame-ancestors"] == "'none'", place
            assert answer.headers["Cache-Control"] == "no-store", place
            assert answer.headers["X-Content-Type-Options"] == "nosniff", place


async def test_no_page_has_a_script_or_a_style_of_its_own_or_leads_elsewhere(settings: SiteSettings) -> None:
    async with person(settings) as somebody:
        for place in ("/waiting", "/analyses", "/ledger", "/data", "/policy", "/sign-in"):
            page = await somebody.page(place)
            assert (page.all("script"), page.all("style")) == ([], [])
            assert not any(name.startswith("on") or name == "style" for _, one in page.elements for name in one)
            assert all(link.startswith("/") and not link.startswith("//") for link in page.links()), place


async def test_signing_out_ends_the_session(settings: SiteSettings) -> None:
    async with person(settings) as somebody:
        kept = somebody.http.cookies[COOKIE]
        assert (await somebody.send("/sign-out", seen="/waiting")).status_code == 303
        somebody.http.cookies.set(COOKIE, kept)
        assert "your session has ended" in Page.of(await somebody.http.get("/waiting")).text.lower()


async def test_a_session_that_nobody_uses_ends_and_so_does_any_after_a_while(settings: SiteSettings) -> None:
    now = [0.0]
    async with person(settings, sessions=Sessions(lambda: now[0])) as somebody:
        now[0] += rules.IDLE_SECONDS - 1
        await somebody.page("/waiting")
        now[0] += rules.IDLE_SECONDS + 1
        await somebody.page("/waiting", 401)
        assert (await somebody.sign_in()).status_code == 303
        began = now[0]
        while now[0] + rules.IDLE_SECONDS / 2 < began + rules.ABSOLUTE_SECONDS:
            now[0] += rules.IDLE_SECONDS / 2
            await somebody.page("/waiting")
        now[0] = began + rules.ABSOLUTE_SECONDS
        await somebody.page("/waiting", 401)


async def test_the_sites_server_has_no_page_for_whoever_reaches_its_port(tmp_path: Path) -> None:
    async with Site(tmp_path).client() as coordinator:
        for place in (*INSIDE, "/sign-in", "/static/page.css"):
            assert (await coordinator.get(place)).status_code == 404, place
            assert (await coordinator.post(place)).status_code == 404, place


async def test_neither_the_code_nor_a_session_is_in_the_log(settings: SiteSettings) -> None:
    with structlog.testing.capture_logs() as lines:
        async with person(settings) as somebody:
            used, session = somebody.code, somebody.http.cookies[COOKIE]
            await somebody.sign_in("x")
            await somebody.http.post("/data")
            await somebody.http.get("/waiting", headers={"Host": "attacker.example"})
            secrets = {used, session, *(link.split("=")[1] for link in somebody.links)}
    assert {line["event"] for line in lines} == {"page refused"}
    assert not any(secret in str(lines) for secret in secrets)


async def test_a_large_form_is_not_read(settings: SiteSettings) -> None:
    async with person(settings) as somebody:
        answer = await somebody.http.post("/data", content=b"x" * 70_000, headers={"Origin": HERE})
        assert answer.status_code == 413


async def test_a_fault_that_nobody_foresaw_is_told_without_what_it_says(
    settings: SiteSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("Mrs Smith")

    monkeypatch.setattr("site_node.page.ledger_page.page", broken)
    with structlog.testing.capture_logs() as lines:
        async with person(settings) as somebody:
            answer: httpx.Response = await somebody.http.get("/ledger")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "Smith" not in answer.text + str(lines)
