"""A fault has one code: what the descriptions show of errors is what the applications answer."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coordinator.store import MemoryStore
from shared.errors import StoreError
from site_node.app import create_app
from tests.federation.fake_sites import REQUEST, FakeSite, build, submitted
from tests.federation.one_site import Site
from tests.federation.people import keys_file
from tests.federation.people import shown as shown_by

pytestmark = pytest.mark.anyio

KEY = "a-key-of-sixteen-or-more"
AUTHORISED = {"Authorization": f"Bearer {KEY}"}
TOO_SLOW = (408, "too_slow")
"""Takes two minutes; tests/unit/test_body_limit.py has it."""
Codes = set[tuple[int, str]]


def shown(description: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Every error of a description."""
    for methods in description["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    yield int(status), answer["content"]["application/problem+json"]["example"]["code"]


def coded(*answers: httpx.Response) -> Codes:
    return {(answer.status_code, answer.json()["code"]) for answer in answers}


async def test_a_site_answers_every_error_that_its_description_shows_by_that_code(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    settings = site.settings.model_copy(update={"key_file": tmp_path / "key"})
    app = create_app(settings, estimator=site.fake.estimator())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=AUTHORISED) as http:
        answered = coded(
            await http.get("/v1/about", headers={"Authorization": "Bearer none"}),
            await http.post("/v1/analyses/unknown/close", json={"outcome": "failed"}),
            await http.post("/v1/analyses/one/close", headers={"Content-Length": "1000000000"}),
            await http.post("/v1/analyses/one/close", json={}),
        )
        assert (await site.prepare(http)).is_success
        rows = site.data.read_text(encoding="utf-8")
        site.fake.fault = RuntimeError()
        answered |= coded(await http.post("/v1/analyses/one/contributions", json=site.evaluate()))
        site.settings.ledger.rename(tmp_path / "away")
        answered |= coded(await http.post("/v1/analyses/one/close", json={"outcome": "failed"}))
        (tmp_path / "away").replace(site.settings.ledger)
        site.data.write_text(rows[:40], encoding="utf-8")
        answered |= coded(
            await http.post("/v1/analyses/one/contributions", json=site.evaluate()),
            await site.prepare(http, analysis="two"),
        )
        site.data.unlink()
        answered |= coded(await http.get("/v1/about"))
    assert set(shown(app.openapi())) == answered | {TOO_SLOW}


async def test_the_coordinator_answers_every_error_that_its_description_shows_by_that_code(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    sites["Bern"].override = lambda *_: httpx.Response(503)
    app = build(tmp_path, sites, keys=keys_file({"anna": "administer", "rolf": "read"}), patience=60)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://coordinator", headers=shown_by("anna")) as http,
    ):
        running = f"/v1/analyses/{await submitted(http)}"
        key = shown_by("anna") | {"Idempotency-Key": "one"}
        assert (await http.post("/v1/analyses", json=REQUEST, headers=key)).is_success
        answered = coded(
            await http.get("/v1/sites", headers={"Authorization": "Bearer none"}),
            await http.delete(running, headers=shown_by("rolf")),
            await http.get("/v1/analyses/unknown"),
            await http.get(f"{running}/result"),
            await http.delete(running, params={"only": "delete"}),
            await http.post("/v1/analyses", json=REQUEST | {"title": "another"}, headers=key),
            await http.post("/v1/analyses", headers={"Content-Length": "1000000000"}),
            await http.post("/v1/analyses", json={}),
        )
        waiting = shown_by("anna") | {"Prefer": "wait=60"}
        ended = await http.post("/v1/analyses", json=REQUEST | {"sites": ["Aarau", "Chur"]}, headers=waiting)
        with monkeypatch.context() as now:
            now.setitem(sys.modules, "vl_convert", None)
            answered |= coded(await http.get(f"/v1/analyses/{ended.json()['id']}/plots/forest.png"))
        for fault in (RuntimeError(), StoreError()):

            def broken(*_: object, fault: Exception = fault, **__: object) -> None:
                raise fault

            with monkeypatch.context() as now:
                now.setattr(MemoryStore, "newest", broken)
                answered |= coded(await http.get("/v1/analyses"))
    assert set(shown(app.openapi())) == answered | {TOO_SLOW}
