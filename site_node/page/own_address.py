"""Only requests to this machine's own address are answered; and what every answer tells a browser not to do."""

from collections.abc import Mapping

import structlog

from shared.asgi import App, Message, Receive, Scope, Send, refuse
from shared.errors import RoleError
from shared.messages import Problem
from site_node.problems import shortened

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer. There is no script. The referrer stays here, where forms need it: their origin is checked."""

_log = structlog.get_logger()


class OwnAddress:
    """Stands around the app. A page elsewhere that points a name of its own at this machine is not answered.

    Args:
        app: what it stands around.
        hosts: what `Host` may say.
    """

    def __init__(self, app: App, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            return
        named = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        if len(named) != 1 or named[0] not in self._hosts:
            _log.warning("page refused", path=shortened(scope["path"]), problem="another name than this machine's")
            error = RoleError(
                "the site's page is for its own machine, and another name or port led here.",
                where="Host",
                remedy=f"Open http://{min(self._hosts)}; through a tunnel, with the same port at both of its ends.",
            )
            await refuse(send, 403, Problem.of(error), HEADERS)
            return

        async def told(message: Message) -> None:
            """Sends, with the headers at the start of an answer."""
            if message["type"] == "http.response.start":
                own = {name.lower() for name in HEADERS}
                kept = [pair for pair in message["headers"] if pair[0].decode("latin-1").lower() not in own]
                message["headers"] = [*kept, *((name.encode(), value.encode()) for name, value in HEADERS.items())]
            await send(message)

        await self._app(scope, receive, told)
