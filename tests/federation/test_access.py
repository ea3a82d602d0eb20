"""Who gets in at the coordinator and what a role lets do, over HTTP; and that no key is told anybody."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwk, jwt
from structlog.testing import capture_logs

from coordinator.access.keys import hashed
from coordinator.guard import Guard
from coordinator.store import MemoryStore
from shared.messages import Problem
from tests.federation.fake_sites import REQUEST, FakeSite, KeptStore, build, client, submitted, until
from tests.federation.people import entry, key_of, keys_file, shown

pytestmark = pytest.mark.anyio

ROLES = {"rolf": "read", "anna": "run", "beth": "run", "carl": "administer"}
READING = ("/v1/analyses", "/v1/sites", "/v1/dictionary")


@pytest.fixture
def app(tmp_path: Path, sites: dict[str, FakeSite]) -> FastAPI:
    return build(tmp_path, sites, keys=keys_file(ROLES))


async def ended(http: httpx.AsyncClient, name: str, **request: Any) -> str:
    """An analysis of somebody's that has a result."""
    response = await http.post("/v1/analyses", json=REQUEST | request, headers=shown(name) | {"Prefer": "wait=20"})
    assert response.status_code == 303, response.text
    return str(response.json()["id"])


async def running(http: httpx.AsyncClient, name: str) -> str:
    response = await http.post("/v1/analyses", json=REQUEST, headers=shown(name))
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def test_only_who_shows_a_key_gets_in(app: FastAPI) -> None:
    wrong = {"Authorization": f"Bearer {key_of('nobody')}"}
    basic = {"Authorization": f"Basic {key_of('anna')}"}
    alone = {"Authorization": key_of("anna")}
    async with client(app) as http:
        for headers in ({}, wrong, basic, alone, {"Authorization": "Bearer"}, {b"Authorization": b"Bearer \xe9"}):
            for path in (*READING, "/v1/analyses/unknown/result", "/v1/nothing"):
                response = await http.get(path, headers=headers)
                assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
                problem = Problem.model_validate_json(response.content)
                assert (problem.code, problem.where) == ("unauthorised", "coordinator")
                assert "keys add" in problem.remedy
            assert (await http.post("/v1/analyses", json=REQUEST, headers=headers)).status_code == 401
        assert (await http.get("/health")).json() == {"status": "ok"}
        for name in ROLES:
            assert (await http.get("/v1/analyses", headers=shown(name))).status_code == 200
        small = {"Authorization": f"bearer  {key_of('anna')} "}
        assert (await http.get("/v1/analyses", headers=small)).status_code == 200


