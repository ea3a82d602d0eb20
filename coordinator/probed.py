"""Connections to PostgreSQL of which both ends soon find out that the other is gone: by the system's defaults it takes hours."""

from typing import Any

import sqlalchemy as sql

_OURS = {
    "connect_timeout": "30",
    "keepalives_idle": "10",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""As libpq reads them: seconds, but for the last, milliseconds in which what was sent has to be acknowledged."""
_OF_THE_SERVER = """SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '10', false),
    set_config('tcp_keepalives_count', '3', false)"""
"""A coordinator whose machine is gone lets go within a minute of its locks."""


def probed(url: sql.URL, **settings: Any) -> sql.Engine:
    """The engine of a database, of whatever kind. What its URL says itself of the connections holds.

    Args:
        url: of the database.
        settings: what else sqlalchemy.create_engine takes.
    """
    by_libpq = url.get_driver_name().startswith("psycopg")
    ours = {name: value for name, value in _OURS.items() if by_libpq and name not in url.query}
    engine = sql.create_engine(url, connect_args=ours, hide_parameters=True, **settings)
    if engine.dialect.name == "postgresql":
        sql.event.listen(engine, "connect", _have_it_probed)
    return engine


def _have_it_probed(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(_OF_THE_SERVER)
    cursor.close()
    connection.commit()
