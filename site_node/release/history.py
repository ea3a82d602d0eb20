"""What a site has been asked and has released, in a SQLite file that outlives it: specifications, rounds, cohorts.

What is written is on the disk when the block of `writing` ends, so that a reply can wait for it. Nothing in the file is a sum or
a row: psi is the coordinator's, and rows and their privacy units are keyed hashes.
"""

import hmac
import json
import sqlite3
import threading
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import SettingsError, StoreError
from shared.specification import Specification
from site_node.release.cohorts import Released
from site_node.release.database import opened
from site_node.release.rounds import Point

_VERSION = 2
_TABLES = """
CREATE TABLE owner (mark BLOB NOT NULL);
CREATE TABLE specifications (fingerprint TEXT, sha256 TEXT, begun REAL NOT NULL, PRIMARY KEY (fingerprint, sha256));
CREATE TABLE analyses (id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, fingerprint TEXT NOT NULL, roster TEXT NOT NULL,
                       joined REAL, closed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE rounds (analysis TEXT, number INTEGER, point TEXT NOT NULL, PRIMARY KEY (analysis, number));
CREATE TABLE withheld (analysis TEXT, number INTEGER, PRIMARY KEY (analysis, number));
CREATE TABLE rows (position INTEGER PRIMARY KEY, ids BLOB NOT NULL, units BLOB NOT NULL);
CREATE TABLE cohorts (number INTEGER PRIMARY KEY, bits BLOB NOT NULL);
"""
_RESTORE = (
    "Put it back from a backup. Whoever moves it away begins anew, and takes it on himself that what was released before "
    "is not counted any more."
)


