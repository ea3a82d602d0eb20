"""Who sees the coordinator's pages: sign-in, roles, forms that come from elsewhere, sessions that end."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from coordinator import events
from coordinator.dashboard.pages import INSIDE
from coordinator.dashboard.visitor import FORM_COOKIE, HOST_ONLY, SESSION_COOKIE
from shared.page import sessions as rules
from shared.page.sessions import Sessions
from tests.federation.fake_sites import REQUEST, FakeSite, build, until
from tests.federation.pages import BROWSER, HOST, Page, visitor
from tests.federation.people import entry, key_of, keys_file, shown
from tests.federation.real_server import served

pytestmark = pytest.mark.anyio

ROLES = {"rolf": "read", "anna": "run", "beth": "run", "carl": "administer"}
FORM = {"formula": "y ~ x", "family": "binomial", "sites": ["Bern", "Aarau", "Chur"], "once": "1", "do": "submit"}


@pytest.fixture
async def app(tmp_path: Path, sites: dict[str, FakeSite]) -> AsyncIterator[FastAPI]:
    made = build(tmp_path, sites, keys=keys_file(ROLES))
    async with made.router.lifespan_context(made):
        yield made


async def ended(app: FastAPI, name: str) -> str:
    """An analysis of somebody's that has a result."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST, headers=shown(name)) as http:
        analysis = str((await http.post("/v1/analyses", json=REQUEST)).json()["id"])
        await until(http, analysis)
    return analysis


def pages(method: str) -> list[str]:
    """The paths of all pages behind the sign-in."""
    return [
        route.path.replace("{analysis_id}", "one").replace("{name}", "result.json")
        for page in INSIDE
        for route in page.router.routes
        if isinstance(route, APIRoute) and method in (route.methods or ())
    ]


async def test_no_page_is_shown_to_who_has_not_signed_in(app: FastAPI) -> None:
    found = pages("GET")
    assert len(found) >= 12
    async with visitor(app) as somebody:
        for place in found:
            answer = await somebody.get(place)
            assert answer.status_code == 401, place
            page = Page.of(answer)
            assert page.value("after") == place
            assert "Sign in" in page.text
            assert "set-cookie" not in answer.headers or "session" not in answer.headers["set-cookie"]


async def test_no_form_does_anything_for_who_has_not_signed_in(app: FastAPI) -> None:
    found = pages("POST")
    assert len(found) >= 4
    async with visitor(app) as somebody:
        for place in found:
            answer = await somebody.send(place, FORM, seen="/sign-in")
            assert answer.status_code == 401, place
    assert app.state.service.store.newest(limit=9) == []


async def test_a_key_opens_a_session_whose_cookie_no_script_and_no_other_page_gets(app: FastAPI) -> None:
    async with visitor(app) as anna:
        answer = await anna.sign_in("anna")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/analyses")
        (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("fedglmm-session=")]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert key_of("anna") not in cookie
        assert "anna" in (await anna.page("/analyses")).text


