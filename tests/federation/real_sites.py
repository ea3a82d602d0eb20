"""Real sites with rows of the tests' own behind the real coordinator, all in one process."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from coordinator.app import create_app
from coordinator.settings import Settings
from coordinator.states import AnalysisState
from coordinator.store import MemoryStore, Store
from site_node.app import create_app as create_site
from site_node.release.policy import PolicyName
from site_node.settings import SiteSettings
from tests.federation.fake_sites import client


@dataclass
class Heard(httpx.AsyncBaseTransport):
    """A site, and all that was asked of it and answered by it in JSON: the path's last part, the question, the answer."""

    settings: SiteSettings
    messages: list[tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forgets every analysis."""
        self.site = httpx.ASGITransport(create_site(self.settings))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.site.handle_async_request(request)
        answer = await response.aread()
        if request.content:
            path = request.url.path.rsplit("/", 1)[1]
            self.messages.append((path, json.loads(request.content), json.loads(answer)))
        return response

    def rounds(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """What was asked of it in each round, and what it contributed."""
        return [
            (asked, said["contribution"])
            for _, asked, said in self.messages
            if asked.get("kind") == "evaluate" and "contribution" in said
        ]


def real_sites(
    folder: Path, dictionary: Mapping[str, Any], tables: Sequence[str], policy: PolicyName = "open"
) -> dict[str, Heard]:
    """S0, S1, ... with these CSV files."""
    (folder / "dictionary.json").write_text(json.dumps(dictionary), encoding="utf-8")
    (folder / "secret").write_text("known-to-the-site-alone", encoding="utf-8")
    sites = {}
    for number, table in enumerate(tables):
        name, path = f"S{number}", folder / f"{number}.csv"
        path.write_text(table, encoding="utf-8")
        sites[name] = Heard(
            SiteSettings(
                name=name,
                data=path,
                dictionary=folder / "dictionary.json",
                policy=policy,
                secret_file=folder / "secret",
            )
        )
    return sites


def coordinator_of(folder: Path, sites: Mapping[str, httpx.AsyncBaseTransport], store: Store | None = None) -> FastAPI:
    """The coordinator in front of them."""
    named = [{"name": name, "url": f"http://s{number}"} for number, name in enumerate(sites)]
    settings = Settings.model_validate({"dictionary": "dictionary.json", "sites": named}, context=folder)
    return create_app(settings, store=store or MemoryStore(), transports=dict(sites))


async def ended(app: FastAPI, **request: Any) -> dict[str, Any]:
    """The view of the ended analysis, with its result as `ended_with`."""
    async with client(app) as http:
        answer = await http.post("/v1/analyses", json=request, headers={"Prefer": "wait=60"})
        assert answer.status_code in {201, 303}, answer.text
        view = answer.json()
        assert AnalysisState(view["state"]).ended, view
        link = view["links"]["result"]
        return view | {"ended_with": (await http.get(link)).json() if link else None}
