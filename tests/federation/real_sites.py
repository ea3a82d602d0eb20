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
from shared.consortium import FILE_NAME, Consortium, Party, write
from shared.dictionary import read_dictionary
from shared.signing import make_identity
from shared.specification import sha256_of
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

    @property
    def data(self) -> Path:
        """Its file."""
        assert self.settings.data is not None
        return self.settings.data

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
    folder: Path,
    dictionary: Mapping[str, Any],
    tables: Sequence[str],
    policy: PolicyName = "open",
    *,
    masked: bool = False,
) -> dict[str, Heard]:
    """S0, S1, ... with these CSV files; masked ones have keys, and a consortium file beside the dictionary."""
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
                **(_membership(folder, [f"S{k}" for k in range(len(tables))], name) if masked else {}),
                ledger=folder / f"{name}.ledger.jsonl",
            )
        )
    return sites


def _membership(folder: Path, names: Sequence[str], name: str) -> dict[str, Any]:
    """The settings of a member; the consortium file is written first if it is not there."""
    consortium = folder / FILE_NAME
    if not consortium.exists():
        for each in (*names, "coordinator"):
            (folder / each).mkdir()
        keys = {each: Party(public_key=make_identity(folder / each / "identity").public_hex) for each in names}
        coordinator = Party(public_key=make_identity(folder / "coordinator" / "identity").public_hex)
        agreed = Consortium(
            name="made up",
            dictionary_sha256=sha256_of(read_dictionary(folder / "dictionary.json")),
            two_sites_consent=True,
            coordinator=coordinator,
            sites=keys,
        )
        write(agreed, consortium)
    return {"consortium": consortium, "identity_file": folder / name / "identity"}


def coordinator_of(
    folder: Path, sites: Mapping[str, httpx.AsyncBaseTransport], store: Store | None = None, **more: Any
) -> FastAPI:
    """The coordinator in front of them; more are further settings."""
    named = [{"name": name, "url": f"http://127.0.0.1:{9000 + number}"} for number, name in enumerate(sites)]
    told = {"dictionary": "dictionary.json", "policy": "open", "sites": named}
    if (folder / FILE_NAME).exists():
        told |= {"consortium": FILE_NAME, "identity_file": "coordinator/identity"}
    settings = Settings.model_validate(told | more, context=folder)
    return create_app(settings, store=store or MemoryStore(), transports=dict(sites))


async def ended(app: FastAPI, **request: Any) -> dict[str, Any]:
    """The view of the ended analysis, with its result as `ended_with`."""
    async with client(app) as http:
        answer = await http.post("/v1/analyses", json=request, headers={"Prefer": "wait=60"})
        assert answer.status_code in {201, 303}, answer.text
        view: dict[str, Any] = answer.json()
        assert AnalysisState(view["state"]).ended, view
        link = view["links"]["result"]
        return view | {"ended_with": (await http.get(link)).json() if link else None}