async def test_over_https_the_cookies_are_for_https_only(app: FastAPI) -> None:
    """Also where a proxy encrypts, and the coordinator itself sees plain HTTP."""
    async with visitor(app) as anna:
        token = Page.of(await anna.get("/sign-in")).value("form_token")
        fields = {"form_token": token, "key": key_of("anna"), "after": ""}
        answer = await anna.http.post("/sign-in", data=fields, headers={"Origin": HOST.replace("http:", "https:")})
        assert answer.status_code == 303
        (cookie,) = [one for one in answer.headers.get_list("set-cookie") if SESSION_COOKIE in one]
        assert cookie.startswith(f"{HOST_ONLY}{SESSION_COOKIE}=")
        assert {"Secure", "Path=/", "HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


async def test_over_https_a_cookie_is_of_this_very_host_from_sign_in_to_sign_out(app: FastAPI) -> None:
    """A browser drops a cookie of that prefix that has no `Secure`, no path `/` or a domain: also one that ends it."""
    secure = HOST.replace("http:", "https:")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=secure, headers=BROWSER) as http:
        said = []
        for place, seen, more in (("/sign-in", "/sign-in", {"key": key_of("anna")}), ("/sign-out", "/analyses", {})):
            page = await http.get(seen)
            fields = {"form_token": Page.of(page).value("form_token"), **more}
            answer = await http.post(place, data=fields, headers={"Origin": secure})
            assert answer.status_code == 303
            said += [one for each in (page, answer) for one in each.headers.get_list("set-cookie")]
        assert (await http.get("/analyses")).status_code == 401
    assert len(said) >= 4
    for cookie in said:
        assert cookie.startswith(HOST_ONLY)
        assert {"Secure", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


async def test_a_proxy_on_this_machine_can_say_that_the_browser_came_by_https(app: FastAPI) -> None:
    """So the cookie of the form is for HTTPS too, before anything is sent: a browser that only looks sends no `Origin`."""
    async with served(app) as running:
        for scheme, begin in (("https", f"{HOST_ONLY}{FORM_COOKIE}="), ("http", f"{FORM_COOKIE}=")):
            page = await running.http.get("/sign-in", headers={"X-Forwarded-Proto": scheme})
            (cookie,) = page.headers.get_list("set-cookie")
            assert cookie.startswith(begin)
            assert ("Secure" in cookie.split("; ")) == (scheme == "https")


async def test_over_https_a_cookie_that_another_host_could_have_set_opens_nothing(app: FastAPI) -> None:
    async with visitor(app, "anna") as anna:
        session = anna.http.cookies[SESSION_COOKIE]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HOST.replace("http:", "https:")) as http:
        for name, status in ((SESSION_COOKIE, 401), (f"{HOST_ONLY}{SESSION_COOKIE}", 200)):
            answer = await http.get("/analyses", headers={**BROWSER, "Cookie": f"{name}={session}"})
            assert answer.status_code == status, name


async def test_the_id_of_a_session_is_another_at_every_sign_in(app: FastAPI) -> None:
    async with visitor(app, "anna") as anna:
        before = anna.http.cookies["fedglmm-session"]
        assert (await anna.sign_in("anna")).status_code == 303
        assert anna.http.cookies["fedglmm-session"] != before
        anna.http.cookies.set("fedglmm-session", before)
        assert (await anna.get("/analyses")).status_code == 401


async def test_a_wrong_key_is_told_in_words_and_opens_nothing(app: FastAPI) -> None:
    async with visitor(app) as somebody:
        for key in (key_of("nobody"), "short", "", "<b>"):
            answer = await somebody.send("/sign-in", {"key": key, "after": "/sites"}, seen="/sign-in")
            assert answer.status_code == 401
            page = Page.of(answer)
            assert page.value("after") == "/sites"
            assert "key" in page.text
            assert not key or key not in answer.text
        assert len(app.state.sessions) == 0


@pytest.mark.parametrize(
    "after", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "", "x"]
)
async def test_a_sign_in_leads_nowhere_else(app: FastAPI, after: str) -> None:
    async with visitor(app) as anna:
        answer = await anna.send("/sign-in", {"key": key_of("anna"), "after": after}, seen="/sign-in")
        assert answer.headers["Location"] == "/analyses"


async def test_a_session_ends_with_its_key(tmp_path: Path, app: FastAPI) -> None:
    async with visitor(app, "anna") as anna:
        assert (await anna.get("/analyses")).status_code == 200
        revoked = entry("anna", "run", revoked="2026-02-01") + entry("beth", "run")
        (tmp_path / "keys.toml").write_text(revoked, encoding="utf-8")
        for _ in range(2):
            answer = await anna.get("/analyses")
            assert answer.status_code == 401
            assert "The key was revoked on 2026-02-01." in Page.of(answer).text


async def test_a_session_has_the_role_that_its_key_has_now(tmp_path: Path, app: FastAPI) -> None:
    async with visitor(app, "anna") as anna:
        assert (await anna.get("/analyses/new")).status_code == 200
        (tmp_path / "keys.toml").write_text(entry("anna", "read"), encoding="utf-8")
        assert (await anna.get("/analyses/new")).status_code == 403


