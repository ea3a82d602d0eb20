"""One site as a coordinator meets it: its folder, mathematics that can be told apart, and what is sent to it."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np

from shared.contribution import Contribution
from shared.dictionary import Dictionary
from shared.formula.expressions import Column, LevelFactor, VariableRef
from shared.optimisation.start import StartContribution
from shared.parameters import Matrix, Vector
from shared.specification import NumericResponse, RandomTerm, Specification, sha256_of
from site_node.answering import Estimator
from site_node.app import create_app
from site_node.data.inference import infer, write_dictionary
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.settings import SiteSettings

PSI = [0.1, -0.2, 0.5]
ROUNDS, END = "/v1/analyses/one/contributions", "/v1/analyses/one/close"
CLOSE = {"outcome": "converged", "psi": PSI, "basis": [1.0]}
INTERCEPT = Column("(Intercept)")
CSV = "treatment,death\n" + "a,0\na,1\nb,0\nb,1\n" * 10 + "a,NA\n"


class Fake:
    """Mathematics that can be told apart, counted, held up, and broken."""

    def __init__(self) -> None:
        self.calls = 0
        self.points: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self.fault: Exception | None = None

    def model_of(self, specification: Specification) -> Model:
        return Model(specification.layout, REGISTRY[specification.family, specification.link])

    def contribution(self, rows: Rows, model: Model, psi: Vector, points: int) -> tuple[Contribution, Matrix]:
        self.calls += 1
        self.points.append(points)
        assert self.go.wait(10)
        if self.fault is not None:
            raise self.fault
        answer = Contribution(float(rows.y.sum()) / 3, psi * 0.1, np.eye(model.layout.size) * 0.1)
        return answer, np.ones((1, rows.n))

    def start(self, rows: Rows, model: Model) -> tuple[StartContribution, Matrix]:
        return self.default_start(rows, model), np.ones((1, rows.n))

    def default_start(self, rows: Rows, model: Model) -> StartContribution:
        size = model.layout.p
        return StartContribution((Contribution(float(rows.n), np.zeros(size), np.eye(size)),), np.ones(6))

    def site_effect(self, _rows: Rows, _model: Model, _psi: Vector, _basis: Matrix) -> tuple[Vector, Vector]:
        self.calls += 1
        assert self.go.wait(10)
        return np.array([0.25]), np.array([0.125])

    def estimator(self) -> Estimator:
        return Estimator(self.model_of, self.start, self.default_start, self.contribution, self.site_effect)


class Site:
    """A site's folder and what a coordinator would send to it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data.csv"
        self.data.write_text(CSV, encoding="utf-8")
        self.dictionary: Dictionary = infer(self.data).dictionary
        write_dictionary(self.dictionary, folder / "dictionary.json")
        self.settings = SiteSettings(
            name="A", data=self.data, dictionary=folder / "dictionary.json", ledger=folder / "ledger.jsonl"
        )
        self.fake = Fake()

    def specification(self, **changes: Any) -> Specification:
        settled: dict[str, Any] = {
            "formula": "death ~ treatment + (1 | site)",
            "family": "binomial",
            "link": "logit",
            "response": NumericResponse(expression=VariableRef("death")),
            "fixed": (INTERCEPT, Column("treatmentb", (LevelFactor("treatment", "b"),))),
            "random": (RandomTerm(group="site", columns=(INTERCEPT,)),),
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
        asked = {"kind": "evaluate", "round": number, "psi": psi or PSI, "basis": [1.0], "previous": None}
        return asked | {"specification_sha256": self.specification().sha256}

    @asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(self.settings, estimator=self.fake.estimator())
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
            yield client

    async def prepare(
        self, client: httpx.AsyncClient, specification: Specification | None = None, analysis: str = "one"
    ) -> httpx.Response:
        body = {"specification": (specification or self.specification()).model_dump(mode="json")}
        return await client.post(f"/v1/analyses/{analysis}/prepare", json=body)


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert set(response.json()) == {"status", "code", "message", "where", "remedy", "rule"}
    return dict(response.json())


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not holds():  # noqa: ASYNC110 -- it comes about in another thread
            await anyio.sleep(0.001)
