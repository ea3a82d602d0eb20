"""A site whose data file holds what it must not, and what is then said: by the code, by `check`, and over HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.errors import FedglmmError
from shared.request import AnalysisRequest
from shared.specification import Specification
from site_node.app import create_app
from site_node.cli import app
from site_node.data.inference import write_dictionary
from site_node.folder import NewSite, write_site
from site_node.settings import load_settings

CANARY = "Zq7Canary"
NUMBER, FACTOR = Variable(name="x", type="number"), Variable(name="s", type="factor", levels=("a", "b"))
INTEGER, GROUP = Variable(name="k", type="integer", range=(0, 1e20)), Variable(name="g", type="group")
DICTIONARY = Dictionary(variables=(NUMBER, FACTOR, INTEGER, GROUP))


def written(folder: Path, content: bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def fault(act: Callable[..., object], *arguments: Any, **options: Any) -> FedglmmError:
    with pytest.raises(FedglmmError) as caught:
        act(*arguments, **options)
    assert caught.value.where
    assert caught.value.remedy
    assert caught.value.__cause__ is None
    return caught.value


def site(folder: Path, content: bytes) -> Path:
    """A site's folder with this file."""
    home = folder / "site"
    write_site(home, NewSite(name="A", data="data.csv", dictionary="dictionary.json", policy="open"))
    write_dictionary(DICTIONARY, home / "dictionary.json")
    written(home, content)
    return home


def asked(formula: str, **request: Any) -> Specification:
    return resolve(AnalysisRequest(formula=formula, **{"family": "gaussian", **request}), DICTIONARY, ("A",))


def checked(home: Path, specification: Specification | None = None) -> tuple[int, str]:
    """What `fedglmm-site check` says."""
    options = []
    if specification is not None:
        path = home / "specification.json"
        path.write_text(specification.model_dump_json(), encoding="utf-8")
        options = ["--specification", str(path)]
    done = CliRunner().invoke(app, ["check", str(home), *options], env={"COLUMNS": "400"})
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, " ".join((done.stdout + done.stderr).split())


def prepared(home: Path, specification: Specification) -> tuple[httpx.Response, str]:
    """What a coordinator is answered, and what stands in the site's log."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(load_settings(home)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            body = {"specification": specification.model_dump(mode="json")}
            return await client.post("/v1/analyses/one/prepare", json=body)

    with capture_logs() as logs:
        return anyio.run(ask), json.dumps(logs)
