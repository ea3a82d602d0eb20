"""The command of a coordinator's operator: fedglmm-coordinator init, found, check, serve, backup, keys."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from coordinator.access.keys import keys_in, today
from coordinator.access.keys_file import add_key, revoke_keys
from coordinator.access.roles import Role
from coordinator.backup import back_up
from coordinator.folder import ADMINISTRATOR, DATABASE, IDENTITY, KEYS_FILE, key_name, site_of, write_coordinator
from coordinator.founding import found as found_consortium
from coordinator.keys import read_key
from coordinator.membership import member_of
from coordinator.settings import FILE_NAME, load_settings, text_of
from shared import logged
from shared.consortium import FILE_NAME as CONSORTIUM
from shared.consortium import in_short
from shared.dictionary import read_dictionary
from shared.errors import FedglmmError, SettingsError
from shared.listening import listen_on, url_of
from shared.signing import read_identity
from shared.tls import check_certificate, trusting

app = typer.Typer(
    help="The coordinator of a federation.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


keys_app = typer.Typer(help="Who may use the coordinator.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

Config = Annotated[Path, typer.Argument(help="the settings, or the folder with coordinator.toml")]
At = Annotated[Path, typer.Option("--config", help="the settings, or the folder with coordinator.toml")]


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
    """Write a commented coordinator.toml, a signing key, a key for each site, and the first administrator's, printed once."""
    with _told():
        sites = [site_of(written) for written in site]
        key = write_coordinator(folder, sites, host=host, port=port, database=database, keys=keys)
        public_key = read_identity(folder / IDENTITY).public_hex
    _say(f"Wrote {folder / FILE_NAME}. Next:")
    _say(f"- {folder / 'dictionary.json'} must be the same file as at every site: copy it there;")
    for one in sites:
        _say(f"- give {folder / keys / key_name(one.name)} to {one.name}, for its key_file, and to nobody else;")
    _say(f"- fedglmm-coordinator keys add NAME --role run --config {folder}, for each analyst;")
    _say(
        f"- fedglmm-coordinator found {folder} --name NAME --site NAME=PUBLICKEY ..., once each site has told its public key;"
    )
    _say(f"- fedglmm-coordinator serve {folder / FILE_NAME}")
    _say(f"It signs with the public key {public_key}")
    if key is None:
        _say(f"{folder / keys / KEYS_FILE} was there already, and is kept.")
    else:
        _hand_over(key, ADMINISTRATOR)


@app.command()
def found(
    folder: Annotated[Path, typer.Argument(help="the coordinator's folder, with the agreed dictionary.json")],
    *,
    name: Annotated[str, typer.Option(help="of the consortium")],
    site: Annotated[
        list[str], typer.Option(help="NAME=PUBLICKEY, as `fedglmm-site init` prints it; once for each site")
    ],
    minimum_sites: Annotated[int, typer.Option(min=2, help="that a roster must have")] = 2,
    two_sites_consent: Annotated[
        bool, typer.Option("--two-sites-consent", help="a roster of two will do, where each learns the other's sums")
    ] = False,
) -> None:
    """Put a consortium file together from public keys, and print its hash to be read aloud."""
    with _told():
        consortium = found_consortium(
            folder, name, site, minimum_sites=minimum_sites, two_sites_consent=two_sites_consent
        )
    typer.echo(in_short(consortium))
    _say(f"Wrote {folder / CONSORTIUM}. Next:")
    _say("- give it to every site; each compares the hash that `fedglmm-site check` prints, by telephone;")
    _say(f"- set consortium and identity_file in {folder / FILE_NAME}, and in each site.toml: the lines are there;")
    _say(f"- fedglmm-coordinator check {folder}")


