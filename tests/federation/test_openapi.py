"""Both interfaces are as their descriptions say, under requests that fit the description and under those that do not."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from shared import examples
from shared.messages import ContributionRequest, PrepareRequest
from site_node.app import create_app
from tests.federation.fake_sites import build, honest_sites
from tests.federation.one_site import Site
from tests.federation.people import key_of, keys_file
from tests.federation.people import shown as shown_by

KEY = key_of("anna")
AUTHORISED = {"Authorization": f"Bearer {KEY}"}
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE")
PROBLEM = "application/problem+json"
EXAMPLES = 25
"""Requests of each kind to each operation."""
BEYOND_THE_SCHEMA = {
    "POST /v1/analyses/{analysis_id}/prepare": "the link must be the family's, names are unique, the dictionary is one",
    "POST /v1/analyses": "the formula must be one, over the dictionary's variables",
}
"""Operations whose valid requests obey more than a JSON schema can say: these may be answered 422."""
SITE = ["GET /health", "GET /v1/about"] + [
    f"POST /v1/analyses/{{analysis_id}}/{what}" for what in ("prepare", "contributions", "close")
]
COORDINATOR = [
    "GET /health",
    "POST /v1/analyses",
    "GET /v1/analyses",
    "GET /v1/analyses/{analysis_id}",
    "DELETE /v1/analyses/{analysis_id}",
    "GET /v1/analyses/{analysis_id}/rounds",
    "GET /v1/analyses/{analysis_id}/events",
    "GET /v1/analyses/{analysis_id}/result",
    "GET /v1/analyses/{analysis_id}/plots/{name}.svg",
    "GET /v1/analyses/{analysis_id}/plots/{name}.png",
    "GET /v1/analyses/{analysis_id}/plots/{name}.pdf",
    "GET /v1/analyses/{analysis_id}/report",
    "GET /v1/sites",
    "GET /v1/dictionary",
]
OPERATIONS = [("site", label) for label in SITE] + [("coordinator", label) for label in COORDINATOR]


@contextlib.contextmanager
def in_a_thread(app: FastAPI) -> Iterator[str]:
    """The app behind a real server in a thread, whose event loop lasts as long as the tasks in its background."""
    listener = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    server = Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
    thread.start()
    try:
        assert ready.wait(60)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of a real site that has prepared an analysis, and of the coordinator, with sites that are fakes."""
    folder = tmp_path_factory.mktemp("site")
    site = Site(folder)
    (folder / "key").write_text(KEY, encoding="utf-8")
    settings_ = site.settings.model_copy(update={"key_file": folder / "key"})
    coordinator = build(
        tmp_path_factory.mktemp("coordinator"), honest_sites(), keys=keys_file({"anna": "administer", "rolf": "read"})
    )
    with in_a_thread(create_app(settings_)) as site_url, in_a_thread(coordinator) as coordinator_url:
        prepare = {"specification": site.specification().model_dump(mode="json")}
        httpx.post(f"{site_url}/v1/analyses/one/prepare", json=prepare, headers=AUTHORISED).raise_for_status()
        sha256 = site.specification().sha256
        yield {"site": site_url, "coordinator": coordinator_url, "sha256": sha256}


@pytest.fixture(scope="module")
def schemas(apps: dict[str, str]) -> dict[str, Any]:
    return {side: schemathesis.openapi.from_url(f"{apps[side]}/openapi.json") for side in ("site", "coordinator")}


def operation(schemas: dict[str, Any], side: str, label: str) -> Any:
    method, path = label.split(" ")
    return schemas[side][path][method]


