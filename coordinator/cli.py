"""The command of a coordinator's operator: fedglmm-coordinator init, serve."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from coordinator import log
from coordinator.app import create_app
from coordinator.folder import ANALYST, DATABASE, FILE_NAME, key_name, site_of, write_coordinator
from coordinator.settings import Settings, load_settings
from shared.errors import FedglmmError, SettingsError

app = typer.Typer(
    help="The coordinator of a federation.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

GRACE_SECONDS = 3
"""How long answers that are under way may take when it stops."""


@app.callback()
def coordinator() -> None:
    """The coordinator of a federation."""


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="the coordinator's folder")],
    *,
    site: Annotated[list[str], typer.Option(help="NAME=URL; once for each site")],
    host: Annotated[str, typer.Option(help="where the coordinator listens")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free, a new one at every start")] = 8000,
    database: Annotated[str, typer.Option(help="its URL")] = DATABASE,
    keys: Annotated[Path, typer.Option(help="the folder of the keys; relative to the coordinator's")] = Path("keys"),
) -> None:
    """Write a commented coordinator.toml, and a random key for the analyst and for each site."""
    with _told():
        sites = [site_of(written) for written in site]
        write_coordinator(folder, sites, host=host, port=port, database=database, keys=keys)
        load_settings(folder / FILE_NAME)
    typer.echo(f"Wrote {folder / FILE_NAME}. Next:")
    typer.echo(f"- {folder / 'dictionary.json'} must be the same file as at every site: copy it there;")
    for one in sites:
        typer.echo(f"- give {folder / keys / key_name(one.name)} to {one.name}, for its key_file, and to nobody else;")
    typer.echo(f"- {folder / keys / ANALYST} is the analyst's;")
    typer.echo(f"- fedglmm-coordinator serve {folder / FILE_NAME}")


@app.command()
def serve(
    config: Annotated[Path, typer.Argument(help="the settings")] = Path("coordinator.toml"),
    announce: Annotated[Path | None, typer.Option(help="write the address there once it is listening")] = None,
) -> None:
    """Serves until it is interrupted; unfinished analyses go on at the next start."""
    with _told():
        settings = load_settings(config)
        with _bound(settings) as listening:
            os.umask(0o077)  # the database is for nobody else
            log.configure()
            application = create_app(settings)
            server = _Server(
                uvicorn.Config(
                    application,
                    access_log=False,
                    log_config=None,
                    lifespan="on",
                    timeout_graceful_shutdown=GRACE_SECONDS,
                ),
                address=_url(settings.host, listening),
                announce=announce,
                dismiss=application.state.service.watchers.close,
            )
            server.run(sockets=[listening])
    if not server.started:
        raise typer.Exit(2)


@contextmanager
def _told() -> Iterator[None]:
    """A known fault is told in words, and ends the command."""
    try:
        yield
    except FedglmmError as error:
        typer.echo(f"fedglmm-coordinator: {error}", err=True)
        raise typer.Exit(2) from None


class _Server(uvicorn.Server):
    """A server that says where it listens, once it does, and dismisses those who wait before it stops."""

    def __init__(
        self, config: uvicorn.Config, *, address: str, announce: Path | None, dismiss: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._address = address
        self._announce = announce
        self._dismiss = dismiss

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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops. Open streams of events would hold it up: a connection that is being answered is not closed."""
        self._dismiss()
        await super().shutdown(sockets=sockets)


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