@app.command()
def check(config: Config = Path(FILE_NAME)) -> None:
    """Say what would keep the coordinator from starting, and print the hash of the consortium file to be read aloud."""
    with _told():
        settings = load_settings(config)
        read_dictionary(settings.dictionary)
        for site in settings.sites:
            if site.key_file is not None:
                read_key(site.key_file, exposed=not site.is_local)
        check_certificate(settings.tls_certificate, settings.tls_key)
        if settings.ca_file is not None:
            trusting(settings.ca_file)
        member = member_of(settings)
    if member is None:
        typer.echo("No consortium file is set: sites answer openly, and messages are not signed.")
    else:
        typer.echo(in_short(member.consortium))
        typer.echo(f"The coordinator signs with the public key {member.identity.public_hex}")


@app.command()
def serve(
    config: Config = Path(FILE_NAME),
    announce: Annotated[Path | None, typer.Option(help="write the address there once it is listening")] = None,
) -> None:
    """Serves until it is interrupted; unfinished analyses go on at the next start."""
    from coordinator.app import create_app  # noqa: PLC0415 -- the web server: the other commands start sooner
    from coordinator.serving import Server  # noqa: PLC0415 -- as above

    with _told():
        settings = load_settings(config)
        certificate, key = settings.tls_certificate, settings.tls_key
        check_certificate(certificate, key)
        file = config / FILE_NAME if config.is_dir() else config
        remedy = f"Stop what uses it, or set another `port` in {file} (0: any free one)."
        with listen_on(settings.host, settings.port, where=f"host {settings.host}", remedy=remedy) as listening:
            os.umask(0o077)  # the database is for nobody else
            logged.configure()
            application = create_app(settings)
            address = url_of(listening, tls=certificate is not None)
            server = Server(application, address=address, announced=announce, certificate=certificate, key=key)
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


@keys_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="whose key it is; analyses are owned under it")],
    *,
    role: Annotated[
        Role, typer.Option(help="read: look; run: submit as well; administer: end others' analyses as well")
    ],
    expires: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="the first day (UTC) on which it is not valid any more"),
    ] = None,
    config: At = Path(FILE_NAME),
) -> None:
    """Make a key and print it, once. A running coordinator knows it at once."""
    with _told():
        day = None if expires is None else expires.date()
        key = add_key(_keys_file(config), name, role, today=today(), expires=day)
    _hand_over(key, name)


@keys_app.command("list")
def list_keys(config: At = Path(FILE_NAME)) -> None:
    """List whose keys there are, never a key."""
    with _told():
        path = _keys_file(config)
        keys = keys_in(text_of(path), path)
    table = Table(*("name", "role", "state", "created", "expires", "revoked"))
    for key in keys:
        days = (str(day or "") for day in (key.created, key.expires, key.revoked))
        table.add_row(key.name, key.role, key.state(today()), *days)
    Console(emoji=False).print(table)


@keys_app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="whose keys")],
    *,
    keep_newest: Annotated[
        bool, typer.Option("--keep-newest", help="all but the last one made: after a rotation")
    ] = False,
    config: At = Path(FILE_NAME),
) -> None:
    """Revoke somebody's keys. A running coordinator refuses them at once."""
    with _told():
        count = revoke_keys(_keys_file(config), name, today=today(), keep_newest=keep_newest)
    _say(f"Revoked: {count} {'key' if count == 1 else 'keys'} of {name}.")


def _keys_file(config: Path) -> Path:
    path = load_settings(config).keys_file
    if path is None:
        remedy = 'Write `keys_file = "keys.toml"` there first, and restart the coordinator.'
        raise SettingsError("the settings name no keys file.", where=f"{config}: keys_file", remedy=remedy)
    return path


def _hand_over(key: str, name: str) -> None:
    """The key alone is on standard output, so that it can be sent to a file."""
    _say(f"The key of {name}, which is kept nowhere and not shown again:")
    typer.echo(key)


def _say(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def _told() -> Iterator[None]:
    """A known fault is told in words, and ends the command."""
    try:
        yield
    except FedglmmError as error:
        typer.echo(f"fedglmm-coordinator: {error}", err=True)
        raise typer.Exit(2) from None
