"""`fedglmm-coordinator serve`."""

import json
import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from coordinator import log
from coordinator.app import create_app
from coordinator.settings import Settings, load_settings
from shared.errors import FedglmmError, SettingsError

app = typer.Typer(
    help="The coordinator of a federation.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def coordinator() -> None:
    """The coordinator of a federation."""


@app.command()
def serve(
    config: Annotated[Path, typer.Argument(help="the settings")] = Path("coordinator.toml"),
    announce: Annotated[Path | None, typer.Option(help="write the address there once it is listening")] = None,
) -> None:
    """Serves until it is interrupted; unfinished analyses go on at the next start."""
    try:
        settings = load_settings(config)
        with _bound(settings) as listening:
            os.umask(0o077)  # the database is for nobody else
            log.configure()
            server = _Server(
                uvicorn.Config(create_app(settings), access_log=False, log_config=None, lifespan="on"),
                address=_url(settings.host, listening),
                announce=announce,
            )
            server.run(sockets=[listening])
    except FedglmmError as error:
        typer.echo(f"fedglmm-coordinator: {error}", err=True)
        raise typer.Exit(2) from None
    if not server.started:
        raise typer.Exit(2)


class _Server(uvicorn.Server):
    """A server that says where it listens, once it does."""

    def __init__(self, config: uvicorn.Config, *, address: str, announce: Path | None) -> None:
        super().__init__(config)
        self._address = address
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then tells."""
        await super().startup(sockets=sockets)
        if not self.started:
            return
        typer.echo(f"Listening on {self._address} (interface: {self._address}/docs)", err=True)
        if self._announce is not None:
            part = self._announce.with_name(f"{self._announce.name}.part")
            part.write_text(json.dumps({"url": self._address}), encoding="utf-8")
            part.replace(self._announce)


def _bound(settings: Settings) -> socket.socket:
    """The socket, taken before anything else is opened.

    Raises:
        SettingsError: another program has the port, or there is no such address.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as undo:
            listening = undo.enter_context(socket.socket(family, kind, protocol))
            if os.name == "posix":  # elsewhere the option lets two servers share a port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            undo.pop_all()
        return listening  # noqa: TRY300 -- an `else` would hide what is tried
    except OSError as error:
        raise SettingsError(
            f"{settings.host}:{settings.port} cannot be listened on: {error.strerror or type(error).__name__}.",
            where="port",
            remedy="Stop what uses it, or set another port (0: any free one).",
        ) from None


def _url(host: str, listening: socket.socket) -> str:
    """The address in a browser's form."""
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
