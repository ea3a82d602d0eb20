"""What a new site is asked: eight questions at most, and none whose answer was given already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from shared.errors import SettingsError
from shared.listening import is_loopback

Prompt: TypeAlias = Callable[[str, str], str]
"""Asks a question, given what is meant when nothing is answered; the answer."""


@dataclass(frozen=True)
class Answers:
    """What is known of a new site: each an option of the command. None: not asked, or the default."""

    name: Annotated[str | None, typer.Option(help="what others call the site")] = None
    data: Annotated[Path | None, typer.Option(help="a CSV or Parquet file")] = None
    database: Annotated[str | None, typer.Option(help="or the URL of a database, without a password")] = None
    query: Annotated[str | None, typer.Option(help="the SELECT that gives the rows, with --database")] = None
    password_file: Annotated[
        str | None, typer.Option(help="a file with the database's password; relative to the folder")
    ] = None
    password_env: Annotated[str | None, typer.Option(help="or the environment variable that holds it")] = None
    privacy_unit: Annotated[
        str | None, typer.Option(help="the column that says whose row it is, if somebody has several")
    ] = None
    host: Annotated[
        str | None, typer.Option(help="where the site listens, 127.0.0.1 unless given; beyond it needs a key")
    ] = None
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="where the site listens; any that is free unless given")
    ] = None
    key_file: Annotated[
        str | None, typer.Option(help="a file with the key that the coordinator must show; relative to the folder")
    ] = None

    @property
    def suffice(self) -> bool:
        """Whether a site can be made of them: it has a name and rows."""
        rows = self.data is not None or (self.database is not None and self.query is not None)
        return bool(self.name) and rows


def ask_of_rows(known: Answers, prompt: Prompt) -> Answers:
    """Asks what the site is called, and where its rows are: four questions at most."""
    known = replace(known, name=known.name or prompt("What do the others call this site?", ""))
    if known.data is None and known.database is None:
        place = prompt("Where are its rows? A CSV or Parquet file, or the URL of a database", "")
        known = replace(known, database=place) if "://" in place else replace(known, data=Path(place))
    if known.database is None:
        return known
    known = replace(known, query=known.query or prompt("Which rows? One SELECT", ""))
    if known.password_file is None and known.password_env is None:
        known = replace(
            known, password_file=prompt("Which file holds the database's password? Nothing: none", "") or None
        )
    return known


def ask_of_site(known: Answers, columns: Sequence[str], prompt: Prompt) -> Answers:
    """Asks whose the rows are, and who may ask the site: four questions at most.

    Args:
        known: what was answered.
        columns: those that the rows have; none where the dictionary is there already.
        prompt: asks.

    Raises:
        SettingsError: the port is no number.
    """
    if known.privacy_unit is None and columns:
        question = (
            f"Which column says whose row it is, if somebody has several? Of: {', '.join(columns)}. Nothing: none has"
        )
        known = replace(known, privacy_unit=prompt(question, "") or None)
    if known.host is None:
        known = replace(
            known, host=prompt("On which address does it listen? 127.0.0.1: for this machine only", "127.0.0.1")
        )
    if known.port is None:
        known = replace(known, port=_port(prompt("On which port? 0: any that is free", "0")))
    if known.key_file is None and not is_loopback(known.host or ""):
        known = replace(known, key_file=prompt("Which file holds the key that the coordinator shows?", "key") or None)
    return known


def _port(answer: str) -> int:
    if not (answer.isascii() and answer.isdigit() and int(answer) < 1 << 16):
        raise SettingsError(
            "a port is a number from 0 to 65535.", where="--port", remedy="Ask whoever runs the network."
        )
    return int(answer)