async def test_signing_out_ends_the_session(app: FastAPI) -> None:
    async with visitor(app, "anna") as anna:
        session = anna.http.cookies["fedglmm-session"]
        assert (await anna.send("/sign-out", {}, seen="/analyses")).headers["Location"] == "/sign-in"
        anna.http.cookies.set("fedglmm-session", session)
        assert (await anna.get("/analyses")).status_code == 401


async def test_who_may_only_look_sees_everything_and_changes_nothing(app: FastAPI) -> None:
    analysis = await ended(app, "anna")
    async with visitor(app, "rolf") as rolf:
        for place in ("/analyses", f"/analyses/{analysis}", f"/analyses/{analysis}/result", "/sites"):
            page = await rolf.page(place)
            assert "/analyses/new" not in page.links(), place
        assert (await rolf.get("/analyses/new")).status_code == 403
        for place in (f"/analyses/{analysis}/delete", f"/analyses/{analysis}/cancel", "/analyses/new"):
            answer = await rolf.send(place, FORM, seen="/analyses")
            assert answer.status_code == 403, place
            assert "needs the role `run`" in Page.of(answer).text
    assert app.state.service.store.get(analysis).state.ended


async def test_nobody_ends_anothers_analysis_but_an_administrator(app: FastAPI) -> None:
    analysis = await ended(app, "anna")
    async with visitor(app, "beth") as beth:
        answer = await beth.send(f"/analyses/{analysis}/delete", {}, seen="/analyses")
        assert answer.status_code == 403
        assert "not yours" in Page.of(answer).text
        assert "Delete" not in (await beth.page(f"/analyses/{analysis}")).text
    async with visitor(app, "carl") as carl:
        assert (await carl.send(f"/analyses/{analysis}/delete", {}, seen="/analyses")).status_code == 303
        assert (await carl.get(f"/analyses/{analysis}")).status_code == 404


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "", "http://127.0.0.1:8001"])
async def test_a_form_from_elsewhere_does_nothing(app: FastAPI, origin: str) -> None:
    async with visitor(app, "anna") as anna:
        token = (await anna.page("/analyses/new")).value("form_token")
        headers = {"Origin": origin} if origin else {}
        answer = await anna.http.post("/analyses/new", data=FORM | {"form_token": token}, headers=headers)
        assert answer.status_code == 403
        assert "Open the page anew" in Page.of(answer).text
    assert app.state.service.store.newest(limit=9) == []


async def test_a_sign_out_ends_the_streams_of_its_session(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_AGAIN_SECONDS", 0.05)
    sites["Bern"].hold = asyncio.Event()
    app = build(tmp_path, sites, keys=keys_file(ROLES))
    async with served(app) as running, visitor(app, "anna") as anna, asyncio.timeout(60):
        analysis = str((await running.http.post("/v1/analyses", json=REQUEST, headers=shown("anna"))).json()["id"])
        cookie = {"Cookie": f"{SESSION_COOKIE}={anna.http.cookies[SESSION_COOKIE]}"}
        async with running.http.stream("GET", f"/analyses/{analysis}/events", headers=cookie) as response:
            lines = response.aiter_lines()
            while '"state":"running"' not in await anext(lines):
                pass
            await anna.send("/sign-out", {}, seen="/analyses")
            assert [line async for line in lines if line.startswith("data:")] == []


@pytest.mark.parametrize("place", ["/sign-in", "/sign-out", "/analyses/new", "/analyses/new/check"])
async def test_a_form_without_its_token_does_nothing(app: FastAPI, place: str) -> None:
    async with visitor(app, "anna") as anna, visitor(app, "beth") as beth:
        others = (await beth.page("/analyses/new")).value("form_token")
        for token in ({}, {"form_token": ""}, {"form_token": others}, {"form_token": "\u00e9"}):
            fields = FORM | {"key": key_of("anna")} | token
            answer = await anna.http.post(place, data=fields, headers={"Origin": HOST})
            assert answer.status_code == 403, (place, token)
        assert (await anna.get("/analyses")).status_code == 200
    assert app.state.service.store.newest(limit=9) == []


async def test_every_form_has_the_sessions_token_and_no_address_has_it(app: FastAPI) -> None:
    analysis = await ended(app, "anna")
    async with visitor(app, "anna") as anna:
        for place in ("/analyses", "/analyses/new", f"/analyses/{analysis}", f"/analyses/{analysis}/result", "/sites"):
            page = await anna.page(place)
            posts = [one for one in page.all("form") if one.get("method") == "post"]
            tokens = [one["value"] for one in page.all("input") if one.get("name") == "form_token"]
            assert len(tokens) == len(posts) >= 1
            assert len(set(tokens)) == 1
            assert not any(str(tokens[0]) in link for link in page.links())


def test_a_session_ends_when_it_is_not_used_and_when_it_is_old() -> None:
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])
    idle, used = sessions.open("key"), sessions.open("key")
    while now[0] + 0.9 * rules.IDLE_SECONDS < rules.ABSOLUTE_SECONDS:
        now[0] += 0.9 * rules.IDLE_SECONDS
        assert sessions.find(used) is not None
    assert sessions.find(idle) is None
    now[0] = rules.ABSOLUTE_SECONDS
    assert sessions.find(used) is None


