"""What every route is handed, and who may ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPBearer

from coordinator.access.authentication import Access
from coordinator.access.roles import Caller
from coordinator.events import Watchers
from coordinator.runner import Runner
from coordinator.site_client import SiteClient
from coordinator.store import Store
from coordinator.submission import Desk
from shared.dictionary import Dictionary
from shared.errors import RoleError
from shared.openapi import Example
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
    access: Access


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Given = Annotated[Service, Depends(_service)]


_SCHEME = HTTPBearer(auto_error=False, description="a key, or a token of the issuer, if the coordinator asks for any")
FORBIDDEN = Example(
    "The role of the key or token does not allow it: to look needs `read`, else `run`, for others' analyses `administer`",
    RoleError.code,
    "this needs the role `run`, and yours is `read`.",
    "Ask an administrator of the coordinator for the role `run`.",
)


async def caller(request: Request, _described: Annotated[object, Depends(_SCHEME)]) -> Caller:
    """Who asks, as the guard has found out; without it nothing is answered."""
    found: Caller = request.state.caller
    return found


Asking = Annotated[Caller, Depends(caller)]
