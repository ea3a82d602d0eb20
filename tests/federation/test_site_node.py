"""Claims about a site as the coordinator meets it: a real application, called over HTTP in one process."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from structlog.testing import capture_logs

from shared.contribution import Contribution
from shared.dictionary import Dictionary
from shared.formula.expressions import Column, LevelFactor, NumericFactor, VariableRef
from shared.optimisation.start import StartContribution
from shared.parameters import Vector
from shared.specification import NumericResponse, RandomTerm, Specification, sha256_of
from site_node.app import create_app
from site_node.data.inference import infer, write_dictionary
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.evaluation import KEPT_ANALYSES, Estimator
from site_node.folder import write_site
from site_node.settings import SiteSettings

pytestmark = pytest.mark.anyio

PSI = [0.1, -0.2, 0.5]
INTERCEPT = Column("(Intercept)")
CSV = "treatment,death\n" + "a,0\na,1\nb,0\nb,1\n" * 10 + "a,NA\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Fake:
    """Mathematics that can be told apart, counted, held up, and broken."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = threading.Event()
        self.go.set()
        self.fault: Exception | None = None

    def model_of(self, specification: Specification) -> Model:
        return Model(specification.layout, REGISTRY[specification.family, specification.link])

    def contribution(self, rows: Rows, model: Model, psi: Vector) -> Contribution:
        self.calls += 1
        assert self.go.wait(10)
        if self.fault is not None:
            raise self.fault
        return Contribution(float(rows.y.sum()) / 3, psi * 0.1, np.eye(model.layout.size) * 0.1)

    def start(self, rows: Rows, model: Model) -> StartContribution:
        size = model.layout.p
        return StartContribution((Contribution(float(rows.n), np.zeros(size), np.eye(size)),), np.ones(2))

    def site_effect(self, _rows: Rows, _model: Model, _psi: Vector) -> tuple[Vector, Vector]:
        return np.array([0.25]), np.array([0.125])

    def estimator(self) -> Estimator:
        return Estimator(self.model_of, self.start, self.contribution, self.site_effect)


