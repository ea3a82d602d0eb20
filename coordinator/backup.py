"""A consistent copy of the SQLite database, also while a coordinator uses it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sql

from coordinator.sqlite_file import sqlite_file
from shared.errors import SettingsError


def back_up(database: str, copy: Path) -> int:
    """Copies a database to a new file that is for its owner only; returns how many analyses the copy holds.

    Args:
        database: its URL.
        copy: the new file.

    Raises:
        SettingsError: it is no SQLite file or is not there, the copy is there already or cannot be written, or what was copied
            is no coordinator's database. Then no copy is left.
    """
    url = sql.make_url(database)
    file = sqlite_file(url)
    if file is None:
        kind = url.get_backend_name()
        raise SettingsError(
            f"only SQLite files are backed up so, and this is {kind}.",
            where="database",
            remedy=f"Use {kind}'s own tool.",
        )
    if not file.is_file():
        raise SettingsError(
            f"there is no database: {file}.", where="database", remedy="`fedglmm-coordinator serve` makes it."
        )
    _make(copy)
    try:
        _fill(copy, file)
        return _analyses(copy)
    except sqlite3.Error as error:
        copy.unlink()
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise SettingsError(
            f"the database cannot be copied ({name}): {file}.",
            where=str(copy),
            remedy="Is it a coordinator's database, and is there room for the copy?",
        ) from None


def _make(copy: Path) -> None:
    """Makes the file, empty."""
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise SettingsError(
            "the file is there already.", where=str(copy), remedy="Give a new name: no backup is overwritten."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"the file cannot be written: {error.strerror}.", where=str(copy), remedy="Give another name."
        ) from None


def _fill(copy: Path, file: Path) -> None:
    with (
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def _analyses(copy: Path) -> int:
    # immutable: to read it must not make the files beside it that a write-ahead log needs
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?immutable=1", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM analyses").fetchone()[0])
