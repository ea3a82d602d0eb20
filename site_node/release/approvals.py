"""What a person at the site is asked to approve, and what was decided: a SQLite file that server and commands share."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from shared.errors import RequestError, StoreError, UnknownAnalysisError
from shared.printable import shown
from shared.specification import Specification
from site_node.changed import other_specification
from site_node.release.approval import Decision, Request, check_approved
from site_node.release.database import opened

_REQUESTS = """
CREATE TABLE IF NOT EXISTS requests (
    analysis TEXT PRIMARY KEY, specification TEXT NOT NULL, asked TEXT NOT NULL,
    approved INTEGER, decided TEXT, expires TEXT, reason TEXT NOT NULL DEFAULT '', bound TEXT NOT NULL DEFAULT ''
)
"""
_ENDINGS = "CREATE TABLE IF NOT EXISTS endings (analysis TEXT PRIMARY KEY, outcome TEXT NOT NULL)"
"""Of analyses that nobody had decided about."""
LONGEST_OUTCOME = 60
"""Characters of the coordinator's word for an ending."""
_log = structlog.get_logger()


class Approvals:
    """The file, opened anew for each use: a running server sees at once what a command decided."""

    def __init__(self, path: Path, site: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Makes the file unless it is there.

        Raises:
            StoreError: it cannot be written, or is no such file.
        """
        self._path = path
        self._site = site
        self._clock = clock
        with self._opened() as connection:
            connection.execute(_REQUESTS)
            connection.execute(_ENDINGS)

    def check(self, analysis: str, specification: Specification) -> None:
        """Lets an analysis pass that a person has approved, and writes down one that nobody was asked about before.

        Raises:
            ApprovalError: nobody has decided yet, or what was approved is something else, or has expired.
            RefusedError: a person has denied it.
            DataError: a person was asked about another specification under this id.
            StoreError: the file cannot be read or written.
        """
        try:
            request = self.find(analysis)
        except UnknownAnalysisError:
            request = self._asked(analysis, specification)
        if request.specification.sha256 != specification.sha256:
            raise other_specification()
        if request.ended is not None:
            self._resumed(analysis)
        check_approved(request, specification, self._clock())

    def all(self) -> list[Request]:
        """Everything that a person was asked about, the oldest first.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._opened() as connection:
            return [_request(row) for row in connection.execute(f"{_SELECT} ORDER BY asked, analysis")]

    def find(self, analysis: str) -> Request:
        """What a person was asked about an analysis.

        Raises:
            UnknownAnalysisError: nothing.
            StoreError: the file cannot be read.
        """
        with self._opened() as connection:
            row = connection.execute(f"{_SELECT} WHERE analysis = ?", (analysis,)).fetchone()
        if row is None:
            remedy = "`fedglmm-site approvals list` names those that a person is asked about."
            raise UnknownAnalysisError("nobody asked about such an analysis.", where=analysis, remedy=remedy)
        return _request(row)

    def approve(self, analysis: str, lasts: timedelta) -> Decision:
        """Approves an analysis, whatever was decided before.

        Raises:
            UnknownAnalysisError: nobody asked about it.
            RequestError: it ended before anybody decided.
            StoreError: the file cannot be written.
        """
        return self._decided(analysis, self._open(analysis).approve(self._clock(), lasts))

    def deny(self, analysis: str, reason: str = "") -> Decision:
        """Denies an analysis, whatever was decided before.

        Raises:
            UnknownAnalysisError: nobody asked about it.
            RequestError: it ended before anybody decided.
            StoreError: the file cannot be written.
        """
        return self._decided(self._open(analysis).analysis, Decision(approved=False, at=self._clock(), reason=reason))

    def end(self, analysis: str, outcome: str) -> None:
        """Writes down that an analysis is over, if a person was asked about it and had not decided.

        Raises:
            StoreError: the file cannot be written.
        """
        told = shown(outcome)[:LONGEST_OUTCOME]
        undecided = "SELECT analysis, ? FROM requests WHERE analysis = ? AND approved IS NULL"
        with self._opened() as connection:
            ended = connection.execute(f"INSERT OR REPLACE INTO endings {undecided}", (told, analysis)).rowcount
        if ended:
            _log.info("closed", site=self._site, analysis=analysis, outcome=told)

    def _open(self, analysis: str) -> Request:
        """What can be decided."""
        request = self.find(analysis)
        if request.ended is not None:
            raise RequestError(
                f"the analysis ended before anybody decided ({request.ended}).",
                where=analysis,
                remedy="There is nothing to decide. If it is submitted again it has another id, and asks anew.",
            )
        return request

    def _resumed(self, analysis: str) -> None:
        """It is asked again after all, by a coordinator that went back to an older copy of its database."""
        with self._opened() as connection:
            connection.execute("DELETE FROM endings WHERE analysis = ?", (analysis,))

    def _asked(self, analysis: str, specification: Specification) -> Request:
        _log.warning("awaiting approval", site=self._site, analysis=analysis)
        row = (analysis, specification.model_dump_json(), self._clock().isoformat())
        with self._opened() as connection:
            connection.execute("INSERT OR IGNORE INTO requests (analysis, specification, asked) VALUES (?, ?, ?)", row)
        return self.find(analysis)

    def _decided(self, analysis: str, decision: Decision) -> Decision:
        expires = None if decision.expires is None else decision.expires.isoformat()
        row = (decision.approved, decision.at.isoformat(), expires, decision.reason, decision.bound, analysis)
        update = "UPDATE requests SET approved = ?, decided = ?, expires = ?, reason = ?, bound = ? WHERE analysis = ?"
        with self._opened() as connection:
            connection.execute(update, row)
        return decision

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(opened(self._path)) as connection:
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"what a person has approved cannot be read or written ({error}).",
                where=str(self._path),
                remedy="Is its disk full, or its folder read-only? Nothing has left; ask again once it is mended.",
            ) from None


_SELECT = """
SELECT analysis, specification, asked, approved, decided, expires, reason, bound, outcome
FROM requests LEFT JOIN endings USING (analysis)
"""


def _request(row: tuple[str, str, str, int | None, str, str | None, str, str, str | None]) -> Request:
    analysis, written, asked, approved, decided, expires, reason, bound, outcome = row
    decision = None
    if approved is not None:
        until = None if expires is None else datetime.fromisoformat(expires)
        decision = Decision(bool(approved), datetime.fromisoformat(decided), until, reason, bound)
    ended = None if decision else outcome
    return Request(analysis, Specification.model_validate_json(written), datetime.fromisoformat(asked), decision, ended)
