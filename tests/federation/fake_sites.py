"""Sites that answer over a fake transport, the real coordinator's app in front of them, and an analyst who asks it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import httpx
import numpy as np
from fastapi import FastAPI

from coordinator.app import create_app
from coordinator.settings import Settings
from coordinator.states import AnalysisState
from coordinator.store import MemoryStore, Store
from shared.contribution import Contribution
from shared.messages import ContributionMessage, Problem, StartMessage
from shared.optimisation.start import StartContribution
from shared.parameters import Matrix, Vector
from shared.specification import Specification

SITES = ("Bern", "Aarau", "Chur")
PATIENCE = 2000
"""Hundredths of a second."""
REQUEST = {"formula": "y ~ x", "family": "binomial"}
Answers: TypeAlias = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]
"""What stands for a site."""
DICTIONARY = {"variables": [{"name": "x", "type": "number"}, {"name": "y", "type": "integer"}]}


@dataclass
class FakeSite:
    """A site that computes a logistic regression honestly, until it is told otherwise."""

    name: str
    X: Matrix
    y: Vector
    asked: list[str] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    prepared: set[str] = field(default_factory=set)
    closed: list[dict[str, Any]] = field(default_factory=list)
    fingerprint: str = "same"
    down: bool = False
    override: Callable[[str, dict[str, Any]], httpx.Response | None] = lambda _path, _body: None
    """Answers instead of the site, given the last part of the path and the body."""
    hold: asyncio.Event | None = None
    """Rounds wait for it."""

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused")
        *_, analysis_id, path = request.url.path.split("/")
        body = json.loads(request.content or "{}")
        self.asked.append(path)
        other = self.override(path, body)
        if other is not None:
            return other
        if path == "about":
            about = {"version": "1", "protocol_min": 3, "protocol_max": 3, "policy": "open"}
            return httpx.Response(200, json=about | {"site": self.name, "fingerprint": self.fingerprint})
        if path == "prepare":
            self.prepared.add(analysis_id)
            return httpx.Response(200, json=self._accepted(body["specification"]))
        if analysis_id not in self.prepared:
            return problem(404, "unknown_analysis", "not prepared here.")
        if path == "close":
            self.closed.append(body)
            self.prepared.discard(analysis_id)
            return httpx.Response(200, json={"site_effect": None})
        return await self._contribution(body)

    def _accepted(self, specification: dict[str, Any]) -> dict[str, Any]:
        sha256 = Specification.model_validate(specification).sha256
        groups = {term["group"]: 1 for term in specification["random"]}
        counts = {"counts": {"rows": len(self.y), "rows_dropped": 0, "groups": groups}}
        return {"specification_sha256": sha256, "fingerprint": self.fingerprint, **counts}

    async def _contribution(self, body: dict[str, Any]) -> httpx.Response:
        if body["kind"] == "start":
            n = float(len(self.y))
            start = StartContribution((self._logistic(np.zeros(2)),), np.array([n, 1.0, n, 0.0, 0.0, 0.0]))
            message = StartMessage.of(start).model_dump()
            return httpx.Response(200, json={"kind": "start", "round": 0, "start": message})
        self.rounds.append(body)
        if self.hold is not None:
            await self.hold.wait()
        message = ContributionMessage.of(self._logistic(np.array(body["psi"]))).model_dump()
        return httpx.Response(200, json={"kind": "evaluate", "round": body["round"], "contribution": message})

    def _logistic(self, beta: Vector) -> Contribution:
        eta = self.X @ beta
        mu = 1.0 / (1.0 + np.exp(-eta))
        value = float(np.sum(self.y * eta - np.logaddexp(0.0, eta)))
        return Contribution(value, self.X.T @ (self.y - mu), -(self.X.T * (mu * (1.0 - mu))) @ self.X)


def problem(status: int, code: str, message: str, rule: str = "") -> httpx.Response:
    return httpx.Response(status, text=Problem(code=code, message=message, rule=rule).model_dump_json())


def honest_sites() -> dict[str, FakeSite]:
    """Three of them, whose pooled data have a finite maximum."""
    rng = np.random.default_rng(1)
    made = {}
    for name in SITES:
        X = np.column_stack([np.ones(40), rng.normal(size=40)])
        made[name] = FakeSite(name, X, (rng.random(40) < 1 / (1 + np.exp(-X @ [0.3, -0.8]))).astype(float))
    return made


class KeptStore(MemoryStore):
    """Survives the app that used it."""

    def close(self) -> None:
        """Nothing is forgotten."""


def build(
    folder: Path,
    sites: Mapping[str, Answers],
    store: Store | None = None,
    *,
    patience: float = 0.3,
    keys: str = "",
    **settings: Any,
) -> FastAPI:
    (folder / "dictionary.json").write_text(json.dumps(DICTIONARY), encoding="utf-8")
    (folder / "keys.toml").write_text(keys, encoding="utf-8")
    (folder / "keys.toml").chmod(0o600)
    made = Settings.model_validate(
        {
            "dictionary": "dictionary.json",
            "policy": "open",
            "keys_file": "keys.toml" if keys else None,
            "site_deadline_seconds": patience,
            "round_deadline_seconds": 20,
            "sites": [{"name": name, "url": f"http://{name.lower()}"} for name in sites],
            **settings,
        },
        context=folder,
    )
    transports = {name: httpx.MockTransport(site) for name, site in sites.items()}
    return create_app(made, store=store or MemoryStore(), transports=transports)


@asynccontextmanager
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """An analyst at a running coordinator."""
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
    ):
        yield http


async def submitted(http: httpx.AsyncClient, **request: Any) -> str:
    response = await http.post("/v1/analyses", json=REQUEST | request)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def until(http: httpx.AsyncClient, analysis_id: str, *states: str) -> dict[str, Any]:
    """The analysis once it is in one of the states (any ending unless given)."""
    wanted = set(states) or {state.value for state in AnalysisState if state.ended}
    for _ in range(PATIENCE):
        view: dict[str, Any] = (await http.get(f"/v1/analyses/{analysis_id}")).json()
        if view["state"] in wanted:
            return view
        await asyncio.sleep(0.01)
    raise AssertionError(f"still {view['state']}")


class RoundBits(NamedTuple):
    """A round, as far as it has to be the same again."""

    number: int
    psi: tuple[float, ...]
    summed: ContributionMessage


async def bits(http: httpx.AsyncClient, store: Store, analysis_id: str) -> tuple[list[RoundBits], dict[str, Any]]:
    """Every round's psi and sum, and the result but for the seconds, of an analysis that converges."""
    view = await until(http, analysis_id)
    assert view["state"] == "converged", view["problem"]
    result = json.loads((await http.get(view["links"]["result"])).content)
    del result["countersigned"]  # of this analysis alone
    for entry in result["convergence"]["trace"]:
        del entry["seconds"]
    return [RoundBits(entry.number, entry.psi, entry.summed) for entry in store.rounds(analysis_id)], result


async def eventually(condition: Callable[[], object]) -> None:
    for _ in range(PATIENCE):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")


def pooled(sites: Mapping[str, FakeSite]) -> Vector:
    """The maximum of the pooled likelihood, by plain Newton."""
    together = FakeSite("all", np.vstack([s.X for s in sites.values()]), np.concatenate([s.y for s in sites.values()]))
    beta = np.zeros(2)
    for _ in range(30):
        c = together._logistic(beta)
        beta = beta - np.linalg.solve(c.hessian, c.gradient)
    return beta
