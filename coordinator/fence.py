"""Who had a PostgreSQL database last: a word that each coordinator that takes it over leaves there, a fencing token.

A lock does not tell its owner, who lost it and takes it again, that somebody else had it in between. The word does: it is
another one then. It is drawn and not counted: a number would come again where an older backup is put back, and that of a
sequence jumps when the server crashes. A backup that was made while a coordinator ran holds that one's word, though: it has to
be stopped before its own backup is put back.
"""

from secrets import token_hex

import sqlalchemy as sql
from sqlalchemy.dialects.postgresql import insert

FENCE = sql.Table(
    "fence",
    sql.MetaData(),
    sql.Column("one", sql.Boolean, sql.CheckConstraint("one"), primary_key=True),
    sql.Column("token", sql.String(32), nullable=False),
)
"""One row: its key can only be true. Not of the store's tables: in SQLite, whose lock ends with its process, nobody needs it."""


class Fence:
    """One coordinator's own. Whoever uses it holds the lock by the same connection, so that nobody puts up another meanwhile."""

    def __init__(self) -> None:
        self._token = token_hex(16)

    def put_up(self, connection: sql.Connection) -> None:
        """In the place of the one before, also in a database that has had none.

        Args:
            connection: that commits every statement.
        """
        FENCE.create(connection, checkfirst=True)
        added = insert(FENCE).values(one=True, token=self._token)
        connection.execute(added.on_conflict_do_update(index_elements=[FENCE.c.one], set_={"token": self._token}))

    def stands(self, connection: sql.Connection) -> bool:
        """Whether nobody else has put one up since."""
        return connection.scalar(sql.select(FENCE.c.token)) == self._token
