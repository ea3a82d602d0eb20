"""The coordinator's server: it says where it listens once it does, and dismisses those who wait before it stops."""

import socket
from pathlib import Path

import typer
from fastapi import FastAPI

from shared import serving
from shared.listening import announce

GRACE_SECONDS = 3
"""How long answers that are under way may take when it stops."""


class Server(serving.Server):
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
            app, lifespan="on", timeout_graceful_shutdown=GRACE_SECONDS, ssl_certfile=certificate, ssl_keyfile=key
        )
        self._address = address
        self._announced = announced
        self._dismiss = app.state.service.watchers.close

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then tells."""
        await super().startup(sockets)
        if not self.started:
            return
        typer.echo(f"Listening on {self._address} (for a browser, too; for programs: {self._address}/docs)", err=True)
        if self._announced is not None:
            announce(self._announced, {"url": self._address})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops. Open streams of events would hold it up: a connection that is being answered is not closed."""
        self._dismiss()
        await super().shutdown(sockets=sockets)
