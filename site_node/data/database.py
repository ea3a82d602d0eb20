"""A query on a hospital's own database: one reading transaction, streamed in batches, and nothing is ever written."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from pydantic import SecretStr
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from site_node.data.database_faults import DatabaseError, connecting, told

BATCH = 10_000
"""Rows that are taken from the database at once."""
CONNECT_SECONDS = 10

_SNAPSHOT = {"postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}}
_NO_WORDS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
"""Quoted texts and names, and comments."""
_SELECTS = re.compile(r"[\s(]*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)

_SECRET = re.compile(r"passw|pwd", re.IGNORECASE)
"""In the name of a parameter: drivers call a password `password`, `passwd`, `PWD`, `sslpassword`."""

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Query:
    """What is read, and where."""

    url: sql.URL
    """Without a password."""
    text: str
    password: SecretStr | None = None

    @classmethod
    def of(cls, url: str, text: str, password: SecretStr | None = None) -> "Query":
        """A query, checked as far as it can be without the database.

        Raises:
            ValueError: the URL is none or has a password in it, or the text is not one SELECT.
        """
        return cls(checked_url(url), checked_select(text), password)

    @property
    def place(self) -> str:
        """The database, without a password and whatever else the URL says, for the site's own eyes."""
        return self.url.set(password=None, query={}).render_as_string()


def checked_url(text: str) -> sql.URL:
    """A database's URL.

    Raises:
        ValueError: it is none, or has a password in it.
    """
    try:
        url = sql.make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(
            "a database is a URL such as postgresql+psycopg://reader@127.0.0.1:5432/registry or sqlite:///rows.db"
        ) from None
    if url.password is not None or any(map(_SECRET.search, url.query)):
        raise ValueError(
            "a password stands in a file of its own, `password_file`, or in the environment, `password_env`"
        )
    return url


def checked_select(text: str) -> str:
    """A query that reads: one statement, without a semicolon at its end.

    Raises:
        ValueError: it is something else.
    """
    query = text.strip().removesuffix(";").rstrip()
    bare = _NO_WORDS.sub(" ", query)
    if not _SELECTS.match(bare):
        raise ValueError("the query has to be a SELECT")
    if ";" in bare:
        raise ValueError("the query has to be a single statement: there is a semicolon in it")
    return query


@contextmanager
def selected(query: Query) -> Iterator[tuple[tuple[str, ...], Iterator[Rows]]]:
    """The names of the query's columns and its rows in batches, all as they were at one moment.

    Raises:
        DatabaseError: the database cannot be reached or will not let in, or the query cannot be carried out. It quotes no
            cell, and what only the site's own people should see stands in `detail`.
    """
    with told(query.place), _engine(query) as engine, _connected(engine, query.place) as connection:
        options = {"stream_results": True, "no_parameters": True, "yield_per": BATCH}
        result = connection.exec_driver_sql(query.text, execution_options=options)
        try:
            yield tuple(result.keys()), (batch for batch in result.partitions(BATCH))
        finally:
            result.close()


@contextmanager
def _connected(engine: sql.Engine, place: str) -> Iterator[sql.Connection]:
    with connecting(place):
        connection = engine.connect()
    with connection:
        yield connection


@contextmanager
def _engine(query: Query) -> Iterator[sql.Engine]:
    """An engine that keeps no connection."""
    url, arguments = query.url, dict[str, Any]()
    kind = url.get_backend_name()
    if kind == "sqlite":
        file = Path(url.database or "")
        if not file.is_file():
            raise DatabaseError("there is no such database.", remedy="Set `url` in site.toml.", detail=str(file))
        url = sql.make_url("sqlite://")
        arguments["creator"] = lambda: sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    elif query.password is not None:
        url = url.set(password=query.password.get_secret_value())
    if kind == "postgresql" and url.get_driver_name() == "psycopg":
        arguments["connect_args"] = {"connect_timeout": CONNECT_SECONDS, "application_name": "fedglmm-site"}
    engine = sql.create_engine(url, poolclass=NullPool, hide_parameters=True, **arguments)
    try:
        yield engine.execution_options(**_SNAPSHOT.get(kind, {}))
    finally:
        engine.dispose()
