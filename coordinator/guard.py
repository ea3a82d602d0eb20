"""Who asks is found out before anything of a body is read: a middleware around all others."""

from http import HTTPMethod

import structlog

from coordinator.access.authentication import Access
from coordinator.access.roles import Role
from coordinator.problems import status_of
from shared.asgi import App, Receive, Scope, Send, refuse
from shared.errors import AccessError, CredentialsError
from shared.messages import Problem

LOG = structlog.get_logger(__name__)
PROTECTED = "/v1"
READING = frozenset({HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS})
LOGGED_TEXT = 200
"""Characters of a path that others chose."""


class Guard:
    """Lets requests pass with their `caller` in the state, or answers 401, 403 or 503.

    To look needs the role `read`, and every other method `run`: no route can be forgotten. Whose analysis it is, is for the
    route to find out.
    """

    def __init__(self, app: App, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] == "http" and scope["path"].startswith(PROTECTED):
            try:
                caller = await self._access.caller(_header(scope, b"authorization"), _header(scope, b"host"))
                caller.require(Role.READ if scope["method"] in READING else Role.RUN)
            except AccessError as error:
                client, path = (scope.get("client") or (None,))[0], scope["path"][:LOGGED_TEXT]
                LOG.warning("not_let_in", client=client, method=scope["method"], path=path, problem=error.message)
                shown = {"www-authenticate": "Bearer"} if isinstance(error, CredentialsError) else None
                await refuse(send, status_of(error), Problem.of(error), shown)
                return
            scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


def _header(scope: Scope, name: bytes) -> str:
    header: bytes = dict(scope["headers"]).get(name, b"")
    return header.decode("latin-1")
