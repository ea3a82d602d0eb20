"""The server of HTTP/1.1 that every program here runs: one room of the contract knows uvicorn, so that both sides serve alike."""

import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.connections import ACCEPTED_AT_ONCE, Bounded
from shared.listening import BACKLOG


class Connection(Bounded, H11Protocol):
    """One of a server's."""


class Server(uvicorn.Server):
    """A server of one app: its connections are bounded, and what it has to say goes to the program's log.

    Args:
        app: the app.
        settings: what else uvicorn.Config takes.
    """

    def __init__(self, app: Any, **settings: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app, http=Connection, backlog=ACCEPTED_AT_ONCE, log_config=None, access_log=False, **settings
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, if the app does."""
        await super().startup(sockets=sockets)
        if self.started:
            for listening in sockets or ():
                listening.listen(BACKLOG)  # so many may wait; it accepts no more than its own backlog at once
