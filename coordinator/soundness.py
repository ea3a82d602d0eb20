"""Whether a SQLite file can be the coordinator's database: found out before a byte of it is changed."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import sqlalchemy as sql

from coordinator.sqlite_file import sqlite_file
from shared.errors import SettingsError

HEADER = b"SQLite format 3\0"
_COLUMNS = """SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"""
_ANOTHER = "Name another file as `database`, or move this one away."
_RESTORE = "Restore it from a backup; or move it away, with the files of its name in -wal and -shm, to begin anew."


def check_sound(url: sql.URL, tables: Mapping[str, sql.Table]) -> None:
    """Lets a database pass that is new, or is whole and has these tables; another kind than SQLite always.

    Raises:
        SettingsError: its file cannot be read and written, is damaged, or is somebody else's. It was left as it is.
    """
    file = sqlite_file(url)
    if file is None:
        return
    _check_place(file)
    if file.exists() and file.stat().st_size > 0:
        try:
            _check_content(file, tables)
        except sqlite3.Error as error:
            raise _fault(file, f"the database is damaged ({_name(error)})", _RESTORE) from None


def _check_place(file: Path) -> None:
    if not file.parent.is_dir():
        raise _fault(file, "the database's folder does not exist", "Make the folder, or correct `database`.")
    if file.exists() and not file.is_file():
        raise _fault(file, "the database is no file", "Correct `database`.")
    needed = (file, file.parent) if file.exists() else (file.parent,)
    for place in needed:
        if not os.access(place, os.R_OK | os.W_OK):
            remedy = f"Let the coordinator's user read and write {place}, or name another file as `database`."
            raise _fault(file, "the database cannot be written", remedy)


def _check_content(file: Path, tables: Mapping[str, sql.Table]) -> None:
    with file.open("rb") as opened:
        if opened.read(len(HEADER)) != HEADER:
            raise _fault(file, "the file is no SQLite database", f"{_ANOTHER} If it was one: {_RESTORE}")
    # without a log, reading need not make the files beside the database
    how = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True)) as connection:
        told = connection.execute("PRAGMA quick_check(1)").fetchone()
        if told != ("ok",):
            raise _fault(file, "the database is damaged (a check of its pages failed)", _RESTORE)
        columns: dict[str, set[str]] = {}
        for table, column in connection.execute(_COLUMNS):
            columns.setdefault(table, set()).add(column)
    present = columns.keys() & tables.keys()
    if columns and not present:
        raise _fault(file, "the database belongs to another program", _ANOTHER)
    for name in sorted(present):
        lacking = sorted({column.name for column in tables[name].columns} - columns[name])
        if lacking:
            message = f"the database was made by another version: table {name} lacks {', '.join(lacking)}"
            raise _fault(file, message, f"Use it with the version that made it. {_ANOTHER}")


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", type(error).__name__)


def _fault(file: Path, message: str, remedy: str) -> SettingsError:
    return SettingsError(f"{message}: {file}.", where="database", remedy=remedy)
