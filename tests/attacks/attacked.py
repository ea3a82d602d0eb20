"""One real site, and what an attacker asks of it who runs the coordinator: analyses, and a round of each at a psi of his own."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from coordinator.request import resolve
from shared.dictionary import Dictionary, read_dictionary
from shared.messages import ContributionMessage
from shared.request import AnalysisRequest
from shared.specification import Specification
from site_node.app import create_app
from site_node.release.policy import PolicyName
from site_node.settings import SiteSettings

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """What a round gives: value, gradient (P,) and Hessian (P, P)."""

    value: float
    gradient: Numbers
    hessian: Numbers


@dataclass
class Attacked:
    """The attacker's view of a site."""

    http: httpx.AsyncClient
    dictionary: Dictionary
    asked: int = 0

    async def refusal(self, formula: str, **settings: Any) -> dict[str, Any] | None:
        """Why the site does not take an analysis; None if it does."""
        self.asked += 1
        self.specification: Specification = resolve(
            AnalysisRequest(formula=formula, **settings), self.dictionary, ("A", "B")
        )
        body = {"specification": self.specification.model_dump(mode="json")}
        answer = await self.http.post(f"/v1/analyses/a{self.asked}/prepare", json=body)
        assert answer.status_code in {200, 403}, answer.text
        return None if answer.is_success else dict(answer.json())

    async def asked_at(self, psi: Sequence[float]) -> httpx.Response:
        """The first round of the analysis that was prepared last, at a psi of the attacker's."""
        told = {"round": 1, "psi": list(psi), "basis": [1.0] * self.specification.layout.q**2, "previous": None}
        body = {"kind": "evaluate", "specification_sha256": self.specification.sha256} | told
        return await self.http.post(f"/v1/analyses/a{self.asked}/contributions", json=body)

    async def sums(self, formula: str, psi: Sequence[float] | None = None, **settings: Any) -> Sums:
        """What the site says of a model at a psi, or at zero."""
        assert await self.refusal(formula, **settings) is None
        answer = await self.asked_at(psi or [0.0] * self.specification.layout.size)
        assert answer.status_code == 200, answer.text
        found = ContributionMessage.model_validate(answer.json()["contribution"]).contribution()
        return Sums(found.value, found.gradient, found.hessian)


@asynccontextmanager
async def attacked(
    folder: Path,
    variables: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, object]],
    policy: PolicyName,
    *,
    privacy_unit: str | None = None,
    **more: Any,
) -> AsyncIterator[Attacked]:
    """A site with these rows, in a folder that need not be there; None is a missing value."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 -- before anything is served
    names = [variable["name"] for variable in variables if "derived" not in variable]
    lines = [",".join(names), *(",".join("" if row[n] is None else str(row[n]) for n in names) for row in rows)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "dictionary.json").write_text(
        json.dumps({"variables": list(variables), "privacy_unit": privacy_unit}), encoding="utf-8"
    )
    settings = SiteSettings(
        name="A",
        policy=policy,
        data=folder / "data.csv",
        dictionary=folder / "dictionary.json",
        ledger=folder / "ledger.jsonl",
        **more,
    )
    transport = httpx.ASGITransport(app=create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        yield Attacked(http, read_dictionary(folder / "dictionary.json"))
