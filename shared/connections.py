"""How many connections a process keeps open, and how long one may take to ask. For servers of HTTP/1.1; it knows no framework."""

import asyncio
import resource
from typing import ClassVar

import h11

HEAD_SECONDS = 30.0
"""In which a request's line and headers must have come."""
MOST_OPEN = 1000
ACCEPTED_AT_ONCE = 32
"""Before one of them is looked at: the servers' backlog."""


def most_open() -> int:
    """Half of the files that the process may open: the other half is for what it does besides."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OPEN if files == resource.RLIM_INFINITY else min(MOST_OPEN, files // 2)


class Bounded(asyncio.Protocol):
    """What a server's protocol inherits from first.

    A connection too many costs the oldest one whose request has not come as a whole; if there is none, itself.
    """

    conn: h11.Connection
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _open: ClassVar[dict["Bounded", None]] = {}
    """All of the process, in the order of their opening."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Makes room for it."""
        super().connection_made(transport)
        self._open[self] = None
        if len(self._open) > most_open():
            next((one for one in self._open if one.conn.their_state in {h11.IDLE, h11.SEND_BODY}), self).end()
        self._time()

    def data_received(self, data: bytes) -> None:
        """Hands it on, and waits for no head that has come."""
        super().data_received(data)
        self._time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        self._forget()
        super().connection_lost(exc)

    def _time(self) -> None:
        """A timer runs while the head of a request is due; uvicorn's own ends one that is quiet after an answer."""
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._timer is None and self in self._open:
            self._timer = self.loop.call_later(HEAD_SECONDS, self.end)

    def end(self) -> None:
        """Ends it at once."""
        self._forget()
        self.transport.abort()

    def _forget(self) -> None:
        self._open.pop(self, None)
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
