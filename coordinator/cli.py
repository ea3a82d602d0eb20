"""The command of a coordinator's operator: fedglmm-coordinator init, serve, backup."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from coordinator import log
from coordinator.backup import back_up
from coordinator.folder import ANALYST, DATABASE, key_name, site_of, write_coordinator
from coordinator.settings import FILE_NAME, load_settings
from shared.errors import FedglmmError
from shared.listening import url_of

app = typer.Typer(
    help="The coordinator of a federation.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


Config = Annotated[Path, typer.Argument(help="the settings, or the folder with coordinator.toml")]


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
    typer.echo(f"Wrote {folder / FILE_NAME}. Next:")
    typer.echo(f"- {folder / 'dictionary.json'} must be the same file as at every site: copy it there;")
    for one in sites:
        typer.echo(f"- give {folder / keys / key_name(one.name)} to {one.name}, for its key_file, and to nobody else;")
    typer.echo(f"- {folder / keys / ANALYST} is the analyst's;")
    typer.echo(f"- fedglmm-coordinator serve {folder / FILE_NAME}")


@app.command()
def serve(
    config: Config = Path(FILE_NAME),
    announce: Annotated[Path | None, typer.Option(help="write the address there once it is listening")] = None,
) -> None:
    """Serves until it is interrupted; unfinished analyses go on at the next start."""
    from coordinator.app import create_app  # noqa: PLC0415 -- the web server: the other commands start sooner
    from coordinator.serving import Server, socket_of  # noqa: PLC0415 -- as above

    with _told():
        settings = load_settings(config)
        with socket_of(settings) as listening:
            os.umask(0o077)  # the database is for nobody else
            log.configure()
            application = create_app(settings)
            server = Server(application, address=url_of(listening), announced=announce)
            server.run(sockets=[listening])
    if not server.started:
        raise typer.Exit(2)


@app.command()
def backup(
    config: Config,
    file: Annotated[Path, typer.Argument(help="a new file for the copy")],
) -> None:
    """Copy the SQLite database to a new file, also while the coordinator runs."""
    with _told():
        count = back_up(load_settings(config).database, file)
    typer.echo(f"Wrote {file}: {count} {'analysis' if count == 1 else 'analyses'}.")


@contextmanager
def _told() -> Iterator[None]:
    """A known fault is told in words, and ends the command."""
    try:
        yield
    except FedglmmError as error:
        typer.echo(f"fedglmm-coordinator: {error}", err=True)
        raise typer.Exit(2) from None
