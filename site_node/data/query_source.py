"""A query as a site's source: its rows are read anew when an analysis is prepared, and held until the next one is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from shared.codes import DATA_CHANGED
from shared.dictionary import Dictionary
from shared.errors import DataError
from site_node.data.database import Query
from site_node.data.reading import FileColumns
from site_node.data.snapshot import Snapshot, take
from site_node.data.units import Known

_log = structlog.get_logger()


@dataclass(frozen=True)
class _Held:
    rows: Snapshot
    fingerprint: str


@dataclass
class QuerySource:
    """The rows of a query. An analysis whose rows are no longer those that were read last is told that they have changed."""

    query: Query
    secret: bytes = field(repr=False)
    _held: _Held | None = field(default=None, init=False, repr=False)
    _rows: tuple[str, Known] | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def fingerprint(self) -> str:
        """The keyed hash of the rows that were read last; they are read if none were.

        Raises:
            DataError: the database cannot be read, or its rows cannot be columns.
        """
        with self._lock:
            return (self._held or self._read()).fingerprint

    @contextmanager
    def opened(self) -> Iterator[tuple[str, FileColumns]]:
        """The keyed hash of the rows as they are now, and their columns.

        Raises:
            DataError: the database cannot be read, or its rows cannot be columns.
        """
        with self._lock:
            held = self._read()
        yield held.fingerprint, FileColumns(held.rows.in_own_connection())

    def known(self, fingerprint: str, dictionary: Dictionary) -> Known:
        """The rows, by what they say in the dictionary's columns. Their ids are kept for the next time.

        Args:
            fingerprint: what the rows' was when their columns were read.
            dictionary: which columns are read, and which of them is the privacy unit.

        Raises:
            DataError: other rows were read since.
        """
        with self._lock:
            held = self._held or self._read()
            if held.fingerprint != fingerprint:
                raise DataError(
                    "the site's data have changed while they were read.",
                    where="the data",
                    remedy="Start a new analysis.",
                    code=DATA_CHANGED,
                )
            if self._rows is None or self._rows[0] != fingerprint:
                columns = FileColumns(held.rows.in_own_connection())
                self._rows = (fingerprint, columns.known(dictionary, self.secret))
            return self._rows[1]

    def _read(self) -> _Held:
        try:
            rows = take(self.query)
        except DataError as error:
            _log.warning("the database cannot be read", reason=str(error))
            raise
        self._held = _Held(rows, rows.fingerprint(self.secret))
        return self._held
