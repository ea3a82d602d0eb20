"""What a site is asked in a wrong way is a problem that names the place, echoes nothing and stands in its log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from shared.formula.expressions import Number
from shared.specification import NumericResponse
from tests.federation.one_site import ROUNDS, Site, assert_problem

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda body: body | {"psi": ["Mrs-Smith"]}, "psi"),
        (lambda body: body | {"kind": "Mrs-Smith"}, "body"),
        (lambda body: body | {"round": 0}, "round"),
        (lambda body: {name: value for name, value in body.items() if name != "psi"}, "psi"),
    ],
)
async def test_an_invalid_request_is_a_problem_that_names_the_field_and_echoes_nothing(
    site: Site, change: Callable[[dict[str, Any]], dict[str, Any]], field: str
) -> None:
    async with site.client() as client:
        response = await client.post(ROUNDS, json=change(site.evaluate()))
        problem = assert_problem(response, 422, "request")
        assert field in problem["where"]
        assert "Smith" not in response.text


@pytest.mark.parametrize(
    "body", [b'{"kind": "start",}', b'{"kind": "start"} x', b'{"kind": 01}', b"{", b'"\x01"', b'{"psi": [1, -NaN]}']
)
async def test_a_body_that_is_no_json_is_told_where_pythons_own_parser_finds_it(site: Site, body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError) as found:
        json.loads(body)
    async with site.client(**{"Content-Type": "application/json"}) as client:
        response = await client.post(ROUNDS, content=body)
    assert assert_problem(response, 422, "request")["where"] == f"body, character {found.value.pos + 1}"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'"\xff"', b"1" * 5000])
async def test_a_body_that_no_parser_can_take_is_a_problem(site: Site, body: bytes) -> None:
    async with site.client(**{"Content-Type": "application/json"}) as client:
        response = await client.post(ROUNDS, content=body)
    assert assert_problem(response, 422, "request")["where"] == "body"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
async def test_a_body_in_any_encoding_that_json_allows_is_read(site: Site, encoding: str) -> None:
    async with site.client(**{"Content-Type": "application/json"}) as client:
        await site.prepare(client)
        body = json.dumps(site.evaluate()).encode(encoding)
        assert (await client.post(ROUNDS, content=body)).status_code == 200


async def test_numbers_that_are_not_finite_and_a_psi_of_another_length_are_refused(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        body = httpx.Request("POST", "http://x", json=site.evaluate()).content.replace(b"0.1", b"NaN")
        headers = {"Content-Type": "application/json"}
        response = await client.post(ROUNDS, content=body, headers=headers)
        assert_problem(response, 422, "request")
        response = await client.post(ROUNDS, json=site.evaluate(psi=[1.0]))
        assert_problem(response, 422, "psi")
        assert_problem(await client.get("/v1/nowhere"), 404, "not_found")


async def test_a_key_is_asked_for_under_v1_and_nowhere_else(site: Site, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("open-sesame\n", encoding="utf-8")
    site.settings = site.settings.model_copy(update={"key_file": tmp_path / "key"})
    async with site.client() as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "open-sesame"}):
            response = await client.get("/v1/about", headers=headers)
            assert_problem(response, 401, "unauthorised")
            assert response.headers["WWW-Authenticate"] == "Bearer"
        assert_problem(await site.prepare(client), 401, "unauthorised")
        assert (await client.get("/health")).status_code == 200
    async with site.client(Authorization="Bearer open-sesame") as client:
        assert (await client.get("/v1/about")).status_code == 200


async def test_a_refused_key_stands_in_the_sites_log_and_the_key_does_not(site: Site, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("open-sesame\n", encoding="utf-8")
    site.settings = site.settings.model_copy(update={"key_file": tmp_path / "key"})
    with capture_logs() as logs:
        async with site.client(Authorization="Bearer close-sesame") as client:
            await client.get("/v1/about")
    assert [(log["log_level"], log["event"], log["site"], log["path"]) for log in logs] == [
        ("warning", "key refused", "A", "/v1/about")
    ]
    assert "sesame" not in str(logs)


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"roster": ("B",)}, "not_in_roster", "the specification"),
        ({"weights": "age"}, "dictionary", ""),
        (
            {"formula": "2 ~ treatment + (1 | site)", "response": NumericResponse(expression=Number(2.0))},
            "response",
            "the response",
        ),
    ],
)
async def test_what_prepare_does_not_accept_stands_in_the_sites_log(
    site: Site, change: dict[str, Any], code: str, where: str
) -> None:
    site.settings = site.settings.model_copy(update={"policy": "open"})
    with capture_logs() as logs:
        async with site.client() as client:
            await site.prepare(client, site.specification(**change))
    expected: dict[str, object] = {"site": "A", "analysis": "one", "code": code, "where": where}
    expected |= {"row": 1 if code == "response" else None}
    assert logs == [{"event": "problem", "log_level": "warning"} | expected]


async def test_an_unforeseen_fault_tells_nothing_of_its_content(site: Site) -> None:
    site.fake.fault = ValueError("Mrs-Smith")
    with capture_logs() as logs:
        async with site.client() as client:
            await site.prepare(client)
            response = await client.post(ROUNDS, json=site.evaluate())
    assert_problem(response, 500, "internal")
    assert "Smith" not in response.text
    assert logs[-1]["fault"] == "ValueError"
    assert "one_site.py" in logs[-1]["place"]
    assert "Smith" not in str(logs)
