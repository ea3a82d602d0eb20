"""What every route is handed, and who may ask."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, HTTPException, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from coordinator.events import Watchers
from coordinator.runner import Runner
from coordinator.site_client import SiteClient
from coordinator.store import Store
from coordinator.submission import Desk
from shared.dictionary import Dictionary
from shared.wire import AnalysisId

Id = Annotated[AnalysisId, Path(description="the analysis")]


@dataclass(frozen=True)
class Service:
    """All that the routes are handed."""

    store: Store
    sites: Mapping[str, SiteClient]
    desk: Desk
    runner: Runner
    watchers: Watchers
    dictionary: Dictionary
    keys: tuple[SecretStr, ...] = field(default=(), repr=False)
    """The analysts' keys; none: everybody who reaches the port may ask."""


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Given = Annotated[Service, Depends(_service)]


SCHEME = HTTPBearer(auto_error=False, description="an analyst's key, if the coordinator has any")
Shown = Annotated[HTTPAuthorizationCredentials | None, Depends(SCHEME)]


async def authorised(service: Given, shown: Shown) -> None:
    """Whoever asks has an analyst's key, if there are any.

    Raises:
        HTTPException: 401.
    """
    sent = shown.credentials.strip().encode() if shown else b""
    known = [hmac.compare_digest(sent, key.get_secret_value().encode()) for key in service.keys]
    if service.keys and not any(known):
        raise HTTPException(401, "this needs an analyst's key", {"WWW-Authenticate": "Bearer"})