def described(schemas: dict[str, Any], side: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schemas[side].raw_schema["paths"].items():
        for method, one in methods.items():
            yield f"{method.upper()} {path}", one


def test_these_are_all_operations(schemas: dict[str, Any]) -> None:
    found = [(side, label) for side in ("site", "coordinator") for label, _ in described(schemas, side)]
    assert sorted(found) == sorted(OPERATIONS)


@pytest.mark.parametrize("side", ["site", "coordinator"])
def test_every_operation_is_described_with_every_status_it_answers(schemas: dict[str, Any], side: str) -> None:
    for label, one in described(schemas, side):
        assert one["summary"], label
        statuses = {int(status) for status in one["responses"]}
        needs_key, has_body, has_id = "/v1/" in label, "requestBody" in one, "{analysis_id}" in label
        assert (401 in statuses) == needs_key == ("security" in one), label
        assert ({408, 413} <= statuses) == has_body, label
        assert 422 in statuses or not (has_body or has_id), label
        assert 404 in statuses or not has_id or label.endswith("/prepare"), label
        if side == "coordinator":
            assert ({403, 503} <= statuses) == needs_key, label
        for status, answer in one["responses"].items():
            assert answer["description"], label
            if int(status) >= 400:
                assert set(answer["content"]) == {PROBLEM}, (label, status)
                assert answer["content"][PROBLEM]["schema"]["title"] == "Problem"


def shown(part: Any) -> Iterator[tuple[Any, Any]]:
    """Every example of a description, and the schema that it is one of."""
    if isinstance(part, dict):
        schema = part.get("schema", part)
        if isinstance(part.get("examples"), list):
            yield from ((schema, one) for one in part["examples"])
        elif isinstance(part.get("examples"), dict) and "schema" in part:
            yield from ((schema, one["value"]) for one in part["examples"].values())
        if "schema" in part and "example" in part:
            yield schema, part["example"]
        for name, inner in part.items():
            if name not in {"example", "examples"}:
                yield from shown(inner)
    if isinstance(part, list):
        for inner in part:
            yield from shown(inner)


@pytest.mark.parametrize(("side", "least"), [("site", 30), ("coordinator", 30)])
def test_every_example_fits_its_schema(schemas: dict[str, Any], side: str, least: int) -> None:
    raw = schemas[side].raw_schema
    pairs = [pair for pair in shown(raw) if pair[0] != {"$ref": "#/components/schemas/ServerSentEvent"}]
    assert len(pairs) >= least
    for schema, example in pairs:
        if "itemSchema" not in schema:
            jsonschema_rs.validator_for(schema | {"components": raw["components"]}).validate(example)


@pytest.mark.parametrize("side", ["site", "coordinator"])
def test_every_body_has_an_example(schemas: dict[str, Any], side: str) -> None:
    raw = schemas[side].raw_schema

    def resolved(schema: dict[str, Any]) -> list[dict[str, Any]]:
        """The schema itself, or the kinds of a union."""
        if "$ref" in schema:
            schema = raw["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        kinds = schema.get("oneOf", schema.get("anyOf"))
        return [schema] if kinds is None else [one for kind in kinds for one in resolved(kind)]

    for label, one in described(schemas, side):
        bodies = [one["requestBody"]] if "requestBody" in one else []
        for body in [*bodies, *one["responses"].values()]:
            for media, content in body.get("content", {}).items():
                direct = "example" in content or "examples" in content
                assert direct or all(
                    "examples" in s or s.get("properties", {}).get("status") for s in resolved(content["schema"])
                ), (
                    label,
                    media,
                )


def test_the_examples_are_messages_that_the_models_take() -> None:
    PrepareRequest.model_validate(examples.PREPARE_REQUEST)
    for example in (examples.START_REQUEST, examples.EVALUATE_REQUEST):
        TypeAdapter(ContributionRequest).validate_python(example)


def fuzzed(one: Any, mode: GenerationMode, act: Callable[[Any], None], **fixed: Any) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=one.as_strategy(generation_mode=mode, **fixed))
    def each(case: Any) -> None:
        act(case)

    each()


def answered_as_described(case: Any, *, beyond_the_schema: bool, **options: Any) -> Any:
    """No 5xx, a status, content type and body that are described; what is valid is taken, and what is not refused."""
    semantic = [check for check in CHECKS.get_all() if check.__name__ == "positive_data_acceptance"]
    return case.call_and_validate(headers=AUTHORISED, excluded_checks=semantic if beyond_the_schema else [], **options)


def fuzzed_as_described(schemas: dict[str, Any], side: str, label: str, mode: GenerationMode, **fixed: Any) -> None:
    beyond = label in BEYOND_THE_SCHEMA
    one = operation(schemas, side, label)
    fuzzed(one, mode, lambda case: answered_as_described(case, beyond_the_schema=beyond), **fixed)


@pytest.mark.parametrize(("side", "label"), OPERATIONS)
def test_requests_that_fit_the_description_are_answered_as_it_says(
    schemas: dict[str, Any], side: str, label: str
) -> None:
    fuzzed_as_described(schemas, side, label, GenerationMode.POSITIVE)


@pytest.mark.parametrize(("side", "label"), [one for one in OPERATIONS if one[1] != "GET /health"])
def test_requests_that_do_not_fit_are_refused_as_it_says(schemas: dict[str, Any], side: str, label: str) -> None:
    fuzzed_as_described(schemas, side, label, GenerationMode.NEGATIVE)


@pytest.mark.parametrize("label", [label for label in SITE if label.endswith(("contributions", "close"))])
def test_a_prepared_site_answers_whatever_numbers_it_is_asked_for_as_described(
    apps: dict[str, str], schemas: dict[str, Any], label: str
) -> None:
    """With the analysis's id and hash: so the requests reach the mathematics."""
    sha256 = apps["sha256"]

    def act(case: Any) -> None:
        if "specification_sha256" in case.body:
            case.body["specification_sha256"] = sha256
        answered_as_described(case, beyond_the_schema=True)  # psi has another length: 422

    one = operation(schemas, "site", label)
    fuzzed(one, GenerationMode.POSITIVE, act, path_parameters={"analysis_id": "one"})


@pytest.mark.parametrize("label", [label for label in COORDINATOR if label.startswith("GET") and "{" in label])
def test_an_ended_analysis_is_answered_as_described(apps: dict[str, str], schemas: dict[str, Any], label: str) -> None:
    request = {"formula": "y ~ x", "family": "binomial"}
    headers = AUTHORISED | {"Prefer": "wait=20", "Idempotency-Key": "the same for all"}
    answer = httpx.post(f"{apps['coordinator']}/v1/analyses", json=request, headers=headers)
    assert answer.status_code == 303
    ended = {"analysis_id": answer.json()["id"]}
    fuzzed_as_described(schemas, "coordinator", label, GenerationMode.POSITIVE, path_parameters=ended)


@pytest.mark.parametrize("side", ["site", "coordinator"])
def test_a_method_that_a_path_does_not_have_is_answered_405_with_those_that_it_has(
    apps: dict[str, str], schemas: dict[str, Any], side: str
) -> None:
    for path, methods in schemas[side].raw_schema["paths"].items():
        there = {method.upper() for method in methods}
        for method in set(METHODS) - there:
            answer = httpx.request(
                method, apps[side] + path.format(analysis_id="one", name="forest"), headers=AUTHORISED
            )
            assert answer.status_code == 405, (method, path)
            assert {one.strip() for one in answer.headers["Allow"].split(",")} == there, (method, path)
            assert answer.headers["Content-Type"] == PROBLEM


@pytest.mark.parametrize("key", [None, "Bearer", "Bearer another-key-of-sixteen", f"Basic {KEY}", KEY])
@pytest.mark.parametrize(("side", "label"), [one for one in OPERATIONS if "/v1/" in one[1]])
def test_without_the_key_nothing_is_answered(apps: dict[str, str], side: str, label: str, key: str | None) -> None:
    method, path = label.split(" ")
    headers = {} if key is None else {"Authorization": key}
    answer = httpx.request(method, apps[side] + path.format(analysis_id="one", name="forest"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == PROBLEM


@pytest.mark.parametrize("label", [label for label in COORDINATOR if "/v1/" in label])
def test_the_role_read_is_answered_as_described_and_changes_nothing(schemas: dict[str, Any], label: str) -> None:
    """What looks is answered, and everything else is a 403 that is described."""
    reads = label.startswith("GET")

    def act(case: Any) -> None:
        response = case.call(headers=shown_by("rolf"))
        case.validate_response(response)
        assert (response.status_code == 403) is not reads
        if not reads:
            assert response.json()["code"] == "forbidden"

    fuzzed(operation(schemas, "coordinator", label), GenerationMode.POSITIVE, act)


@pytest.mark.parametrize(("side", "path"), [("site", "/v1/analyses/one/prepare"), ("coordinator", "/v1/analyses")])
@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"[" * 50_000, b'{"a": NaN}', b"null", b'"\xe9"'])
def test_a_body_that_is_no_json_object_is_answered_422(apps: dict[str, str], side: str, path: str, body: bytes) -> None:
    headers = AUTHORISED | {"Content-Type": "application/json"}
    answer = httpx.post(apps[side] + path, content=body, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, PROBLEM)
    assert answer.json()["remedy"]
