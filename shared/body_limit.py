"""No request is read beyond a limit of size and time: a middleware for any ASGI app, which knows no web framework."""

import asyncio
from collections import deque
from collections.abc import Sequence

from shared.asgi import App, Message, Receive, Scope, Send, refuse
from shared.codes import TOO_LARGE, TOO_SLOW
from shared.messages import Problem

DEADLINE = 120.0
"""Seconds in which a whole body must have come."""


class BodyLimit:
    """Hands requests on with their whole body, or answers 413, or 408 when it takes too long to come.

    A body that is announced to be larger than the limit is not read at all; one of unknown length up to the limit.
    """

    def __init__(self, app: App, limit: int, deadline: float = DEADLINE) -> None:
        self._app = app
        self._limit = limit
        self._deadline = deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        # not int, which takes 4,300 digits at most
        if announced.isdigit() and float(announced) > self._limit:
            await refuse(send, 413, self._too_large())
            return
        try:
            async with asyncio.timeout(self._deadline):
                read = await self._read(receive)
        except TimeoutError:
            await refuse(send, 408, self._too_slow())
            return
        if read is None:
            await refuse(send, 413, self._too_large())
            return
        await self._app(scope, again(read, receive), send)

    async def _read(self, receive: Receive) -> list[Message] | None:
        """The whole body, or none if it is larger than the limit."""
        read: list[Message] = []
        size = 0
        while not read or read[-1].get("more_body", False):
            read.append(await receive())
            size += len(read[-1].get("body", b""))
            if size > self._limit:
                return None
        return read

    def _too_large(self) -> Problem:
        message = f"the body is larger than {self._limit} bytes."
        return Problem(code=TOO_LARGE, message=message, where="body", remedy="Send less.")

    def _too_slow(self) -> Problem:
        message = f"the body did not come within {self._deadline:g} s."
        return Problem(code=TOO_SLOW, message=message, where="body", remedy="Send it again, faster or less of it.")


async def whole(receive: Receive) -> list[Message]:
    """The messages of a whole body."""
    read = [await receive()]
    while read[-1].get("more_body", False):
        read.append(await receive())
    return read


def again(read: Sequence[Message], receive: Receive) -> Receive:
    """What was read already, then whatever comes."""
    kept = deque(read)

    async def received() -> Message:
        return kept.popleft() if kept else await receive()

    return received
