"""No request is read beyond a limit: a middleware for any ASGI app, which knows no web framework."""

from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from shared.messages import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyLimit:
    """Hands requests on with their whole body, or answers 413.

    A body that is announced to be larger than the limit is not read at all; one of unknown length up to the limit.
    """

    def __init__(self, app: App, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and float(announced) > self._limit:
            await self._refuse(send)
            return
        read: list[Message] = []
        size = 0
        while not read or read[-1].get("more_body", False):
            read.append(await receive())
            size += len(read[-1].get("body", b""))
            if size > self._limit:
                await self._refuse(send)
                return
        await self._app(scope, _again(read, receive), send)

    async def _refuse(self, send: Send) -> None:
        problem = Problem(
            code="too_large",
            message=f"the body is larger than {self._limit} bytes.",
            where="body",
            remedy="Send less.",
        )
        content = problem.model_dump_json().encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(content)).encode()),
            (b"connection", b"close"),  # the rest of the body is not read
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _again(read: Sequence[Message], receive: Receive) -> Receive:
    """What was read already, then whatever comes."""
    kept = deque(read)

    async def received() -> Message:
        return kept.popleft() if kept else await receive()

    return received
