"""What a site keeps of masked analyses, durably: its key, what all sites signed, its answers, the proved sums, the end.

A masked answer may leave once only, for one plaintext: so it is here before it leaves, and a site that restarts repeats it.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from shared.errors import StoreError
from shared.masking.session import SKEW, Join
from site_node.release.database import opened

_TABLE = """
CREATE TABLE IF NOT EXISTS kept (
    analysis TEXT NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (analysis, kind, number)
)
"""
_UNCLOSED = """
SELECT analysis, content FROM kept WHERE kind = 'join' AND analysis IN (SELECT analysis FROM kept WHERE kind = 'key')
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

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Opens it, and makes it unless it is there. Of analyses that nobody closed, all but the join goes once it expired.

        Raises:
            StoreError: it cannot be opened, or is no such file.
        """
        self._path = path
        self._lock = threading.Lock()
        with self._told("opened"):
            self._connection = opened(path)
            # of a write-ahead log a commit is on the disk by one fsync; a rollback journal takes five
            for pragma in ("journal_mode=WAL", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.execute(_TABLE)
        self._erase_expired(clock() - SKEW)

    def get(self, analysis: str, kind: Kind, number: int = 0) -> bytes | None:
        """An entry's content; None if there is none."""
        with self._lock, self._told("read"):
            query = "SELECT content FROM kept WHERE analysis = ? AND kind = ? AND number = ?"
            row = self._connection.execute(query, (analysis, kind.value, number)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, analysis: str, kind: Kind, content: bytes, number: int = 0) -> bytes:
        """Keeps an entry, unless there is one; returns what is kept.

        It is on the disk, but for a sum. That gets there with the next entry of another kind, and never after it: the log is
        read up to the first byte that is missing. So an answer, and the sum that it was given after, take one fsync.

        Raises:
            StoreError: it cannot be written. Then nothing may leave.
        """
        with self._writing(at_once=kind is not Kind.ROOT):
            entry = (analysis, kind.value, number, content)
            is_new = self._connection.execute("INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?)", entry).rowcount
        kept = None if is_new else self.get(analysis, kind, number)
        return content if kept is None else kept

    def end(self, analysis: str, content: bytes, last: int) -> None:
        """Keeps how the analysis ended and what may be asked for again, the join and the last answer; erases all else."""
        with self._writing():
            self._connection.execute("BEGIN IMMEDIATE")
            erased = "DELETE FROM kept WHERE analysis = ? AND kind != ? AND NOT (kind = ? AND number = ?)"
            self._connection.execute(erased, (analysis, Kind.JOIN.value, Kind.ANSWER.value, last))
            self._connection.execute("INSERT INTO kept VALUES (?, ?, 0, ?)", (analysis, Kind.END.value, content))
            self._connection.execute("COMMIT")
            self._empty_log()

    def _erase_expired(self, moment: datetime) -> None:
        """Erases all but the join of analyses that still have a key, though the join expired before this moment."""
        with self._writing():
            signed = self._connection.execute(_UNCLOSED).fetchall()
            expired = [name for name, join in signed if Join.model_validate_json(join).expires_at < moment]
            for name in expired:
                self._connection.execute("DELETE FROM kept WHERE analysis = ? AND kind != 'join'", (name,))
            self._empty_log()  # also of what a process that was killed may have left there, not on the disk yet

    def _empty_log(self) -> None:
        """What was erased stands in the log too."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _writing(self, *, at_once: bool = True) -> Iterator[None]:
        """`at_once`: a commit is on the disk when it returns, with all before it."""
        with self._lock, self._told("written"):
            self._connection.execute(f"PRAGMA synchronous={'FULL' if at_once else 'NORMAL'}")
            yield

    @contextmanager
    def _told(self, done: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValidationError) as error:
            if getattr(self, "_connection", None) is not None and self._connection.in_transaction:
                self._connection.rollback()
            raise StoreError(
                f"what the site keeps of masked analyses cannot be {done} ({error}).",
                where=str(self._path),
                remedy="Is its disk full, or its folder read-only? Nothing has left; ask again once it is mended.",
            ) from None
