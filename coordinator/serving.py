"""The coordinator's server: it says where it listens once it does, and dismisses those who wait before it stops."""

import socket
from pathlib import Path

import typer
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from coordinator.settings import Settings
from shared.connections import ACCEPTED_AT_ONCE, Bounded
from shared.errors import SettingsError
from shared.listening import BACKLOG, announce, listen_on

GRACE_SECONDS = 3
"""How long answers that are under way may take when it stops."""


class Connection(Bounded, H11Protocol):
    """One of the coordinator's."""


class Server(uvicorn.Server):
    """A server of one coordinator.

    Args:
        app: the coordinator's app.
        address: where it listens.
        announced: a file to be told the address.
        certificate: with it and its `key` the server speaks https: PEM files that `check_certificate` let pass.
        key: the certificate's.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        address: str,
        announced: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                backlog=ACCEPTED_AT_ONCE,
                access_log=False,
                log_config=None,
                lifespan="on",
                timeout_graceful_shutdown=GRACE_SECONDS,
                ssl_certfile=certificate,
                ssl_keyfile=key,
            )
        )
        self._address = address
        self._announced = announced
        self._dismiss = app.state.service.watchers.close

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then tells."""
        await super().startup(sockets=sockets)
        if not self.started:
            return
        for listening in sockets or ():
            listening.listen(BACKLOG)  # so many may wait; the server accepts no more than its own backlog at once
        typer.echo(f"Listening on {self._address} (for a browser, too; for programs: {self._address}/docs)", err=True)
        if self._announced is not None:
            announce(self._announced, {"url": self._address})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops. Open streams of events would hold it up: a connection that is being answered is not closed."""
        self._dismiss()
        await super().shutdown(sockets=sockets)


def socket_of(settings: Settings) -> socket.socket:
    """The socket, taken before anything else is opened.

    Raises:
        SettingsError: another program has the port, or there is no such address.
    """
    try:
        return listen_on(settings.host, settings.port)
    except OSError as error:
        raise SettingsError(
            f"{settings.host}:{settings.port} cannot be listened on: {error.strerror or type(error).__name__}.",
            where="port",
            remedy="Stop what uses it, or set another port (0: any free one).",
        ) from None
