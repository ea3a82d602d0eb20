"""The file of a SQLite database."""

from pathlib import Path

import sqlalchemy as sql


def sqlite_file(url: sql.URL) -> Path | None:
    """The database's file; none where it is of another kind or in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
        return None
    return Path(url.database)
