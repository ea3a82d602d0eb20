"""What a site keeps of masked analyses, durably: its key, what all sites signed, its answers, the proved sums, the end.

A masked answer may leave once only, for one plaintext: so it is here before it leaves, and a site that restarts repeats it.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from shared.errors import StoreError
from site_node.release.database import opened

_TABLE = """
CREATE TABLE IF NOT EXISTS kept (
    analysis TEXT NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (analysis, kind, number)
)
"""


class Kind(StrEnum):
    """What an entry is."""

    KEY = "key"  # the site's private key of the analysis: erased at its end
    JOIN = "join"  # what the site signed
    JOINS = "joins"  # what all sites signed
    ANSWER = "answer"  # what left in a round
    ROOT = "root"  # hash and sum of a round, proved to be that of all answers
    END = "end"  # what left at the close; nothing leaves after it


class Kept:
    """A SQLite file in the site's folder. What was erased is overwritten."""

    def __init__(self, path: Path) -> None:
        """Opens it, and makes it unless it is there.

        Raises:
            StoreError: it cannot be opened, or is no such file.
        """
        self._path = path
        self._lock = threading.Lock()
        with self._told("opened"):
            self._connection = opened(path)
            # of a write-ahead log a commit is on the disk by one fsync; a rollback journal takes five
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.execute(_TABLE)

    def get(self, analysis: str, kind: Kind, number: int = 0) -> bytes | None:
        """An entry's content; None if there is none."""
        with self._lock, self._told("read"):
            query = "SELECT content FROM kept WHERE analysis = ? AND kind = ? AND number = ?"
            row = self._connection.execute(query, (analysis, kind.value, number)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, analysis: str, kind: Kind, content: bytes, number: int = 0) -> bytes:
        """Keeps an entry, unless there is one; returns what is kept, which is on the disk.

        Raises:
            StoreError: it cannot be written. Then nothing may leave.
        """
        with self._lock, self._told("written"):
            entry = (analysis, kind.value, number, content)
            self._connection.execute("INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?)", entry)
        kept = self.get(analysis, kind, number)
        return content if kept is None else kept

    def end(self, analysis: str, content: bytes, last: int) -> None:
        """Keeps how the analysis ended and what may be asked for again, the join and the last answer; erases all else."""
        with self._lock, self._told("written"):
            self._connection.execute("BEGIN IMMEDIATE")
            erased = "DELETE FROM kept WHERE analysis = ? AND kind != ? AND NOT (kind = ? AND number = ?)"
            self._connection.execute(erased, (analysis, Kind.JOIN.value, Kind.ANSWER.value, last))
            self._connection.execute("INSERT INTO kept VALUES (?, ?, 0, ?)", (analysis, Kind.END.value, content))
            self._connection.execute("COMMIT")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was erased stands in the log too

    @contextmanager
    def _told(self, done: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if getattr(self, "_connection", None) is not None and self._connection.in_transaction:
                self._connection.rollback()
            raise StoreError(
                f"what the site keeps of masked analyses cannot be {done} ({error}).",
                where=str(self._path),
                remedy="Is its disk full, or its folder read-only? Nothing has left; ask again once it is mended.",
            ) from None