class History:
    """The file; or memory only, where there is none. Several threads, and several processes, take turns."""

    def __init__(self, path: Path | None, secret: bytes) -> None:
        """Opens the file, and makes it if it is not there.

        Raises:
            SettingsError: it cannot be written, is damaged, is something else, or was kept with another secret.
        """
        self._path = path
        self._alone = threading.RLock()
        try:
            self._connection = opened(path)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(f"cannot be written ({_name(error)})", "Let the site's user write it.") from None
        weakref.finalize(self, self._connection.close)
        try:
            with self._transaction():
                self._check(hmac.digest(secret, b"fedglmm history", "sha256"))
        except sqlite3.Error as error:
            raise self._unusable(f"is damaged, or is no history ({_name(error)})", _RESTORE) from None

    @contextmanager
    def writing(self) -> Iterator["History"]:
        """All of the block is written when it ends, or nothing if it raises.

        Raises:
            StoreError: it cannot be read or written.
        """
        try:
            with self._transaction():
                yield self
        except (sqlite3.Error, zlib.error, ValueError) as error:
            raise StoreError(
                f"what the site has released cannot be read or written down ({_name(error)}), so nothing leaves.",
                where="history",
                remedy="Is the site's disk full, or the file damaged?",
            ) from None

    def specification_of(self, analysis: str) -> str | None:
        """The hash of the specification that an analysis was prepared with, if it ever was."""
        sha256: str | None = self._value("SELECT sha256 FROM analyses WHERE id = ?", analysis)
        return sha256

    def fingerprint_of(self, analysis: str) -> str | None:
        """The keyed hash of the data that an analysis began with, if it ever did."""
        fingerprint: str | None = self._value("SELECT fingerprint FROM analyses WHERE id = ?", analysis)
        return fingerprint

    def asked_since(self, fingerprint: str, moment: float) -> int:
        """How many specifications were first asked of these data since then."""
        query = "SELECT count(*) FROM specifications WHERE fingerprint = ? AND begun > ?"
        return int(self._value(query, fingerprint, moment))

    def was_asked(self, fingerprint: str, sha256: str) -> bool:
        """Whether a specification was ever asked of these data."""
        query = "SELECT 1 FROM specifications WHERE fingerprint = ? AND sha256 = ?"
        return self._value(query, fingerprint, sha256) is not None

    def begin(self, analysis: str, specification: Specification, fingerprint: str, now: float) -> None:
        """Writes down what was asked; what is known already stays as it is."""
        asked = (fingerprint, specification.sha256, now)
        self._connection.execute("INSERT OR IGNORE INTO specifications VALUES (?, ?, ?)", asked)
        row = (analysis, specification.sha256, fingerprint, json.dumps(specification.roster))
        self._connection.execute(
            "INSERT OR IGNORE INTO analyses (id, sha256, fingerprint, roster) VALUES (?, ?, ?, ?)", row
        )

    def answered(self, analysis: str) -> dict[int, Point]:
        """Where each round of an analysis was answered."""
        rows = self._connection.execute("SELECT number, point FROM rounds WHERE analysis = ?", (analysis,))
        return {number: _point(written) for number, written in rows}

    def answer(self, analysis: str, number: int, point: Point) -> Point:
        """Writes down where a round is answered, unless it was before; where it then is."""
        self._connection.execute("INSERT OR IGNORE INTO rounds VALUES (?, ?, ?)", (analysis, number, json.dumps(point)))
        return _point(self._value("SELECT point FROM rounds WHERE analysis = ? AND number = ?", analysis, number))

    def withheld(self, analysis: str) -> set[int]:
        """The rounds of an analysis in which nothing was said because of a single unit."""
        rows = self._connection.execute("SELECT number FROM withheld WHERE analysis = ?", (analysis,))
        return {number for (number,) in rows}

    def withhold(self, analysis: str, number: int) -> None:
        """Writes such a round down."""
        self._connection.execute("INSERT OR IGNORE INTO withheld VALUES (?, ?)", (analysis, number))

    def close(self, analysis: str) -> None:
        """Writes down that an analysis has ended."""
        self._connection.execute("UPDATE analyses SET closed = 1 WHERE id = ?", (analysis,))

    def is_closed(self, analysis: str) -> bool:
        """Whether an analysis has ended."""
        return bool(self._value("SELECT closed FROM analyses WHERE id = ?", analysis))

    def join(self, analysis: str, now: float) -> None:
        """Writes down that an analysis has an answer of rows that only those of its other sites hide; the first one counts."""
        self._connection.execute("UPDATE analyses SET joined = coalesce(joined, ?) WHERE id = ?", (now, analysis))

    def rosters(self, fingerprint: str, since: float) -> set[tuple[str, ...]]:
        """The rosters of the analyses of these data that were joined so since then."""
        query = "SELECT DISTINCT roster FROM analyses WHERE fingerprint = ? AND joined > ?"
        return {tuple(json.loads(roster)) for (roster,) in self._connection.execute(query, (fingerprint, since))}

    def newest(self) -> float:
        """The latest moment that is written down; 0 if there is none."""
        moments = "SELECT begun AS moment FROM specifications UNION ALL SELECT joined FROM analyses"
        return float(self._value(f"SELECT coalesce(max(moment), 0) FROM ({moments})"))  # noqa: S608 -- our own names only

    def released(self) -> Released:
        """The cohorts that something was released of, whatever the data's state was."""
        parts = self._connection.execute("SELECT ids, units FROM rows ORDER BY position").fetchall()
        rows, units = (
            np.frombuffer(b"".join(part[k] for part in parts), dtype="<u8").astype(np.uint64) for k in range(2)
        )
        packed = self._connection.execute("SELECT bits FROM cohorts ORDER BY number")
        cohorts = tuple(np.frombuffer(zlib.decompress(bits), dtype=np.uint8) for (bits,) in packed)
        return Released(rows, units, cohorts)

    def release(self, before: Released, after: Released) -> None:
        """Writes down the cohorts, and their rows, that are released beyond those before."""
        new = [part[len(before.rows) :].astype("<u8").tobytes() for part in (after.rows, after.units)]
        if new[0]:
            self._connection.execute("INSERT INTO rows (ids, units) VALUES (?, ?)", new)
        for bits in after.cohorts[len(before.cohorts) :]:
            self._connection.execute("INSERT INTO cohorts (bits) VALUES (?)", (zlib.compress(bits.tobytes()),))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._alone:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:  # a full disk has ended it by itself
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _check(self, mark: bytes) -> None:
        """The file is whole and this site's; a new one is made so."""
        version = self._value("PRAGMA user_version")
        if version == 0 and self._value("SELECT count(*) FROM sqlite_schema") == 0:
            for table in _TABLES.strip().split(";\n"):
                self._connection.execute(table)
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            self._connection.execute("INSERT INTO owner VALUES (?)", (mark,))
        elif version != _VERSION:
            raise self._unusable("is of another program, or of another version of this one", _RESTORE)
        elif self._value("PRAGMA quick_check(1)") != "ok":
            raise self._unusable("is damaged", _RESTORE)
        elif self._value("SELECT mark FROM owner") != mark:
            remedy = f"Put the old secret_file back: with another one the site knows no row again. {_RESTORE}"
            raise self._unusable("was kept with another secret_file", remedy)

    def _value(self, query: str, *parameters: object) -> Any:
        """The first value of the first row; None if there is no row."""
        row = self._connection.execute(query, parameters).fetchone()
        return None if row is None else row[0]

    def _unusable(self, why: str, remedy: str) -> SettingsError:
        return SettingsError(f"the record of what was released {why}: {self._path}.", where="history", remedy=remedy)


def _point(written: str) -> Point:
    psi, basis, points = json.loads(written)
    return tuple(psi), tuple(basis), points


def _name(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return getattr(error, "sqlite_errorname", type(error).__name__)