def test_a_page_that_keeps_itself_up_to_date_does_not_keep_its_session() -> None:
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])
    session = sessions.open("key")
    now[0] = 0.9 * rules.IDLE_SECONDS
    assert sessions.find(session, by_itself=True) is not None
    now[0] = rules.IDLE_SECONDS
    assert sessions.find(session) is None


async def test_what_a_script_asks_for_is_no_use_of_a_session(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    async with visitor(app, "anna") as anna:
        asked: list[bool] = []
        find = app.state.sessions.find

        def found(one: str, *, by_itself: bool) -> object:
            asked.append(by_itself)
            return find(one, by_itself=by_itself)

        monkeypatch.setattr(app.state.sessions, "find", found)
        await anna.get("/analyses")
        await anna.get("/analyses", **{"HX-Request": "true"})
        assert asked == [False, True]


def test_sessions_take_a_bounded_room_and_the_one_that_was_not_used_for_longest_makes_it() -> None:
    sessions = Sessions(clock=lambda: 0.0)
    first, second = sessions.open("key"), sessions.open("key")
    for _ in range(rules.MOST - 2):
        sessions.open("key")
    assert sessions.find(first) is not None
    sessions.open("key")
    assert len(sessions) == rules.MOST
    assert sessions.find(second) is None
    assert sessions.find(first) is not None


def test_a_session_shows_neither_key_nor_token() -> None:
    sessions = Sessions()
    session = sessions.find(sessions.open("a-key"))
    assert session is not None
    assert "a-key" not in repr(session)
    assert session.form_token not in repr(session)


async def test_where_nothing_is_asked_for_pages_open_without_a_sign_in(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    app = build(tmp_path, sites)
    async with app.router.lifespan_context(app), visitor(app) as somebody:
        assert "New analysis" in (await somebody.page("/analyses")).text
        answer = await somebody.send("/analyses/new", FORM, seen="/analyses/new")
        assert answer.status_code == 303
        assert re.fullmatch("/analyses/[a-z0-9]{12}", answer.headers["Location"])
        assert (await somebody.http.post("/analyses/new", data=FORM, headers={"Origin": HOST})).status_code == 403


async def test_where_nothing_is_asked_for_no_other_name_leads_to_the_pages(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    """A page elsewhere could have its own name resolve to this machine, and would then count as one of ours."""
    app = build(tmp_path, sites)
    async with app.router.lifespan_context(app), visitor(app) as somebody:
        for host in ("elsewhere.example", "elsewhere.example:8000", "", "127.0.0.1.elsewhere.example"):
            assert (await somebody.get("/analyses", Host=host)).status_code == 403, host
        for host in ("127.0.0.1:8000", "localhost", "[::1]:8000", "LOCALHOST:1"):
            assert (await somebody.get("/analyses", Host=host)).status_code == 200, host


async def test_a_session_is_nothing_to_the_interface_for_programs(app: FastAPI) -> None:
    async with visitor(app, "anna") as anna:
        assert (await anna.get("/v1/analyses")).status_code == 401
