"""One coordinator a PostgreSQL database: an advisory lock, which the server keeps for a connection and frees when that ends."""

import time
from contextlib import suppress
from threading import Lock

import sqlalchemy as sql
import structlog
from sqlalchemy.exc import SQLAlchemyError

from coordinator.database_faults import BROKEN
from shared.errors import SettingsError, StoreError

LOG = structlog.get_logger(__name__)
KEY = int.from_bytes(b"fedglmm")
"""Of the lock; a lock is one of its database."""
PATIENCE = 5.0
"""Seconds for the connection of a coordinator that was killed a moment ago to end."""
_PAUSE = 0.1
_TAKE = sql.text("SELECT pg_try_advisory_lock(:key)")
_PROBED = """SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '10', false),
    set_config('tcp_keepalives_count', '3', false)"""
"""A coordinator whose machine is gone lets go within a minute; the system's own defaults would take hours."""


class SoleDatabase:
    """The sole use of a database, until it is closed.

    The lock goes with its connection, as when the server is restarted. Before every change it is made sure of, and taken again
    where it was lost. If somebody else has it by then, this coordinator changes nothing any more, also not later: what it holds
    in memory is no longer what is stored.

    Args:
        url: of the database.

    Raises:
        SettingsError: another coordinator has it.
        sqlalchemy.exc.SQLAlchemyError: it cannot be reached.
    """

    def __init__(self, url: sql.URL) -> None:
        self._engine = sql.create_engine(
            url, isolation_level="AUTOCOMMIT", poolclass=sql.NullPool, hide_parameters=True
        )
        self._mutex = Lock()
        self._is_lost = False
        self._connection = self._taken()
        if self._connection is None:
            raise SettingsError(
                f"another coordinator uses the database: {url.render_as_string(hide_password=True)}.",
                where="database",
                remedy="Stop it first, or give this one a database of its own.",
            )

    def confirm(self) -> None:
        """Lets a change pass as long as nobody else has the database.

        Raises:
            StoreError: another coordinator has taken it over; it does not pass.
            sqlalchemy.exc.SQLAlchemyError: the database cannot be reached.
        """
        with self._mutex:
            if not self._is_lost and not self._holds():
                self._take_again()
            if self._is_lost:
                raise StoreError(
                    "another coordinator has taken the database over while this one had lost its connection.",
                    where="database",
                    remedy="Stop one of the two; if it is the other one, restart this one afterwards.",
                    code=BROKEN,
                )

    def close(self) -> None:
        """Lets the next one have it."""
        with self._mutex:
            self._drop()

    def _holds(self) -> bool:
        """Whether the connection is still there, and the lock with it; else it is dropped, as it would come back without."""
        if self._connection is None:
            return False
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except SQLAlchemyError:
            self._drop()
            return False
        return True

    def _take_again(self) -> None:
        self._connection = self._taken()
        if self._connection is None:
            self._is_lost = True
            LOG.error("database_taken_over")
        else:
            LOG.warning("database_locked_again")

    def _taken(self) -> sql.Connection | None:
        """A new connection with the lock; none if somebody else keeps it."""
        connection = self._engine.connect()
        try:
            connection.exec_driver_sql(_PROBED)
            until = time.monotonic() + PATIENCE
            while not connection.scalar(_TAKE, {"key": KEY}):
                if time.monotonic() >= until:
                    connection.close()
                    return None
                time.sleep(_PAUSE)
        except SQLAlchemyError:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):  # it may have ended by itself
                connection.close()