class Site:
    """A site's folder and what a coordinator would send to it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data.csv"
        self.data.write_text(CSV, encoding="utf-8")
        self.dictionary: Dictionary = infer(self.data).dictionary
        write_dictionary(self.dictionary, folder / "dictionary.json")
        self.settings = SiteSettings(name="A", data=self.data, dictionary=folder / "dictionary.json")
        self.fake = Fake()

    def specification(self, **changes: Any) -> Specification:
        settled: dict[str, Any] = {
            "formula": "death ~ treatment + (1 | site)",
            "family": "binomial",
            "link": "logit",
            "response": NumericResponse(expression=VariableRef("death")),
            "fixed": (INTERCEPT, Column("treatmentb", (LevelFactor("treatment", "b"),))),
            "random": RandomTerm(group="site", columns=(INTERCEPT,)),
            "roster": ("A", "B"),
            "dictionary_sha256": sha256_of(self.dictionary),
            "tolerance": 1e-16,
            "max_rounds": 50,
            "confidence_level": 0.95,
        }
        return Specification(**(settled | changes))

    def start(self) -> dict[str, Any]:
        return {"kind": "start", "round": 0, "specification_sha256": self.specification().sha256}

    def evaluate(self, number: int = 1, psi: list[float] | None = None) -> dict[str, Any]:
        asked = {"kind": "evaluate", "round": number, "psi": psi or PSI, "previous": None}
        return asked | {"specification_sha256": self.specification().sha256}

    @asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(self.settings, estimator=self.fake.estimator())
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site", headers=headers) as client:
            yield client

    async def prepare(
        self, client: httpx.AsyncClient, specification: Specification | None = None, analysis: str = "one"
    ) -> httpx.Response:
        body = {"specification": (specification or self.specification()).model_dump(mode="json")}
        return await client.post(f"/v1/analyses/{analysis}/prepare", json=body)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert set(response.json()) == {"status", "code", "message", "where", "remedy", "rule"}
    return dict(response.json())


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not holds():  # noqa: ASYNC110 -- it comes about in another thread
            await anyio.sleep(0.001)


async def test_a_site_says_who_it_is(site: Site) -> None:
    async with site.client() as client:
        about = (await client.get("/v1/about")).json()
        assert (about["site"], about["protocol_min"], about["protocol_max"]) == ("A", 1, 1)
        assert about["policy"] == "default"
        assert len(about["fingerprint"]) == 64
        assert (await client.get("/health")).json() == {"status": "ok"}
        assert "/v1/analyses/{analysis_id}/prepare" in (await client.get("/openapi.json")).json()["paths"]


async def test_an_analysis_goes_from_prepare_over_rounds_to_close(site: Site) -> None:
    async with site.client() as client:
        accepted = await site.prepare(client)
        assert accepted.status_code == 200, accepted.text
        assert accepted.json()["rows"] == 40
        assert accepted.json()["rows_dropped"] == 1
        assert accepted.json()["groups"] == 1
        assert accepted.json()["specification_sha256"] == site.specification().sha256
        started = await client.post("/v1/analyses/one/contributions", json=site.start())
        assert started.json()["start"]["quadratics"][0]["value"] == 40
        answered = await client.post("/v1/analyses/one/contributions", json=site.evaluate())
        contribution = answered.json()["contribution"]
        assert contribution["value"] == 20 / 3
        assert contribution["gradient"] == [number * 0.1 for number in PSI]
        closed = await client.post("/v1/analyses/one/close", json={"outcome": "converged", "psi": PSI})
        assert closed.json() == {"site_effect": {"modes": [0.25], "standard_deviations": [0.125]}}
        again = await client.post("/v1/analyses/one/contributions", json=site.evaluate())
        assert_problem(again, 404, "unknown_analysis")


async def test_the_same_request_gets_the_identical_bytes_without_computing_again(site: Site) -> None:
    async with site.client() as client:
        first_prepared, again_prepared = await site.prepare(client), await site.prepare(client)
        assert first_prepared.content == again_prepared.content
        first = await client.post("/v1/analyses/one/contributions", json=site.evaluate())
        again = await client.post("/v1/analyses/one/contributions", json=site.evaluate())
        assert first.content == again.content
        assert site.fake.calls == 1
        other = await client.post("/v1/analyses/one/contributions", json=site.evaluate(psi=[0.0, 0.0, 1.0]))
        assert_problem(other, 403, "round_answered")
        following = await client.post("/v1/analyses/one/contributions", json=site.evaluate(2))
        assert following.json()["round"] == 2


async def test_the_real_estimation_gives_the_same_bytes_to_a_site_that_has_restarted(site: Site) -> None:
    replies = []
    for _ in range(2):
        transport = httpx.ASGITransport(app=create_app(site.settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            assert (await site.prepare(client)).status_code == 200
            replies += [await client.post("/v1/analyses/one/contributions", json=site.evaluate())]
    assert replies[0].status_code == 200, replies[0].text
    assert len(replies[0].json()["contribution"]["hessian"]) == 6
    assert replies[0].content == replies[1].content


async def test_an_inner_groups_effects_are_never_released(site: Site) -> None:
    site.data.write_text(
        "clinic,treatment,death\n" + "".join(f"c{k % 4},{'ab'[k % 2]},{k // 2 % 2}\n" for k in range(40))
    )
    site.dictionary = infer(site.data, groups=("clinic",), levels={"treatment": ("a", "b")}).dictionary
    write_dictionary(site.dictionary, site.settings.dictionary)
    inner = site.specification(random=RandomTerm(group="clinic", columns=(INTERCEPT,)))
    async with site.client() as client:
        assert (await site.prepare(client, inner)).json()["groups"] == 4
        closed = await client.post("/v1/analyses/one/close", json={"outcome": "converged", "psi": PSI})
        assert closed.json() == {"site_effect": None}


async def test_a_site_below_a_floor_refuses_with_rule_and_remedy_and_no_number(site: Site) -> None:
    site.data.write_text("treatment,death\n" + "a,0\nb,0\n" * 10 + "a,1\nb,1\n", encoding="utf-8")
    async with site.client() as client:
        problem = assert_problem(await site.prepare(client), 403, "rare_outcome")
        assert (problem["status"], problem["rule"]) == ("refused", "G5")
        assert problem["remedy"]
        assert not any(character.isdigit() for character in problem["message"] + problem["remedy"])
        unknown = await client.post("/v1/analyses/one/contributions", json=site.evaluate())
        assert_problem(unknown, 404, "unknown_analysis")
    site.settings = site.settings.model_copy(update={"policy": "open"})
    async with site.client() as client:
        assert (await site.prepare(client)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"roster": ("B",)}, 403, "not_in_roster"),
        ({"dictionary_sha256": "0" * 64}, 422, "other_dictionary"),
        ({"weights": "age"}, 422, "dictionary"),
        ({"fixed": (Column("c", (NumericFactor(VariableRef("treatment")),)),)}, 422, "data"),
    ],
)
async def test_a_specification_that_is_not_for_this_site_is_refused(
    site: Site, changes: dict[str, Any], status: int, code: str
) -> None:
    async with site.client() as client:
        assert_problem(await site.prepare(client, site.specification(**changes)), status, code)


async def test_one_analysis_has_one_specification(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        other = site.specification(title="another")
        assert_problem(await site.prepare(client, other), 422, "other_specification")
        request = site.evaluate() | {"specification_sha256": other.sha256}
        response = await client.post("/v1/analyses/one/contributions", json=request)
        assert_problem(response, 422, "other_specification")


async def test_changed_data_end_the_analysis(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        assert (await client.post("/v1/analyses/one/contributions", json=site.evaluate())).status_code == 200
        site.data.write_text(CSV.replace("b,1", "b,0", 1), encoding="utf-8")
        for request in (site.evaluate(), site.evaluate(2)):
            response = await client.post("/v1/analyses/one/contributions", json=request)
            assert_problem(response, 409, "data_changed")
        assert_problem(await site.prepare(client), 409, "data_changed")


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
        response = await client.post("/v1/analyses/one/contributions", json=change(site.evaluate()))
        problem = assert_problem(response, 422, "invalid_request")
        assert field in problem["where"]
        assert "Smith" not in response.text


async def test_numbers_that_are_not_finite_and_a_psi_of_another_length_are_refused(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        body = httpx.Request("POST", "http://x", json=site.evaluate()).content.replace(b"0.1", b"NaN")
        headers = {"Content-Type": "application/json"}
        response = await client.post("/v1/analyses/one/contributions", content=body, headers=headers)
        assert_problem(response, 422, "invalid_request")
        response = await client.post("/v1/analyses/one/contributions", json=site.evaluate(psi=[1.0]))
        assert_problem(response, 422, "psi")
        assert_problem(await client.get("/v1/nowhere"), 404, "http")


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


async def test_an_unforeseen_fault_tells_nothing_of_its_content(site: Site) -> None:
    site.fake.fault = ValueError("Mrs-Smith")
    with capture_logs() as logs:
        async with site.client() as client:
            await site.prepare(client)
            response = await client.post("/v1/analyses/one/contributions", json=site.evaluate())
    assert_problem(response, 500, "unforeseen")
    assert "Smith" not in response.text
    assert logs[-1]["fault"] == "ValueError"
    assert "test_site_node.py" in logs[-1]["place"]
    assert "Smith" not in str(logs)


async def test_the_site_answers_while_it_computes_and_a_repeated_request_waits_for_the_first(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        site.fake.go.clear()
        replies: list[httpx.Response] = []

        async def ask() -> None:
            replies.append(await client.post("/v1/analyses/one/contributions", json=site.evaluate()))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
            await until(lambda: site.fake.calls > 0)
            began = time.perf_counter()
            assert (await client.get("/v1/about")).status_code == 200
            assert time.perf_counter() - began < 1
            assert not replies
            site.fake.go.set()
        assert replies[0].content == replies[1].content
        assert site.fake.calls == 1


async def test_a_few_designs_are_kept_and_an_older_one_is_prepared_again_with_the_same_answer(site: Site) -> None:
    async with site.client() as client:
        first = await site.prepare(client, analysis="first")
        for k in range(KEPT_ANALYSES):
            await site.prepare(client, analysis=f"later-{k}")
        response = await client.post("/v1/analyses/first/contributions", json=site.evaluate())
        problem = assert_problem(response, 404, "unknown_analysis")
        assert "Prepare it" in problem["remedy"]
        assert (await site.prepare(client, analysis="first")).content == first.content


async def test_sites_that_share_a_limiter_do_not_compute_at_once(site: Site) -> None:
    limiter = anyio.CapacityLimiter(1)
    apps = [create_app(site.settings, limiter=limiter, estimator=site.fake.estimator()) for _ in range(2)]
    clients = [httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://site") for app in apps]
    async with clients[0], clients[1], anyio.create_task_group() as tasks:
        for client in clients:
            await site.prepare(client)
        site.fake.go.clear()
        for client in clients:
            tasks.start_soon(lambda one=client: one.post("/v1/analyses/one/contributions", json=site.evaluate()))
        await until(lambda: limiter.statistics().tasks_waiting > 0 and site.fake.calls > 0)
        assert site.fake.calls == 1
        site.fake.go.set()
    assert site.fake.calls == 2


def test_a_process_announces_its_sites_once_they_listen_and_stops_when_told(site: Site, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        write_site(folder, name=folder.name, data=str(site.data), dictionary=str(site.settings.dictionary))
    announce = tmp_path / "announce.json"
    command = [sys.executable, "-c", "from site_node.cli import app; app()", "serve", *map(str, folders)]
    with subprocess.Popen([*command, "--announce", str(announce)], stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 20
            while not announce.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            urls = json.loads(announce.read_text(encoding="utf-8"))["sites"]
            assert {name: httpx.get(f"{url}/v1/about").json()["site"] for name, url in urls.items()} == {
                "one": "one",
                "two": "two",
            }
        finally:
            process.terminate()
            _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    events = [json.loads(line) for line in log.splitlines()]
    assert {event["site"] for event in events if event["event"] == "listening"} == {"one", "two"}
