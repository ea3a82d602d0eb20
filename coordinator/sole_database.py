"""One coordinator a PostgreSQL database: an advisory lock, which the server keeps for a connection and frees when that ends.

A second lock is shared by all changes under way: whoever takes the database over waits for their end first, and then puts up a
fence of its own. So one that lost the lock and finds it free again knows by its fence whether somebody had it in between.
"""

import time
from contextlib import ExitStack, suppress
from threading import Lock

import sqlalchemy as sql
import structlog
from sqlalchemy.exc import SQLAlchemyError

from coordinator.database_faults import BROKEN
from coordinator.fence import Fence
from coordinator.probed import probed
from shared.errors import SettingsError, StoreError

LOG = structlog.get_logger(__name__)
KEY = int.from_bytes(b"fedglmm")
"""Of the lock; a lock is one of its database."""
CHANGES = KEY + 1
"""Of the lock that changes share."""
PATIENCE = 5.0
"""Seconds for the connection of a coordinator that was killed a moment ago to end."""
_PAUSE = 0.1
_TAKE = sql.text("SELECT pg_try_advisory_lock(:key)")
_LET_GO = sql.text("SELECT pg_advisory_unlock(:key)")
_SHARE = sql.text("SELECT pg_advisory_xact_lock_shared(:key)")


class SoleDatabase:
    """The sole use of a database, until it is closed.

    The lock goes with its connection, as when the server is restarted. Before every change it is made sure of, and taken again
    where it was lost. If somebody else has it by then, or had it meanwhile, this coordinator changes nothing any more, also not
    later: what it holds in memory is no longer what is stored. What passes is a lock that its own connection still keeps, as the
    server has not noticed yet that it ended.

    Args:
        url: of the database.

    Raises:
        SettingsError: another coordinator has it.
        sqlalchemy.exc.SQLAlchemyError: it cannot be reached.
    """

    def __init__(self, url: sql.URL) -> None:
        self._engine = probed(url, isolation_level="AUTOCOMMIT", poolclass=sql.NullPool)
        self._mutex = Lock()
        self._is_lost = False
        self._fence = Fence()
        self._connection = self._begun()
        if self._connection is None:
            raise SettingsError(
                f"another coordinator uses the database: {url.render_as_string(hide_password=True)}.",
                where="database",
                remedy="Stop it first, or give this one a database of its own.",
            )

    def confirm(self, change: sql.Connection) -> None:
        """Lets a change pass as long as nobody else has the database; nobody else gets it before the change has ended.

        Args:
            change: whose transaction has just begun.

        Raises:
            StoreError: another coordinator has taken it over; it does not pass. Or the lock is not free yet; that may pass.
            sqlalchemy.exc.SQLAlchemyError: the database cannot be reached.
        """
        change.execute(_SHARE, {"key": CHANGES})  # first: whoever takes over after the look at the lock waits for this
        with self._mutex:
            if not self._is_lost and not self._holds():
                self._take_again()
            if self._is_lost:
                raise StoreError(
                    "another coordinator has taken the database over while this one had lost its connection.",
                    where="database",
                    remedy="Restart this one once the other one has ended, or leave the database to the other one.",
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

    def _begun(self) -> sql.Connection | None:
        """A connection with the lock and a fence; none if somebody else keeps the lock, or if changes under way do not end."""
        with ExitStack() as closing:
            connection = closing.enter_context(self._engine.connect())
            # for changes longer: one may itself wait for the lock before it is refused
            if not _gets(connection, KEY, PATIENCE) or not _gets(connection, CHANGES, 2 * PATIENCE):
                return None
            self._fence.put_up(connection)
            connection.execute(_LET_GO, {"key": CHANGES})
            closing.pop_all()
            return connection

    def _take_again(self) -> None:
        """Unless somebody else has put a fence up since. Changes under way are not waited for: else they are its own."""
        with ExitStack() as closing:
            connection = closing.enter_context(self._engine.connect())
            has_it = _gets(connection, KEY, PATIENCE)
            if not self._fence.stands(connection):
                self._is_lost = True
                LOG.error("database_taken_over")
            elif has_it:
                self._connection = connection
                closing.pop_all()
                LOG.warning("database_locked_again")
            else:
                raise StoreError(
                    "the database is still locked for a connection that has ended, or for another coordinator that starts.",
                    where="database",
                    remedy="It is tried again: within a minute one of the two is over.",
                )

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):  # it may have ended by itself
                connection.close()


def _gets(connection: sql.Connection, key: int, patience: float) -> bool:
    """Whether a connection gets a lock within so many seconds."""
    until = time.monotonic() + patience
    while not connection.scalar(_TAKE, {"key": key}):
        if time.monotonic() >= until:
            return False
        time.sleep(_PAUSE)
    return True