async def test_without_keys_a_name_that_another_page_took_for_this_machine_is_refused(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    async with client(build(tmp_path, sites)) as http:
        for host in (
            "attacker.example",
            "127.0.0.1.attacker.example:8000",
            "attacker.example@127.0.0.1.attacker.example",
            "",
        ):
            for path in READING:
                response = await http.get(path, headers={"Host": host})
                assert (response.status_code, response.json()["code"]) == (403, "forbidden"), host
            assert (await http.post("/v1/analyses", json=REQUEST, headers={"Host": host})).status_code == 403, host
        for host in ("127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "127.0.0.1"):
            assert (await http.get("/v1/analyses", headers={"Host": host})).status_code == 200, host


async def test_an_expired_and_a_revoked_key_are_told_as_that(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    keys = entry("anna", "run", expires="2026-02-01") + entry("beth", "run", revoked="2026-02-01")
    async with client(build(tmp_path, sites, keys=keys)) as http:
        for name, said in (("anna", "the key expired on 2026-02-01"), ("beth", "the key was revoked on 2026-02-01")):
            response = await http.get("/v1/analyses", headers=shown(name))
            assert response.status_code == 401
            assert response.json()["message"].startswith(said)


async def test_a_key_that_is_added_or_revoked_counts_without_a_restart(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    async with client(build(tmp_path, sites, keys=entry("anna", "run"))) as http:
        assert (await http.get("/v1/analyses", headers=shown("beth"))).status_code == 401
        file = tmp_path / "keys.toml"
        file.write_text(entry("anna", "run", revoked="2026-02-01") + entry("beth", "read"), encoding="utf-8")
        assert (await http.get("/v1/analyses", headers=shown("anna"))).status_code == 401
        assert (await http.get("/v1/analyses", headers=shown("beth"))).status_code == 200
        file.write_text("[[keys]", encoding="utf-8")
        response = await http.get("/v1/analyses", headers=shown("beth"))
        assert (response.status_code, response.json()["code"]) == (503, "access")


async def test_the_role_read_sees_everything_and_changes_nothing(app: FastAPI) -> None:
    async with client(app) as http:
        analysis = await ended(http, "anna")
        place = f"/v1/analyses/{analysis}"
        for path in (*READING, place, f"{place}/rounds", f"{place}/events", f"{place}/result"):
            assert (await http.get(path, headers=shown("rolf"))).status_code == 200, path
        for response in (
            await http.post("/v1/analyses", json=REQUEST, headers=shown("rolf")),
            await http.delete(place, headers=shown("rolf")),
        ):
            assert response.status_code == 403
            problem = Problem.model_validate_json(response.content)
            assert (problem.code, "`run`" in problem.message, "`run`" in problem.remedy) == ("forbidden", True, True)
        assert (await http.get(place, headers=shown("rolf"))).json()["state"] == "converged"


async def test_an_analysis_shows_its_owner(app: FastAPI) -> None:
    async with client(app) as http:
        place = f"/v1/analyses/{await ended(http, 'anna')}"
        assert (await http.get(place, headers=shown("rolf"))).json()["owner"] == "anna"
        (listed,) = (await http.get("/v1/analyses", headers=shown("rolf"))).json()["analyses"]
        assert listed["owner"] == "anna"
        events = (await http.get(f"{place}/events", headers=shown("rolf"))).text
        assert '"owner":"anna"' in events


async def test_a_run_key_deletes_its_own_analysis_and_no_other(app: FastAPI) -> None:
    async with client(app) as http:
        place = f"/v1/analyses/{await ended(http, 'anna')}"
        refused = await http.delete(place, headers=shown("beth"))
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert "`administer`" in refused.json()["message"]
        assert (await http.delete(place, headers=shown("anna"))).status_code == 204


async def test_a_run_key_cancels_its_own_analysis_and_no_other(app: FastAPI, sites: dict[str, FakeSite]) -> None:
    sites["Bern"].down = True
    async with client(app) as http:
        place = f"/v1/analyses/{await running(http, 'anna')}"
        assert (await http.delete(place, headers=shown("beth"))).status_code == 403
        assert (await http.get(place, headers=shown("beth"))).json()["state"] != "cancelled"
        cancelled = await http.delete(place, headers=shown("anna"))
        assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")


async def test_who_administers_ends_anybodys_analysis(app: FastAPI) -> None:
    async with client(app) as http:
        place = f"/v1/analyses/{await ended(http, 'anna')}"
        assert (await http.delete(place, headers=shown("carl"))).status_code == 204


async def test_without_keys_everybody_may_do_everything_and_nobody_owns_anything(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    async with client(build(tmp_path, sites)) as http:
        analysis = await submitted(http)
        assert (await until(http, analysis))["owner"] is None
        assert (await http.delete(f"/v1/analyses/{analysis}")).status_code == 204


async def test_an_analysis_of_before_there_were_keys_is_ended_by_an_administrator_only(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    store = KeptStore()
    async with client(build(tmp_path, sites, store)) as http:
        analysis = await submitted(http)
        await until(http, analysis)
    async with client(build(tmp_path, sites, store, keys=keys_file(ROLES))) as http:
        assert (await http.delete(f"/v1/analyses/{analysis}", headers=shown("anna"))).status_code == 403
        assert (await http.delete(f"/v1/analyses/{analysis}", headers=shown("carl"))).status_code == 204


async def test_an_idempotency_key_is_its_owners(app: FastAPI) -> None:
    async with client(app) as http:
        key = {"Idempotency-Key": "one"}
        first = await http.post("/v1/analyses", json=REQUEST, headers=shown("anna") | key)
        again = await http.post("/v1/analyses", json=REQUEST, headers=shown("anna") | key)
        assert (first.status_code, again.status_code, again.json()["id"]) == (201, 200, first.json()["id"])
        other = await http.post("/v1/analyses", json=REQUEST, headers=shown("beth") | key)
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(("name", "status"), [(None, 401), ("nobody", 401), ("rolf", 403)])
async def test_nothing_of_a_body_is_read_from_who_may_not_send_one(app: FastAPI, name: str | None, status: int) -> None:
    """Asked of the whole app as a server asks it: a body that nobody wants is never received."""
    headers = [(b"authorization", shown(name)["Authorization"].encode())] if name else []
    headers += [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "method": "POST", "path": "/v1/analyses", "headers": headers, "query_string": b""}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body is read")

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, body = sent
    assert start["status"] == status
    assert dict(start["headers"])[b"connection"] == b"close"
    assert Problem.model_validate_json(body["body"]).remedy


async def test_who_has_no_key_is_told_so_and_not_what_is_wrong_with_the_body(app: FastAPI) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 2**16
            await asyncio.sleep(0)

    async with client(app) as http:
        for content in (b"{", endless()):
            response = await http.post("/v1/analyses", content=content)
            assert (response.status_code, response.json()["code"]) == (401, "unauthorised")


async def test_no_route_answers_where_the_guard_did_not_look(app: FastAPI) -> None:
    app.user_middleware = [
        one for one in app.user_middleware if not (isinstance(one.cls, type) and issubclass(one.cls, Guard))
    ]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        for path in READING:
            assert (await http.get(path, headers=shown("carl"))).status_code == 500


async def test_who_is_not_let_in_stands_in_the_log(app: FastAPI) -> None:
    async with client(app) as http:
        with capture_logs() as log:
            await http.post(f"/v1/{'x' * 999}", headers=shown("nobody"))
    (line,) = [one for one in log if one["event"] == "not_let_in"]
    assert (line["method"], line["client"], len(line["path"])) == ("POST", "127.0.0.1", 200)
    assert line["problem"] == "nobody is known by this key."


async def test_no_key_and_no_hash_is_in_any_answer_or_line_of_the_log(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary: right, wrong, expired and revoked keys, a route that fails, and a file that becomes unusable."""
    people = [*ROLES, "old", "gone", "nobody"]
    text = keys_file(ROLES) + entry("old", "run", expires="2026-02-01") + entry("gone", "run", revoked="2026-02-01")
    app = build(tmp_path, sites, keys=text)
    heard: list[str] = [repr(app.state.service)]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(key_of("carl"))

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with capture_logs() as log:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
        ):

            async def everything() -> None:
                for name in people:
                    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/unknown"), ("GET", "/unknown/events")):
                        response = await http.request(method, f"/v1/analyses{path}", json=REQUEST, headers=shown(name))
                        heard.append(f"{response.headers} {response.text}")

            analysis = await ended(http, "anna")
            places = (f"/v1/analyses/{analysis}/result", f"/v1/analyses/{analysis}/events", "/openapi.json")
            heard += [(await http.get(place, headers=shown("anna"))).text for place in places]
            await everything()
            with monkeypatch.context() as now:
                now.setattr(MemoryStore, "newest", broken)
                await everything()
            (tmp_path / "keys.toml").write_text(text + entry("twice", "run", key=key_of("anna")), encoding="utf-8")
            await everything()
    heard.append(json.dumps(log, default=repr))
    assert len(heard) > 80
    secrets = [secret for name in people for secret in (key_of(name), hashed(key_of(name)))]
    assert not [secret for secret in secrets if any(secret in text for text in heard)]


async def test_a_token_of_the_issuer_lets_in_beside_keys_and_owns_what_it_submits(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    key = jwk.ECKey.generate_key("P-256", {"kid": "e"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}), encoding="utf-8")
    oidc = {"issuer": "https://login.example.org", "audience": "fedglmm", "jwks_file": "jwks.json"}

    def signed(subject: str, role: str | None, seconds: float = 300) -> dict[str, str]:
        claims = {"iss": oidc["issuer"], "aud": "fedglmm", "sub": subject, "exp": int(4_000_000_000 + seconds)}
        if seconds < 0:
            claims["exp"] = 1_000_000_000
        if role:
            claims["role"] = role
        return {"Authorization": f"Bearer {jwt.encode({'alg': 'ES256', 'kid': 'e'}, claims, key)}"}

    async with client(build(tmp_path, sites, keys=keys_file({"anna": "run"}), oidc=oidc)) as http:
        made = await http.post("/v1/analyses", json=REQUEST, headers=signed("anna", "run"))
        assert (made.status_code, made.json()["owner"]) == (201, "oidc:anna")
        place = made.json()["links"]["self"]
        assert (await http.delete(place, headers=shown("anna"))).status_code == 403
        assert (await http.get(place, headers=shown("anna"))).status_code == 200
        assert (await http.get(place, headers=signed("rolf", None))).status_code == 403
        late = await http.get(place, headers=signed("anna", "run", -1))
        assert (late.status_code, late.json()["message"]) == (401, "the token has expired.")
        assert (await http.delete(place, headers=signed("anna", "run"))).is_success


async def test_a_coordinator_that_takes_tokens_only_says_so_to_a_key(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    key = jwk.ECKey.generate_key("P-256", {"kid": "e"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}), encoding="utf-8")
    oidc = {"issuer": "https://login.example.org", "audience": "fedglmm", "jwks_file": "jwks.json"}
    async with client(build(tmp_path, sites, oidc=oidc)) as http:
        response = await http.get("/v1/analyses", headers=shown("anna"))
        assert (response.status_code, "tokens only" in response.json()["message"]) == (401, True)
        assert (await http.get("/v1/analyses")).status_code == 401
